//! Employees, and the parties that they have open opportunities with.

use std::collections::BTreeMap;

use patchbay_sdk::types::{Assignment, Error, Person};
use serde_json::{Value, json};

use crate::client::{self, Call, EMPLOYEE, OPPORTUNITY, Order};
use crate::deal::OPEN;
use crate::server::{self, Server};

/// What is asked of an employee.
const FIELDS: [&str; 4] = ["active", "party.name", "party.email", "party.phone"];

/// The same of the employee of an opportunity.
const ASSIGNED: [&str; 5] = [
    "party",
    "employee.active",
    "employee.party.name",
    "employee.party.email",
    "employee.party.phone",
];

/// Records on one page, of employees and of assignments.
const PAGE: u32 = 500;

/// Pages of employees that are read at most: the host allows 16 requests for one call.
const PAGES_MAX: u32 = 10;

/// Open opportunities that are looked at for the cards of one look-up, the newest of them.
const LOOKED_AT_MAX: u32 = 200;

/// Every employee of the company, also those who have left.
pub(crate) fn managers(server: &Server) -> Result<Vec<Person>, Error> {
    let (mut people, mut last) = (Vec::new(), 0);
    for _ in 0..PAGES_MAX {
        let domain = json!([["company", "=", server.company], ["id", ">", last]]);
        let call = Call::search(EMPLOYEE, &domain, &FIELDS, Order::OldestFirst, PAGE);
        let page = call.with_inactive().send(server, |answer| {
            client::each(answer, |record| Some((client::id_of(record)?, person(record)?)))
        })?;
        let is_full = u32::try_from(page.len()).is_ok_and(|count| PAGE <= count);
        last = page.last().map_or(last, |(id, _)| *id);
        people.extend(page.into_iter().map(|(_, person)| person));
        if !is_full {
            break;
        }
    }
    Ok(people)
}

/// An employee; `None` where there is none.
pub(crate) fn person(employee: &Value) -> Option<Person> {
    let party = employee.get("party");
    let text = |field: &str| party.and_then(|party| client::text(party, field)).map(str::to_owned);
    Some(Person {
        id: Some(client::id_of(employee)?.to_string()),
        name: text("name"),
        email: text("email"),
        phone: text("phone"),
        active: employee.get("active").and_then(Value::as_bool).unwrap_or(true),
    })
}

/// Who looks after these parties: the employee of the newest open opportunity.
pub(crate) fn of_parties(server: &Server, ids: &[u64]) -> Result<BTreeMap<u64, Person>, Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let domain = json!([["party", "in", ids], ["state", "in", OPEN], ["employee", "!=", null]]);
    let mut managers = BTreeMap::new();
    for assigned in assigned(server, &domain, LOOKED_AT_MAX)? {
        managers.entry(assigned.party).or_insert(assigned.manager);
    }
    Ok(managers)
}

/// Who has open opportunities with whom, one page of these at a time, the newest first.
///
/// The token is the id of the last opportunity of the page before.
pub(crate) fn assignments(
    server: &Server,
    page: Option<&str>,
) -> Result<(Vec<Assignment>, Option<String>), Error> {
    let wrong = || Error::invalid("page", "is no token of this CRM");
    let before = page.map(|page| server::id(page).ok_or_else(wrong)).transpose()?;
    let mut domain = vec![
        json!(["company", "=", server.company]),
        json!(["state", "in", OPEN]),
        json!(["employee", "!=", null]),
        json!(["party", "!=", null]),
    ];
    domain.extend(before.map(|id| json!(["id", "<", id])));
    let found = assigned(server, &domain.into(), PAGE)?;
    let is_full = u32::try_from(found.len()).is_ok_and(|count| PAGE <= count);
    let next = found.last().filter(|_| is_full).map(|last| last.opportunity.to_string());
    let mut assignments: Vec<Assignment> = Vec::new();
    for Assigned { party, manager, .. } in found {
        let card = party.to_string();
        match assignments.iter_mut().find(|known| known.manager.id == manager.id) {
            None => assignments.push(Assignment { manager, cards: vec![card] }),
            Some(known) if known.cards.contains(&card) => {}
            Some(known) => known.cards.push(card),
        }
    }
    Ok((assignments, next))
}

struct Assigned {
    opportunity: u64,
    party: u64,
    manager: Person,
}

fn assigned(server: &Server, domain: &Value, limit: u32) -> Result<Vec<Assigned>, Error> {
    let call = Call::search(OPPORTUNITY, domain, &ASSIGNED, Order::NewestFirst, limit);
    call.send(server, |answer| {
        client::each(answer, |record| {
            let manager = person(record.get("employee")?)?;
            let party = record.get("party")?.as_u64()?;
            Some(Assigned { opportunity: client::id_of(record)?, party, manager })
        })
    })
}
