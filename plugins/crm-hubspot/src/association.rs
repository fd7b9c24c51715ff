//! What belongs to what: associations are read as they are now, unlike what the search shows.

use patchbay_sdk::form;
use patchbay_sdk::types::{Error, Subject};
use serde_json::{Value, json};

use crate::contact::CONTACTS;
use crate::errors;
use crate::names;
use crate::object;
use crate::request::Call;
use crate::server::Server;

/// What HubSpot calls deals in its addresses.
pub(crate) const DEALS: &str = "deals";

/// Most pages of one list, of 500 records each.
const PAGES_MAX: usize = 4;

/// What a new record is made under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    Note,
    Task,
    Call,
}

impl Activity {
    /// What HubSpot calls them in its addresses.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Note => "notes",
            Self::Task => "tasks",
            Self::Call => "calls",
        }
    }

    /// What lists of associations call them: names are promised for notes alone.
    pub(crate) fn listed_as(self) -> &'static str {
        match self {
            Self::Note => "notes",
            Self::Task => "0-27",
            Self::Call => "0-48",
        }
    }

    /// HubSpot's own number of the association.
    fn association(self, subject: &Subject) -> u32 {
        match (self, subject) {
            (Self::Note, Subject::Card(_)) => 202,
            (Self::Note, Subject::Deal(_)) => 214,
            (Self::Task, Subject::Card(_)) => 204,
            (Self::Task, Subject::Deal(_)) => 216,
            (Self::Call, Subject::Card(_)) => 194,
            (Self::Call, Subject::Deal(_)) => 206,
        }
    }
}

/// The association of a new deal with its contact.
pub(crate) fn of_deal(card: &str) -> Value {
    to(card, 3)
}

/// The association of a new activity with what it is attached to.
pub(crate) fn of_activity(activity: Activity, subject: &Subject) -> Value {
    let (Subject::Card(id) | Subject::Deal(id)) = subject;
    to(id, activity.association(subject))
}

fn to(id: &str, type_id: u32) -> Value {
    json!([{
        "to": { "id": id },
        "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id }],
    }])
}

/// The kind and the id of what something is attached to.
pub(crate) fn subject(subject: &Subject) -> Result<(&'static str, &str), Error> {
    let (kind, id) = match subject {
        Subject::Card(id) => (CONTACTS, id),
        Subject::Deal(id) => (DEALS, id),
    };
    if names::is_id(id) { Ok((kind, id)) } else { Err(errors::not_found()) }
}

/// The ids of all records of a kind that belong to this one, the newest first.
pub(crate) fn ids(server: &Server, from: (&str, &str), to: &str) -> Result<Vec<String>, Error> {
    let (kind, id) = from;
    let (mut ids, mut after): (Vec<String>, String) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let path = format!("/crm/v4/objects/{kind}/{id}/associations/{to}?limit=500{after}");
        let (page, next) = Call::get(path).send(server, |answer| {
            let results = answer.get("results")?.as_array()?;
            let ids = results.iter().map(|it| object::id(it.get("toObjectId")?));
            Some((ids.collect::<Option<Vec<_>>>()?, object::next_page(answer)))
        })?;
        ids.extend(page);
        let Some(next) = next else { break };
        after = format!("&after={}", form::encoded(&next));
    }
    // HubSpot counts its records upwards.
    ids.sort_by_key(|id| std::cmp::Reverse(id.parse::<u128>().unwrap_or_default()));
    ids.dedup();
    Ok(ids)
}
