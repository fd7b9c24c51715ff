//! Creating a contact so that a repeat finds it again, and changing one without losing a phone.

use patchbay_sdk::log;
use patchbay_sdk::types::{Card, Error};
use serde_json::{Map, Value, json};

use crate::call::{self, CONTACT, Command, OnError};
use crate::card;
use crate::errors::{self, Effect};
use crate::fm;
use crate::lookup;
use crate::map::{self, Contact};
use crate::marks::Ticket;
use crate::people;
use crate::portal::Portal;
use crate::record::{self, Record};

pub(crate) fn upsert(
    portal: &Portal,
    id: Option<&str>,
    contact: &str,
    key: &str,
) -> Result<Card, Error> {
    let contact: Contact = map::read(contact)?;
    match id {
        None => {
            let ticket = Ticket::take("contact", key)?;
            let made = if ticket.may_be_written() { made(portal, key) } else { Ok(None) };
            let result = match made {
                Ok(Some(card)) => Ok(card),
                Ok(None) => create(portal, contact, key),
                Err(error) => Err(error),
            };
            ticket.settle(result)
        }
        Some(id) => {
            let id = record::id_of(id)
                .ok_or_else(|| Error::NotFound("no contact has such an id".to_owned()))?;
            update(portal, id, &contact)
        }
    }
}

/// The contact that an earlier call has made under this key.
fn made(portal: &Portal, key: &str) -> Result<Option<Card>, Error> {
    let filter = json!({ "originatorId": portal.originator, "originVersion": key });
    let who = people::by_references("who", ["$result[made][items][0][assignedById]".to_owned()]);
    let commands = [lookup::contacts("made", &filter), who];
    let mut answers = call::batch(portal, &commands, OnError::GoOn)?;
    let contacts = Record::list(answers.take("made")?);
    let users = answers.take("who").map(Record::list).unwrap_or_default();
    let is_made = |contact: &&Record| contact.text("originVersion").as_deref() == Some(key);
    Ok(contacts.iter().find(is_made).and_then(|contact| card::of(portal, contact, &users)))
}

/// One request. The key stands in the record itself: Bitrix24 knows no other way to tell a repeat.
fn create(portal: &Portal, contact: Contact, key: &str) -> Result<Card, Error> {
    let list = fm::for_new(&contact);
    let origin = contact.origin.unwrap_or_else(|| format!("key:{key}"));
    let mut fields: Map<String, Value> = contact.fields;
    // There is nothing to empty in a new record.
    fields.retain(|_, value| *value != json!(""));
    fields.extend(contact.for_new);
    fields.extend([
        ("originatorId".to_owned(), json!(portal.originator)),
        ("originId".to_owned(), json!(origin)),
        ("originVersion".to_owned(), json!(key)),
    ]);
    if !list.is_empty() {
        fields.insert("fm".to_owned(), Value::Array(list));
    }
    let params = json!({ "entityTypeId": CONTACT, "fields": fields });
    let (record, users) = write(portal, Command::write("item", "crm.item.add", params))?;
    tell_dropped(&fields, &record);
    card_of(portal, &record, &users)
}

/// One request where the contact has all its phones, e-mails and its id already, else two: their own
/// ids have to be known before they are changed.
fn update(portal: &Portal, id: u64, contact: &Contact) -> Result<Card, Error> {
    let is_read_only = contact.fields.is_empty();
    let first =
        if is_read_only { Command::get("item", CONTACT, id) } else { change(id, &contact.fields) };
    let (mut record, mut users) = write(portal, first)?;
    tell_dropped(&contact.fields, &record);
    if !is_read_only && record.get("fm").is_none() {
        (record, users) = write(portal, Command::get("item", CONTACT, id)).map_err(half_done)?;
    }
    let mut rest = Map::new();
    let entries = fm::changes(&record, contact);
    if !entries.is_empty() {
        rest.insert("fm".to_owned(), Value::Object(entries));
    }
    if let Some(origin) = contact.origin.as_ref().filter(|_| record.text("originId").is_none()) {
        rest.insert("originatorId".to_owned(), json!(portal.originator));
        rest.insert("originId".to_owned(), json!(origin));
    }
    if !rest.is_empty() {
        let second = write(portal, change(id, &rest));
        (record, users) = if is_read_only { second? } else { second.map_err(half_done)? };
    }
    card_of(portal, &record, &users)
}

fn change(id: u64, fields: &Map<String, Value>) -> Command {
    let params = json!({ "entityTypeId": CONTACT, "id": id, "fields": fields });
    Command::write("item", "crm.item.update", params)
}

/// Carries out a command that answers one record, and reads the name of its manager with it.
pub(crate) fn write(portal: &Portal, command: Command) -> Result<(Record, Vec<Record>), Error> {
    let effect = command.effect;
    let who = people::by_references("who", ["$result[item][item][assignedById]".to_owned()]);
    let mut answers = call::batch(portal, &[command, who], OnError::Halt)?;
    let record = Record::item(answers.take("item")?).ok_or_else(|| errors::unreadable(effect))?;
    let users = answers.take("who").map(Record::list).unwrap_or_default();
    Ok((record, users))
}

/// A part is written: what failed after it must not say that nothing was.
fn half_done(error: Error) -> Error {
    match error {
        Error::Unavailable(text) => Error::UnknownOutcome(text),
        error => error,
    }
}

fn card_of(portal: &Portal, record: &Record, users: &[Record]) -> Result<Card, Error> {
    card::of(portal, record, users).ok_or_else(|| errors::unreadable(Effect::Write))
}

/// Bitrix24 drops fields that it does not know. Its answer names all that it knows.
pub(crate) fn tell_dropped(fields: &Map<String, Value>, record: &Record) {
    let is_dropped = |name: &&String| name.as_str() != "fm" && record.get(name).is_none();
    for name in fields.keys().filter(is_dropped) {
        log::warn(format!(
            "Bitrix24 does not know the field `{name}` and left it out: see describe-fields"
        ));
    }
}
