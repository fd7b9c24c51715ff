//! The employees of the portal, and the contacts they look after.

use std::collections::{BTreeMap, BTreeSet};

use patchbay_sdk::types::{Assignment, Error, Person};
use serde_json::{Value, json};

use crate::call::{self, COMMANDS_MAX, CONTACT, Command, OnError, PAGE};
use crate::portal::Portal;
use crate::record::{self, Record};

/// Pages of contacts in one page of assignments, each of which starts where the one before ends.
const PAGES_AT_ONCE: usize = 10;

/// Every employee, also those who were dismissed.
pub(crate) fn list(portal: &Portal) -> Result<Vec<Person>, Error> {
    let mut answers = call::batch(portal, &[employees(0)], OnError::Halt)?;
    let mut users = Users::default();
    let mut next = users.take(answers.take("u0")?).then_some(PAGE);
    while let Some(start) = next {
        let starts = (start..).step_by(PAGE).take(pages_at(start));
        let commands: Vec<Command> = starts.map(employees).collect();
        let mut answers = call::batch(portal, &commands, OnError::Halt)?;
        next = None;
        for (index, command) in commands.iter().enumerate() {
            // A page after the last repeats it: what brings nobody new is the end.
            if !users.take(answers.take(&command.name)?) {
                break;
            }
            next = (index + 1 == commands.len()).then_some(start + commands.len() * PAGE);
        }
    }
    Ok(users.persons)
}

/// Few pages at first: most portals have less than 500 employees.
fn pages_at(start: usize) -> usize {
    if start == PAGE { PAGES_AT_ONCE } else { COMMANDS_MAX }
}

#[derive(Debug, Default)]
struct Users {
    seen: BTreeSet<u64>,
    persons: Vec<Person>,
}

impl Users {
    /// Whether the page was full and brought somebody new, so that there may be more.
    fn take(&mut self, page: Value) -> bool {
        let page = Record::list(page);
        let before = self.seen.len();
        for user in &page {
            if user.id().is_some_and(|id| self.seen.insert(id)) {
                self.persons.extend(person(user));
            }
        }
        PAGE <= page.len() && before < self.seen.len()
    }
}

fn employees(start: usize) -> Command {
    let params = json!({ "FILTER": { "USER_TYPE": "employee" }, "sort": "ID", "order": "ASC", "start": start });
    Command::read(format!("u{start}"), "user.get", params)
}

/// Employees by ids that earlier commands of the same request answer.
pub(crate) fn by_references(name: &str, references: impl IntoIterator<Item = String>) -> Command {
    // Empty references would leave a filter that everybody passes: nobody has the number zero.
    let ids: Vec<String> = std::iter::once("0".to_owned()).chain(references).collect();
    Command::read(name, "user.get", json!({ "FILTER": { "@ID": ids } }))
}

pub(crate) fn person(user: &Record) -> Option<Person> {
    let id = user.id()?;
    let names: Vec<String> =
        ["NAME", "LAST_NAME"].into_iter().filter_map(|part| user.text(part)).collect();
    let mut phone = ["WORK_PHONE", "PERSONAL_MOBILE", "UF_PHONE_INNER"].into_iter();
    Some(Person {
        id: Some(id.to_string()),
        name: (!names.is_empty()).then(|| names.join(" ")),
        email: user.text("EMAIL"),
        phone: phone.find_map(|field| user.text(field)),
        active: user.flag("ACTIVE").unwrap_or(true),
    })
}

/// A manager of whom no more is known.
pub(crate) fn only_id(id: u64) -> Person {
    Person { id: Some(id.to_string()), name: None, email: None, phone: None, active: true }
}

/// Who looks after the next 500 contacts, and the token of the page after them: the last one's id.
pub(crate) fn assignments(
    portal: &Portal,
    page: Option<&str>,
) -> Result<(Vec<Assignment>, Option<String>), Error> {
    let after = match page {
        None => 0,
        Some(page) => record::id_of(page)
            .ok_or_else(|| Error::invalid("page", "is no token that this adapter gave"))?,
    };
    let (contacts, next) = contacts(portal, after)?;
    let mut cards: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for contact in &contacts {
        if let (Some(id), Some(manager)) = (contact.id(), contact.number("assignedById")) {
            cards.entry(manager).or_default().push(id.to_string());
        }
    }
    let users = named(portal, &cards.keys().copied().collect::<Vec<_>>())?;
    let assignment = |(id, cards): (u64, Vec<String>)| {
        let user = users.iter().find(|user| user.id() == Some(id));
        Assignment { manager: user.and_then(person).unwrap_or_else(|| only_id(id)), cards }
    };
    Ok((cards.into_iter().map(assignment).collect(), next.map(|id| id.to_string())))
}

/// Contacts after one, with the id to go on from where there are more.
fn contacts(portal: &Portal, after: u64) -> Result<(Vec<Record>, Option<u64>), Error> {
    let page = |index: usize| {
        let after = match index.checked_sub(1) {
            None => json!(after),
            Some(before) => json!(format!("$result[c{before}][items][{}][id]", PAGE - 1)),
        };
        let params = json!({
            "entityTypeId": CONTACT,
            "filter": { ">id": after },
            "order": { "id": "ASC" },
            "select": ["id", "assignedById"],
            "start": -1,
        });
        Command::read(format!("c{index}"), "crm.item.list", params)
    };
    let commands: Vec<Command> = (0..PAGES_AT_ONCE).map(page).collect();
    let mut answers = call::batch(portal, &commands, OnError::GoOn)?;
    let (mut all, mut last) = (Vec::new(), after);
    for command in &commands {
        let page = Record::list(answers.take(&command.name)?);
        let is_full = PAGE <= page.len();
        last = page.iter().filter_map(Record::id).max().unwrap_or(last);
        all.extend(page);
        if !is_full {
            // The pages after a short one refer to nothing, and say nothing.
            return Ok((all, None));
        }
    }
    Ok((all, Some(last)))
}

/// The employees with these ids; none where the webhook may not read them.
fn named(portal: &Portal, ids: &[u64]) -> Result<Vec<Record>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let chunk = |(index, ids): (usize, &[u64])| {
        let params = json!({ "FILTER": { "@ID": ids }, "start": 0 });
        Command::read(format!("u{index}"), "user.get", params)
    };
    let commands: Vec<Command> = ids.chunks(PAGE).enumerate().map(chunk).collect();
    let mut answers = call::batch(portal, &commands, OnError::GoOn)?;
    let mut users = Vec::new();
    for command in &commands {
        match answers.take(&command.name) {
            Ok(page) => users.extend(Record::list(page)),
            Err(Error::Unsupported(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests;
