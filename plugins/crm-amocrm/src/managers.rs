//! Users of the CRM, and whose contacts are whose.
//!
//! Contacts and deals name their user by a number alone. Who that is, is kept in the account's own
//! store, so that cards tell it without a request each.

use std::collections::BTreeMap;

use patchbay_sdk::kv::{self, Batch};
use patchbay_sdk::log;
use patchbay_sdk::types::{Assignment, Error, Person};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::account::Account;
use crate::client;
use crate::map;
use crate::record::Record;

/// Where the users are kept.
const USERS: &str = "users";

/// What is known of the users since they were last listed.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Staff {
    /// The token may not list them.
    #[serde(default)]
    refused: bool,
    users: BTreeMap<u64, User>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct User {
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    active: bool,
}

impl User {
    fn read(user: &Record) -> Self {
        let is_active = user.get("rights").and_then(|rights| rights.get("is_active"));
        Self {
            name: user.text("name"),
            email: user.text("email").map(|email| email.to_lowercase()),
            phone: user.text("phone_number").or_else(|| user.text("phone")),
            // Where the rights are not told, nobody said that the user has left.
            active: is_active.and_then(Value::as_bool).unwrap_or(true),
        }
    }

    fn into_person(self, id: u64) -> Person {
        let Self { name, email, phone, active } = self;
        Person { id: Some(id.to_string()), name, email, phone, active }
    }
}

impl Staff {
    fn remembered() -> Self {
        let held = kv::get(USERS).ok().flatten().unwrap_or_default();
        serde_json::from_slice(&held).unwrap_or_default()
    }

    /// Without it the next card costs one request more, so a store that fails is no failure.
    fn remember(&self) {
        let text = serde_json::to_vec(self).expect("texts and flags have a place in JSON");
        let is_kept =
            text.len() <= kv::VALUE_BYTES_MAX && Batch::new().set(USERS, text).commit().is_ok();
        if !is_kept {
            log::warn("the names of the users could not be kept");
        }
    }

    fn asked(account: &Account) -> Result<Self, Error> {
        let users = Record::read_all(client::all(account, "/users", "users")?);
        let users = users.iter().map(|user| (user.id, User::read(user))).collect();
        Ok(Self { refused: false, users })
    }

    /// A user who was removed is not listed any more; of one who may not be listed nothing is known.
    fn person(&self, id: u64) -> Person {
        let unknown = || User { active: self.refused, ..User::default() };
        self.users.get(&id).cloned().unwrap_or_else(unknown).into_person(id)
    }
}

/// Every user, also those who are switched off.
pub(crate) fn list(account: &Account) -> Result<Vec<Person>, Error> {
    let staff = Staff::asked(account)?;
    staff.remember();
    Ok(staff.users.into_iter().map(|(id, user)| user.into_person(id)).collect())
}

/// Tells who the persons are, whom cards and deals name by their ids. No request, or one where
/// somebody is not known yet.
pub(crate) fn name(account: &Account, persons: Vec<&mut Person>) {
    let id = |person: &Person| person.id.as_deref().and_then(map::number);
    let mut persons: Vec<(u64, &mut Person)> =
        persons.into_iter().filter_map(|person| Some((id(person)?, person))).collect();
    if persons.is_empty() {
        return;
    }
    let mut staff = Staff::remembered();
    let is_unknown = |staff: &Staff| persons.iter().any(|(id, _)| !staff.users.contains_key(id));
    if !staff.refused && is_unknown(&staff) {
        match Staff::asked(account) {
            Ok(asked) => staff = asked,
            Err(Error::Unsupported(_) | Error::PlanLimit(_)) => staff.refused = true,
            // The card is good without the name.
            Err(_) => return,
        }
        for (id, _) in &persons {
            // Not asked for again, at each card of somebody who was removed.
            if !staff.refused {
                staff.users.entry(*id).or_default();
            }
        }
        staff.remember();
    }
    for (id, person) in &mut persons {
        **person = staff.person(*id);
    }
}

/// One page of contacts by their managers. Contacts are listed by their age, so that new ones do
/// not move others to another page. The users are listed with the first page.
pub(crate) fn assignments(
    account: &Account,
    token: Option<&str>,
) -> Result<(Vec<Assignment>, Option<String>), Error> {
    let number = token.map_or(Some(1), map::number).and_then(|number| usize::try_from(number).ok());
    let number = number.ok_or_else(|| Error::invalid("page", "is no token of this CRM"))?;
    let (contacts, has_next) =
        client::page(account, "/contacts?order[id]=asc", number, "contacts")?;
    let mut cards: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for contact in contacts.into_iter().filter_map(Record::read) {
        let manager = contact.number("responsible_user_id").filter(|_| !contact.is_deleted());
        if let Some(manager) = manager {
            cards.entry(manager).or_default().push(contact.id.to_string());
        }
    }
    if cards.is_empty() {
        return Ok((Vec::new(), has_next.then(|| following(number))));
    }
    if number == 1 {
        list(account)?;
    }
    let nobody = Staff::default();
    let assignment = |(id, cards)| Assignment { manager: nobody.person(id), cards };
    let mut assignments: Vec<Assignment> = cards.into_iter().map(assignment).collect();
    name(account, assignments.iter_mut().map(|assignment| &mut assignment.manager).collect());
    Ok((assignments, has_next.then(|| following(number))))
}

fn following(page: usize) -> String {
    page.saturating_add(1).to_string()
}
