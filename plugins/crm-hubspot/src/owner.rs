//! Owners: HubSpot's managers, kept by their ids so that a card can name its own without a request.

use std::collections::BTreeMap;

use patchbay_sdk::form;
use patchbay_sdk::kv::{self, Batch};
use patchbay_sdk::log;
use patchbay_sdk::types::{Assignment, Error, Person};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::account::Account;
use crate::contact::CONTACTS;
use crate::names;
use crate::object::{self, Object};
use crate::request::Call;
use crate::server::Server;

/// Where they are kept, as JSON.
const ENTRY: &str = "owners";

/// Most pages of owners in one call, which has 16 requests: 100 owners each.
const PAGES_MAX: usize = 12;

/// Most owners asked for one by one in one call.
const ASKED_MAX: usize = 3;

/// Longest token of a page.
const TOKEN_BYTES_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Owner {
    name: Option<String>,
    email: Option<String>,
    active: bool,
}

impl Owner {
    /// The id of an owner and the owner; `None` for a queue, which is nobody.
    fn read(value: &Value) -> Option<(String, Self)> {
        let text = |key: &str| {
            let text = value.get(key).and_then(Value::as_str).map(str::trim);
            text.filter(|text| !text.is_empty())
        };
        if text("type").is_some_and(|kind| kind != "PERSON") {
            return None;
        }
        let halves = [text("firstName"), text("lastName")];
        let name: Vec<&str> = halves.into_iter().flatten().collect();
        let owner = Self {
            name: (!name.is_empty()).then(|| name.join(" ")),
            email: text("email").map(str::to_lowercase),
            active: value.get("archived").and_then(Value::as_bool) != Some(true),
        };
        Some((object::id(value.get("id")?)?, owner))
    }

    fn person(self, id: &str) -> Person {
        let Self { name, email, active } = self;
        Person { id: Some(id.to_owned()), name, email, phone: None, active }
    }
}

/// The owners that are known, and a few more that are asked for.
pub(crate) struct Directory<'s> {
    server: &'s Server,
    owners: BTreeMap<String, Owner>,
    asks_left: usize,
}

impl<'s> Directory<'s> {
    pub(crate) fn known(server: &'s Server) -> Result<Self, Error> {
        let kept = kv::get(ENTRY)?.unwrap_or_default();
        let owners = serde_json::from_slice(&kept).unwrap_or_default();
        Ok(Self { server, owners, asks_left: ASKED_MAX })
    }

    /// The owner with this id. A name that cannot be had now is no failure of the call.
    pub(crate) fn person(&mut self, id: &str) -> Person {
        if let Some(owner) = self.owners.get(id) {
            return owner.clone().person(id);
        }
        let nameless = Owner { name: None, email: None, active: true };
        if self.asks_left == 0 || !names::is_id(id) {
            return nameless.person(id);
        }
        self.asks_left -= 1;
        let owner = match Call::get(format!("/crm/v3/owners/{id}")).send(self.server, Owner::read) {
            Ok((_, owner)) => owner,
            // Who has left is told to nobody.
            Err(Error::NotFound(_)) => Owner { active: false, ..nameless },
            Err(_) => return nameless.person(id),
        };
        self.owners.insert(id.to_owned(), owner.clone());
        keep(&self.owners);
        owner.person(id)
    }
}

/// Every owner, those who have left as well.
pub(crate) fn list(server: &Server) -> Result<Vec<Person>, Error> {
    let owners = all(server)?;
    Account::refresh(server)?;
    Ok(owners.into_iter().map(|(id, owner)| owner.person(&id)).collect())
}

fn all(server: &Server) -> Result<BTreeMap<String, Owner>, Error> {
    let mut owners = BTreeMap::new();
    let mut pages = 0;
    for archived in [false, true] {
        let mut after = String::new();
        loop {
            pages += 1;
            let path = format!("/crm/v3/owners/?limit=100{after}&archived={archived}");
            let (page, next) = Call::get(path).send(server, |answer| {
                let owners = answer.get("results")?.as_array()?;
                Some((
                    owners.iter().filter_map(Owner::read).collect::<Vec<_>>(),
                    object::next_page(answer),
                ))
            })?;
            for (id, owner) in page {
                // One who is here again is not the one who has left.
                owners.entry(id).or_insert(owner);
            }
            match next {
                Some(next) if pages < PAGES_MAX => {
                    after = format!("&after={}", form::encoded(&next));
                }
                Some(_) => {
                    log::warn("there are more owners than are read; the first of them are known");
                    break;
                }
                None => break,
            }
        }
    }
    keep(&owners);
    Ok(owners)
}

fn keep(owners: &BTreeMap<String, Owner>) {
    let json = serde_json::to_vec(owners).expect("texts and flags are JSON");
    if Batch::new().set(ENTRY, json).commit().is_err() {
        log::debug("the owners could not be kept, and are asked for again");
    }
}

/// One page of contacts with the owners they have. One owner may stand on several pages.
pub(crate) fn assignments(
    server: &Server,
    page: Option<&str>,
) -> Result<(Vec<Assignment>, Option<String>), Error> {
    if page.is_some_and(|page| page.is_empty() || TOKEN_BYTES_MAX < page.len()) {
        return Err(Error::invalid("page", "is no token that this adapter gave"));
    }
    let after = page.map(|page| format!("&after={}", form::encoded(page))).unwrap_or_default();
    let owner = names::OWNER;
    let path =
        format!("/crm/v3/objects/{CONTACTS}?limit=100{after}&properties={owner}&archived=false");
    let (contacts, next) = Call::get(path)
        .send(server, |answer| Some((Object::list(answer)?, object::next_page(answer))))?;
    let mut cards: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for contact in contacts {
        if let Some(id) = contact.text(owner) {
            cards.entry(id.to_owned()).or_default().push(contact.id.clone());
        }
    }
    let mut directory = Directory::known(server)?;
    if directory.owners.is_empty() && !cards.is_empty() {
        directory.owners = all(server)?;
    }
    let assignment =
        |(id, cards): (String, Vec<String>)| Assignment { manager: directory.person(&id), cards };
    Ok((cards.into_iter().map(assignment).collect(), next))
}

/// Refuses an id that no owner can have.
pub(crate) fn check(id: &str) -> Result<(), Error> {
    if names::is_id(id) {
        return Ok(());
    }
    Err(Error::invalid("manager", "is no id of an owner in HubSpot"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_owner_is_read_and_a_queue_is_not() {
        let (id, owner) = Owner::read(&json!({
            "id": "700", "email": "Olha@example.test", "firstName": "Olha", "lastName": null,
            "type": "PERSON", "archived": false,
        }))
        .unwrap();
        assert_eq!((id.as_str(), owner.name.as_deref()), ("700", Some("Olha")));
        assert_eq!((owner.email.as_deref(), owner.active), (Some("olha@example.test"), true));
        assert_eq!(Owner::read(&json!({ "id": "7", "type": "QUEUE" })), None);
        assert!(!Owner::read(&json!({ "id": 7, "archived": true })).unwrap().1.active);
        assert!(matches!(check("olha"), Err(Error::Invalid(_))));
    }
}
