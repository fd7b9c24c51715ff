//! Users of the CRM, and whose contacts are whose.

use std::collections::BTreeMap;

use patchbay_sdk::types::{Assignment, Error, Person};
use serde_json::Value;

use crate::account::Account;
use crate::client;
use crate::map;
use crate::record::Record;

/// Every user, also those who are switched off.
pub(crate) fn list(account: &Account) -> Result<Vec<Person>, Error> {
    let users = client::all(account, "/users", "users")?;
    Ok(users.into_iter().filter_map(Record::read).map(|user| person(&user)).collect())
}

fn person(user: &Record) -> Person {
    let is_active = user.get("rights").and_then(|rights| rights.get("is_active"));
    Person {
        id: Some(user.id.to_string()),
        name: user.text("name"),
        email: user.text("email").map(|email| email.to_lowercase()),
        phone: user.text("phone_number").or_else(|| user.text("phone")),
        // Where the rights are not told, nobody said that the user has left.
        active: is_active.and_then(Value::as_bool).unwrap_or(true),
    }
}

/// One page of contacts by their managers. Contacts are listed by their age, so that new ones do
/// not move others to another page. The names of the managers cost one request a page.
pub(crate) fn assignments(
    account: &Account,
    token: Option<&str>,
) -> Result<(Vec<Assignment>, Option<String>), Error> {
    let number = token.map_or(Some(1), map::number).and_then(|number| usize::try_from(number).ok());
    let number = number.ok_or_else(|| Error::invalid("page", "is no token of this CRM"))?;
    let (contacts, has_next) =
        client::page(account, "/contacts?order[id]=asc", number, "contacts")?;
    if contacts.is_empty() {
        return Ok((Vec::new(), None));
    }
    let mut cards: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for contact in contacts.into_iter().filter_map(Record::read) {
        let manager = contact.number("responsible_user_id").filter(|_| !contact.is_deleted());
        if let Some(manager) = manager {
            cards.entry(manager).or_default().push(contact.id.to_string());
        }
    }
    let managers = list(account)?;
    let person = |id: u64| {
        let id = id.to_string();
        let known = managers.iter().find(|person| person.id.as_ref() == Some(&id));
        // A user who was removed is not listed any more.
        known.cloned().unwrap_or(Person {
            id: Some(id),
            name: None,
            email: None,
            phone: None,
            active: false,
        })
    };
    let assignments =
        cards.into_iter().map(|(id, cards)| Assignment { manager: person(id), cards });
    let next = has_next.then(|| number.saturating_add(1).to_string());
    Ok((assignments.collect(), next))
}
