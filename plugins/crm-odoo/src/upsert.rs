//! Creating a partner so that a repeat finds it again, and changing one.

use patchbay_sdk::phone;
use patchbay_sdk::types::{Card, Error, Problem};
use serde_json::{Map, Value};

use crate::card::{self, Partner};
use crate::client::{self, PARTNER};
use crate::fields;
use crate::load;
use crate::map::IF_EMPTY;
use crate::once::{Known, Once};
use crate::record;
use crate::server::Server;

/// What the partner is called where nothing is known of the client.
const NO_NAME: &str = "Client";

/// A record that `map` made.
#[derive(Debug, Clone, PartialEq)]
struct Contact {
    vals: Map<String, Value>,
    if_empty: Map<String, Value>,
}

/// A partner with the operator's own fields.
struct Found {
    partner: Partner,
    own: Vec<String>,
}

impl Found {
    fn into_card(self, server: &Server) -> Card {
        self.partner.into_card(server, &self.own)
    }
}

pub(crate) fn upsert(
    server: &Server,
    id: Option<&str>,
    contact: &str,
    key: &str,
) -> Result<Card, Error> {
    let contact = Contact::parse(contact)?;
    let id = id.map(known_id).transpose()?;
    let once = Once::new(PARTNER, key)?;
    let known = once.known()?;
    if let Known::Done(done) = &known
        && let Some(done) = record::id(done)
        && id.is_none_or(|id| id == done)
    {
        return Ok(fetch(server, done)?.into_card(server));
    }
    match id {
        None => create(server, contact, key, &once, &known),
        Some(id) => update(server, id, contact, &once, &known),
    }
}

fn known_id(id: &str) -> Result<u64, Error> {
    record::id(id).ok_or_else(|| Error::NotFound("no contact of Odoo has such an id".to_owned()))
}

/// Two requests. The external id is made of the key, so that Odoo itself recognises a repeat.
fn create(
    server: &Server,
    contact: Contact,
    key: &str,
    once: &Once,
    known: &Known,
) -> Result<Card, Error> {
    let vals = contact.into_new(server);
    let id = once.write(known, || load::load(server, PARTNER, vals, key))?;
    once.done(id);
    written(server, id)
}

/// Two requests, or three where something only goes into an empty field; one where nothing is to be changed.
fn update(
    server: &Server,
    id: u64,
    mut contact: Contact,
    once: &Once,
    known: &Known,
) -> Result<Card, Error> {
    if contact.vals.is_empty() || !contact.if_empty.is_empty() {
        let held = fetch(server, id)?;
        contact.fill(server, Some(&held.partner));
        if contact.vals.is_empty() {
            return Ok(held.into_card(server));
        }
    }
    let call = client::write(PARTNER, id, &written_values(contact.vals));
    let is_done = |answer| (answer == Value::Bool(true)).then_some(());
    once.write(known, || client::send(server, &call, is_done))?;
    once.done(id);
    written(server, id)
}

/// Values for `write`, where a list of records is replaced by a command.
pub(crate) fn written_values(vals: Map<String, Value>) -> Value {
    let command = |(field, value): (String, Value)| match value {
        Value::Array(ids) => (field, serde_json::json!([[6, 0, ids]])),
        value => (field, value),
    };
    Value::Object(vals.into_iter().map(command).collect())
}

/// Reads back what was just written. A failure here no longer means that nothing was changed.
fn written(server: &Server, id: u64) -> Result<Card, Error> {
    match fetch(server, id) {
        Ok(found) => Ok(found.into_card(server)),
        Err(error @ (Error::RateLimited(_) | Error::Unauthorized(_))) => Err(error),
        Err(_) => Err(Error::UnknownOutcome(
            "the contact was written and could not be read again".to_owned(),
        )),
    }
}

fn fetch(server: &Server, id: u64) -> Result<Found, Error> {
    let own = fields::own(server, PARTNER)?;
    let call = client::read(PARTNER, id, &card::asked(server, &own));
    let partners = client::send(server, &call, card::partners);
    let partners = partners.inspect_err(|error| fields::forget_after(PARTNER, error))?;
    let found = partners.into_iter().find(|partner| partner.id() == id);
    let missing = || Error::NotFound("the contact does not exist in Odoo".to_owned());
    Ok(Found { partner: found.ok_or_else(missing)?, own })
}

impl Contact {
    fn parse(native: &str) -> Result<Self, Error> {
        let wrong = || {
            let text = "the record is none that map-fields of this adapter makes";
            Error::Invalid(vec![Problem::general(text)])
        };
        let Ok(Value::Object(mut vals)) = serde_json::from_str(native) else { return Err(wrong()) };
        let if_empty = match vals.remove(IF_EMPTY) {
            None => Map::new(),
            Some(Value::Object(values)) => values,
            Some(_) => return Err(wrong()),
        };
        Ok(Self { vals, if_empty })
    }

    /// Moves into the values what has its place still free; all of it where there is no partner yet.
    fn fill(&mut self, server: &Server, partner: Option<&Partner>) {
        for (field, value) in std::mem::take(&mut self.if_empty) {
            if field == "phone" {
                self.fill_phones(server, partner, &value);
            } else if partner.is_none_or(|partner| partner.is_empty(&field)) {
                self.vals.entry(field).or_insert(value);
            }
        }
    }

    /// Each number that the partner lacks goes into the first field for phones that is free.
    fn fill_phones(&mut self, server: &Server, partner: Option<&Partner>, numbers: &Value) {
        let numbers = match numbers {
            Value::Array(numbers) => numbers.iter().filter_map(Value::as_str).collect(),
            number => number.as_str().into_iter().collect::<Vec<_>>(),
        };
        for number in numbers {
            let is_same = |held: &str| phone::matches(number, held, None);
            let mut written = server.phones().filter_map(|field| self.vals.get(field)?.as_str());
            let is_held = written.any(is_same)
                || partner.is_some_and(|partner| partner.has_number(server, number));
            let is_free = |field: &&str| {
                !self.vals.contains_key(*field)
                    && partner.is_none_or(|partner| partner.is_empty(field))
            };
            if let Some(field) = server.phones().find(is_free).filter(|_| !is_held) {
                self.vals.insert(field.to_owned(), Value::String(number.to_owned()));
            }
        }
    }

    /// The values of a new partner. Odoo makes none without a name.
    fn into_new(mut self, server: &Server) -> Map<String, Value> {
        self.fill(server, None);
        let name = ["name", "email", "phone"]
            .iter()
            .find_map(|field| Some(self.vals.get(*field)?.as_str()?.to_owned()));
        let name = name.unwrap_or_else(|| NO_NAME.to_owned());
        self.vals.insert("name".to_owned(), Value::String(name));
        self.vals
    }
}

#[cfg(test)]
mod tests;
