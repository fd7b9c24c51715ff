//! Creating a partner so that a repeat finds it again, and changing one.

use patchbay_sdk::types::{Card, Error, Problem};
use serde_json::{Map, Value};

use crate::card::{self, Partner};
use crate::client;
use crate::errors;
use crate::lookup;
use crate::map::IF_EMPTY;
use crate::server::Server;

const KEY_BYTES_MAX: usize = 128;

/// What the partner is called where nothing is known of the client.
const NO_NAME: &str = "Client";

/// A record that `map` made.
#[derive(Debug, Clone, PartialEq)]
struct Contact {
    vals: Map<String, Value>,
    if_empty: Map<String, Value>,
}

/// What `load` answers.
#[derive(Debug, PartialEq)]
enum Loaded {
    Partner(u64),
    Refused(Vec<(Option<String>, String)>),
}

pub(crate) fn upsert(
    server: &Server,
    id: Option<&str>,
    contact: &str,
    key: &str,
) -> Result<Card, Error> {
    let contact = Contact::parse(contact)?;
    match id {
        None => create(server, contact, key),
        Some(id) => {
            let known = lookup::card_id(id)
                .ok_or_else(|| Error::NotFound("no partner has such an id".to_owned()))?;
            update(server, known, contact)
        }
    }
}

/// Two requests. The external id is made of the key, so that Odoo itself recognises a repeat.
fn create(server: &Server, contact: Contact, key: &str) -> Result<Card, Error> {
    let (fields, row) = contact.into_row(&external_id(server, key)?);
    match client::send(server, &client::load(&fields, &row), |answer| loaded(&answer))? {
        Loaded::Partner(id) => written(server, id),
        Loaded::Refused(messages) => Err(errors::refused_row(&messages)),
    }
}

/// Two requests, or three where something only goes into an empty field; one where nothing is to be changed.
fn update(server: &Server, id: u64, mut contact: Contact) -> Result<Card, Error> {
    if contact.vals.is_empty() || !contact.if_empty.is_empty() {
        let partner = fetch(server, id)?;
        contact.fill(&partner);
        if contact.vals.is_empty() {
            return Ok(partner.into_card(server));
        }
    }
    let call = client::write(id, &Value::Object(contact.vals));
    client::send(server, &call, |answer| (answer == Value::Bool(true)).then_some(()))?;
    written(server, id)
}

/// Reads back what was just written. A failure here no longer means that nothing was changed.
fn written(server: &Server, id: u64) -> Result<Card, Error> {
    match fetch(server, id) {
        Ok(partner) => Ok(partner.into_card(server)),
        Err(error @ (Error::RateLimited(_) | Error::Unauthorized(_))) => Err(error),
        Err(_) => Err(Error::UnknownOutcome(
            "the partner was written and could not be read again".to_owned(),
        )),
    }
}

fn fetch(server: &Server, id: u64) -> Result<Partner, Error> {
    let partners = client::send(server, &client::read(id, &card::asked(server)), card::partners)?;
    let found = partners.into_iter().find(|partner| partner.id == id);
    found.ok_or_else(|| Error::NotFound("the partner does not exist in Odoo".to_owned()))
}

/// Module and name. The contract's keys need no escaping: they are letters, digits, `-` and `_`.
fn external_id(server: &Server, key: &str) -> Result<String, Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if key.is_empty() || KEY_BYTES_MAX < key.len() || !key.bytes().all(fits) {
        return Err(Error::Invalid(vec![Problem {
            field: None,
            message: "the idempotency key must be 1 to 128 letters, digits, `-` and `_`".to_owned(),
        }]));
    }
    Ok(format!("{}.{key}", server.module))
}

fn loaded(answer: &Value) -> Option<Loaded> {
    match answer.get("ids")? {
        Value::Array(ids) => Some(Loaded::Partner(ids.first()?.as_u64()?)),
        Value::Bool(false) | Value::Null => {
            let text =
                |message: &Value, key| message.get(key).and_then(Value::as_str).map(str::to_owned);
            let messages = answer.get("messages").and_then(Value::as_array).into_iter().flatten();
            let errors = messages
                .filter(|message| message.get("type").and_then(Value::as_str) == Some("error"));
            Some(Loaded::Refused(
                errors
                    .map(|it| (text(it, "field"), text(it, "message").unwrap_or_default()))
                    .collect(),
            ))
        }
        _ => None,
    }
}

impl Contact {
    fn parse(native: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::Invalid(vec![Problem {
                field: None,
                message: "the record is none that map-fields of this adapter makes".to_owned(),
            }])
        };
        let Ok(Value::Object(mut vals)) = serde_json::from_str(native) else { return Err(wrong()) };
        let if_empty = match vals.remove(IF_EMPTY) {
            None => Map::new(),
            Some(Value::Object(values)) => values,
            Some(_) => return Err(wrong()),
        };
        Ok(Self { vals, if_empty })
    }

    /// Moves into the values what has its place still free.
    fn fill(&mut self, partner: &Partner) {
        for (field, value) in std::mem::take(&mut self.if_empty) {
            if partner.is_empty(&field) {
                self.vals.entry(field).or_insert(value);
            }
        }
    }

    /// Column names and one row for `load`, which takes texts only.
    fn into_row(self, external_id: &str) -> (Vec<String>, Vec<String>) {
        let Self { mut vals, if_empty } = self;
        for (field, value) in if_empty {
            vals.entry(field).or_insert(value);
        }
        let name = ["name", "email", "phone"]
            .iter()
            .find_map(|field| Some(vals.get(*field)?.as_str()?.to_owned()));
        vals.insert("name".to_owned(), Value::String(name.unwrap_or_else(|| NO_NAME.to_owned())));
        let (mut fields, mut row) = (vec!["id".to_owned()], vec![external_id.to_owned()]);
        for (field, value) in vals {
            // A number in a field of this name is the id of another record; else `load` takes it for a name.
            let is_reference = field.ends_with("_id") && value.is_u64();
            fields.push(if is_reference { format!("{field}/.id") } else { field });
            row.push(match value {
                Value::String(text) => text,
                Value::Bool(true) => "1".to_owned(),
                // Empties any kind of field; a flag that is not set is the same.
                Value::Bool(false) | Value::Null => String::new(),
                other => other.to_string(),
            });
        }
        (fields, row)
    }
}

#[cfg(test)]
mod tests;
