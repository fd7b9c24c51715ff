//! The managers that the operator named, and the cards they look after.

use std::collections::BTreeMap;

use patchbay_sdk::types::{Assignment, Error, Person};
use patchbay_sdk::{kv, settings};
use serde::Deserialize;

use crate::card::Record;
use crate::describe;
use crate::store::{self, Kind};

/// How many cards one page of assignments looks at.
const PAGE_CARDS: u32 = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    #[serde(default = "yes")]
    active: bool,
}

fn yes() -> bool {
    true
}

/// Every manager of the setting `managers`.
pub(crate) fn list() -> Result<Vec<Person>, Error> {
    let Some(text) = settings::get(describe::MANAGERS) else { return Ok(Vec::new()) };
    let entries: Vec<Entry> = serde_json::from_str(&text).map_err(|error| {
        let message = format!(
            "should be a JSON list of objects with `id`, `name`, `email`, `phone`, `active`; look at line {}, column {}",
            error.line(),
            error.column()
        );
        Error::invalid(describe::MANAGERS, message)
    })?;
    let person = |entry: Entry| Person {
        id: Some(entry.id),
        name: entry.name,
        email: entry.email,
        phone: entry.phone,
        active: entry.active,
    };
    Ok(entries.into_iter().map(person).collect())
}

/// The manager with this id; one who is not named any more is not active.
pub(crate) fn person(id: &str) -> Result<Person, Error> {
    let found = list()?.into_iter().find(|person| person.id.as_deref() == Some(id));
    Ok(found.unwrap_or_else(|| Person {
        id: Some(id.to_owned()),
        name: None,
        email: None,
        phone: None,
        active: false,
    }))
}

/// Refuses an id that no manager has.
pub(crate) fn check(id: &str) -> Result<(), Error> {
    if list()?.iter().any(|person| person.id.as_deref() == Some(id)) {
        return Ok(());
    }
    Err(Error::invalid("manager", "no manager of the setting `managers` has this id"))
}

/// Who looks after the next cards. One manager may stand on several pages.
pub(crate) fn assignments(page: Option<&str>) -> Result<(Vec<Assignment>, Option<String>), Error> {
    let after = page.map(parse_page).transpose()?;
    let keys = kv::keys("card/", after.as_deref(), PAGE_CARDS)?;
    let mut cards: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in &keys {
        let id = key.strip_prefix("card/").and_then(|id| id.parse().ok());
        let Some(read) = id.map(|id| store::read::<Record>(Kind::Card, id)).transpose()?.flatten()
        else {
            continue;
        };
        if let Some(manager) = read.record.manager() {
            cards.entry(manager.to_owned()).or_default().push(read.record.id.to_string());
        }
    }
    let is_full = u32::try_from(keys.len()).is_ok_and(|count| count >= PAGE_CARDS);
    let next =
        keys.last().filter(|_| is_full).and_then(|key| key.strip_prefix("card/")).map(page_token);
    let assignments = cards
        .into_iter()
        .map(|(manager, cards)| Ok(Assignment { manager: person(&manager)?, cards }));
    Ok((assignments.collect::<Result<_, Error>>()?, next))
}

/// The token of a page is the id of the last card before it.
fn page_token(padded: &str) -> String {
    padded.trim_start_matches('0').to_owned()
}

fn parse_page(token: &str) -> Result<String, Error> {
    let id =
        store::parse_id(token).ok_or_else(|| Error::invalid("page", "is no token of this CRM"))?;
    Ok(Kind::Card.key(id))
}
