//! Users of Odoo as managers, and who looks after which contact.

use std::collections::BTreeMap;

use patchbay_sdk::log;
use patchbay_sdk::types::{Assignment, Error, Person};
use serde_json::{Value, json};

use crate::client::{self, PARTNER};
use crate::record::{self, Record};
use crate::server::Server;

const USERS: &str = "res.users";

/// Users on a page.
const USERS_PAGE: u32 = 500;

/// Pages of one call: the host allows 16 requests.
const PAGES_MAX: usize = 12;

/// Contacts on a page of assignments.
const CARDS_PAGE: u32 = 500;

/// The user that a field refers to, as far as the reference tells.
pub(crate) fn named(record: &Record, field: &str) -> Option<Person> {
    let (id, name) = record.reference(field)?;
    let name = name.map(str::to_owned);
    Some(Person { id: Some(id.to_string()), name, email: None, phone: None, active: true })
}

/// Every user of the company, also those who are archived. People of portals are none.
pub(crate) fn list(server: &Server) -> Result<Vec<Person>, Error> {
    let mut people = Vec::new();
    let mut after = 0;
    for _ in 0..PAGES_MAX {
        let domain =
            json!([["share", "=", false], ["active", "in", [true, false]], ["id", ">", after],]);
        let users = users(server, &domain)?;
        let is_last = is_last(users.len(), USERS_PAGE);
        after = users.last().map_or(after, |user| user.id);
        people.extend(users.iter().map(person));
        if is_last {
            return Ok(people);
        }
    }
    log::warn("there are more users than are read; the first of them are known");
    Ok(people)
}

fn users(server: &Server, domain: &Value) -> Result<Vec<Record>, Error> {
    let fields = ["id", "name", "login", "email", "phone", "active"];
    let call = client::page(USERS, domain, &fields, "id", USERS_PAGE);
    client::send(server, &call, record::records)
}

fn is_last(count: usize, page: u32) -> bool {
    count < usize::try_from(page).unwrap_or(usize::MAX)
}

fn person(user: &Record) -> Person {
    let login = || user.text("login").filter(|login| login.contains('@'));
    Person {
        id: Some(user.id.to_string()),
        name: user.text("name").map(str::to_owned),
        email: user.text("email").or_else(login).map(str::to_lowercase),
        phone: user.text("phone").map(str::to_owned),
        active: user.flag("active") != Some(false),
    }
}

/// One page of contacts that have a salesperson, by their ids.
pub(crate) fn assignments(
    server: &Server,
    page: Option<&str>,
) -> Result<(Vec<Assignment>, Option<String>), Error> {
    let after = match page {
        None => 0,
        Some(page) => {
            let wrong = || Error::invalid("page", "is no token that this adapter gave");
            record::id(page).ok_or_else(wrong)?
        }
    };
    let domain = json!([["user_id", "!=", false], ["id", ">", after]]);
    let call = client::page(PARTNER, &domain, &["id", "user_id"], "id", CARDS_PAGE);
    let contacts = client::send(server, &call, record::records)?;
    let next = contacts.last().map(|contact| contact.id.to_string());
    let next = next.filter(|_| !is_last(contacts.len(), CARDS_PAGE));
    let mut cards: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for contact in &contacts {
        if let Some((user, _)) = contact.reference("user_id") {
            cards.entry(user).or_default().push(contact.id.to_string());
        }
    }
    let known = known(server, &cards.keys().copied().collect::<Vec<_>>())?;
    let assignment = |(user, cards): (u64, Vec<String>)| {
        let manager = known.get(&user).cloned().unwrap_or_else(|| Person {
            id: Some(user.to_string()),
            name: None,
            email: None,
            phone: None,
            active: false,
        });
        Assignment { manager, cards }
    };
    Ok((cards.into_iter().map(assignment).collect(), next))
}

fn known(server: &Server, ids: &[u64]) -> Result<BTreeMap<u64, Person>, Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let domain = json!([["id", "in", ids], ["active", "in", [true, false]]]);
    Ok(users(server, &domain)?.iter().map(|user| (user.id, person(user))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(user: &Value) -> Person {
        person(&record::records(json!([user])).unwrap()[0])
    }

    #[test]
    fn a_user_is_known_by_the_address_or_by_a_login_that_is_one() {
        let olha = read(&json!({
            "id": 7, "name": "Olha", "login": "Olha@example.test", "email": false, "phone": false, "active": true,
        }));
        assert_eq!(olha.email.as_deref(), Some("olha@example.test"));
        assert!(olha.active && olha.phone.is_none());
        let admin = read(
            &json!({ "id": 2, "name": "A", "login": "admin", "email": false, "active": false }),
        );
        assert_eq!((admin.email, admin.active), (None, false));
    }
}
