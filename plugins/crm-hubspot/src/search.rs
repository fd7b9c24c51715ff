//! The search for contacts: groups of filters within HubSpot's limits, and every page of the hits.

use patchbay_sdk::log;
use patchbay_sdk::phone;
use patchbay_sdk::types::{Error, Identifier};
use serde_json::{Value, json};

use crate::contact::CONTACTS;
use crate::object::{self, Object};
use crate::request::Call;
use crate::server::Server;
use crate::{contact, lookup, names};

/// Most groups in one search; they are joined by "or".
pub(crate) const GROUPS_MAX: usize = 5;

/// Most searches for one client: more identifiers than these hold are not looked for.
const SEARCHES_MAX: usize = 3;

/// Hits of one page.
const PAGE: u32 = 100;

/// Most pages of one search. The contract has room for 20 cards; more hits than these pages hold
/// mean that something else is wrong with the account.
const PAGES_MAX: usize = 3;

/// Most values of one filter.
const VALUES_MAX: usize = 100;

/// The properties that hold a number without its country, as HubSpot understood it.
const NATIONAL: [&str; 2] =
    ["hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number"];

/// The contacts that the search shows for any of the identifiers, not yet compared again.
pub(crate) fn search(server: &Server, any_of: &[Identifier]) -> Result<Vec<Object>, Error> {
    let groups = groups(server, any_of);
    let mut found: Vec<Object> = Vec::new();
    for groups in groups.chunks(GROUPS_MAX).take(SEARCHES_MAX) {
        for contact in pages(server, groups)? {
            if found.iter().all(|known| known.id != contact.id) {
                found.push(contact);
            }
        }
    }
    if SEARCHES_MAX * GROUPS_MAX < groups.len() {
        log::warn("a client with very many identifiers was looked up by the first of them only");
    }
    Ok(found)
}

fn pages(server: &Server, groups: &[Value]) -> Result<Vec<Object>, Error> {
    let mut contacts = Vec::new();
    let mut after = "0".to_owned();
    for _ in 0..PAGES_MAX {
        let body = json!({
            "filterGroups": groups, "properties": contact::asked(server), "limit": PAGE,
            "after": after, "sorts": [],
        });
        let read = |answer: &Value| Some((Object::list(answer)?, object::next_page(answer)));
        let (page, next) = Call::search(CONTACTS, body).send(server, read)?;
        contacts.extend(page);
        let Some(next) = next else { return Ok(contacts) };
        after = next;
    }
    log::warn("a search found more contacts than are read; the first of them are answered");
    Ok(contacts)
}

/// The groups, the surest first. The last ones look for numbers as they were typed in, which only
/// fill what room is left: HubSpot keeps a form of its own of every number.
fn groups(server: &Server, any_of: &[Identifier]) -> Vec<Value> {
    let emails = texts(any_of, |identifier| match identifier {
        Identifier::Email(email) => vec![email.trim().to_lowercase()],
        _ => Vec::new(),
    });
    let external = texts(any_of, |identifier| match identifier {
        Identifier::External(external) => lookup::reference(external).into_iter().collect(),
        _ => Vec::new(),
    });
    let numbers = texts(any_of, |identifier| match identifier {
        Identifier::Phone(number) => forms(number),
        _ => Vec::new(),
    });
    let typed = texts(any_of, |identifier| match identifier {
        Identifier::Phone(number) => {
            phone::searched(number).into_iter().chain(forms(number)).collect()
        }
        _ => Vec::new(),
    });
    let mut groups: Vec<Value> = one_of(names::EMAIL, &emails).into_iter().collect();
    groups.extend(server.external_property.as_deref().and_then(|name| one_of(name, &external)));
    groups.extend(NATIONAL.iter().filter_map(|name| one_of(name, &numbers)));
    let token =
        |email: &String| group(names::MORE_EMAILS, "CONTAINS_TOKEN", json!({ "value": email }));
    groups.extend(emails.iter().map(token));
    let room = (GROUPS_MAX - groups.len() % GROUPS_MAX) % GROUPS_MAX;
    let typed = [names::PHONE, names::MOBILE].into_iter().filter_map(|name| one_of(name, &typed));
    groups.extend(typed.take(room));
    groups
}

fn texts(any_of: &[Identifier], of: impl Fn(&Identifier) -> Vec<String>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for text in any_of.iter().flat_map(of) {
        if !text.is_empty() && !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.truncate(VALUES_MAX);
    texts
}

fn one_of(property: &str, values: &[String]) -> Option<Value> {
    match values {
        [] => None,
        [value] => Some(group(property, "EQ", json!({ "value": value }))),
        values => {
            // A list is compared with what the search keeps, which is in small letters.
            let values: Vec<String> = values.iter().map(|value| value.to_lowercase()).collect();
            Some(group(property, "IN", json!({ "values": values })))
        }
    }
}

fn group(property: &str, operator: &str, mut filter: Value) -> Value {
    if let Some(filter) = filter.as_object_mut() {
        filter.insert("propertyName".to_owned(), property.into());
        filter.insert("operator".to_owned(), operator.into());
    }
    json!({ "filters": [filter] })
}

/// The digits of a number with and without its country, and with the trunk prefixes in use: which
/// country it is of is not known here, and what does not belong to it is sorted out afterwards.
fn forms(number: &str) -> Vec<String> {
    let Some(whole) = phone::international(number) else {
        return phone::searched(number).into_iter().collect();
    };
    if whole.len() < phone::DIGITS_MIN {
        return Vec::new();
    }
    let mut forms = vec![whole.clone()];
    for country in 1..=3 {
        let Some(national) = whole.get(country..).filter(|rest| NATIONAL_MIN <= rest.len()) else {
            break;
        };
        let rest = national.trim_start_matches('0');
        forms.extend([rest.to_owned(), format!("0{rest}")]);
        // In the countries of +7 the trunk prefix is 8.
        if whole.starts_with('7') && country == 1 {
            forms.push(format!("8{rest}"));
        }
    }
    forms
}

/// Shorter than this no number of a country is.
const NATIONAL_MIN: usize = 6;

#[cfg(test)]
mod tests;
