//! Creating a contact once, and changing one without losing what it holds.

pub(crate) mod card;

use patchbay_sdk::types::{Card, Error};
use serde_json::{Map, Value, json};

use crate::account::{Account, Places};
use crate::client;
use crate::lookup;
use crate::managers;
use crate::map::{self, Contact};
use crate::record::Record;
use crate::values::{EMAIL, Field, PHONE};
use crate::writes::{self, Kind, Made};

/// What a new phone or e-mail is marked as.
const NEW_ENUM: &str = "WORK";

pub(crate) fn upsert(
    account: &Account,
    id: Option<&str>,
    native: &str,
    key: &str,
) -> Result<Card, Error> {
    let places = Places::of_contacts().map_err(|problem| Error::Invalid(vec![problem]))?;
    let contact: Contact = map::parse(native)?;
    let mut card = match id {
        None => create(account, &places, &contact, key)?,
        Some(id) => {
            let id = map::number(id).ok_or_else(not_found)?;
            update(account, &places, id, &contact)?
        }
    };
    managers::name(account, card.manager.iter_mut().collect());
    Ok(card)
}

fn not_found() -> Error {
    Error::NotFound("amoCRM has no such contact, or no longer".to_owned())
}

/// One request, or two where the answer to an earlier one was lost.
fn create(account: &Account, places: &Places, contact: &Contact, key: &str) -> Result<Card, Error> {
    let nobody = Record::written(0, &json!({}));
    let mut record = changes(&nobody, contact, places);
    if contact.identifiers().next().is_none() {
        // Nothing else would tell it from others, if the answer is lost.
        add_tag(&mut record, &writes::mark(key));
    }
    let record = Value::Object(record);
    let call = client::post("/contacts", json!([record]));
    let find = || written_before(account, contact, key);
    let made =
        writes::once(Kind::Contact, key, find, || call.write(account, "contacts", Some(places)))?;
    let contact = match made {
        Made::Now(id) => Record::written(id, &record),
        Made::Before(id) => lookup::by_id(account, id)?.ok_or_else(not_found)?,
    };
    Ok(card::card(account, places, &contact))
}

/// What an earlier call has made: it stands among the newest contacts, which need no search.
fn written_before(account: &Account, contact: &Contact, key: &str) -> Result<Option<u64>, Error> {
    let newest = "/contacts?order[id]=desc";
    let (newest, _) = client::page(account, newest, 1, "contacts")?;
    let mark = writes::mark(key);
    let is_it = |record: &Record| {
        if record.is_deleted() {
            return false;
        }
        let (phones, emails) = (record.texts(PHONE), record.texts(EMAIL));
        let mut identifiers = contact.identifiers().peekable();
        if identifiers.peek().is_none() {
            return record.tags().contains(&mark);
        }
        identifiers.all(|(code, text)| match code {
            PHONE => lookup::has_phone(&phones, text),
            _ => lookup::has_email(&emails, text),
        })
    };
    Ok(Record::read_all(newest).into_iter().find(is_it).map(|record| record.id))
}

/// Two requests, or one where nothing is to be changed. A list of phones or e-mails replaces the
/// old one in the CRM, so what the contact holds is read first.
fn update(account: &Account, places: &Places, id: u64, contact: &Contact) -> Result<Card, Error> {
    let record = lookup::by_id(account, id)?.ok_or_else(not_found)?;
    let mut changes = changes(&record, contact, places);
    if changes.is_empty() {
        return Ok(card::card(account, places, &record));
    }
    changes.insert("id".to_owned(), json!(id));
    let changes = Value::Object(changes);
    let call = client::patch("/contacts", json!([changes]));
    call.write(account, "contacts", Some(places))?;
    Ok(card::card(account, places, &record.overlaid(&changes)))
}

/// What has to be written so that the contact is as it shall be.
fn changes(held: &Record, wanted: &Contact, places: &Places) -> Map<String, Value> {
    let mut changes = Map::new();
    if let Some(name) =
        wanted.name.as_ref().filter(|name| held.text("name").as_ref() != Some(*name))
    {
        changes.insert("name".to_owned(), json!(name));
    }
    if let Some(manager) =
        wanted.manager.filter(|id| held.number("responsible_user_id") != Some(*id))
    {
        changes.insert("responsible_user_id".to_owned(), json!(manager));
    }
    let found_by = &wanted.found_by;
    let phones =
        multitext(held.coded(PHONE), wanted.phones.as_deref(), &found_by.phones, |held, it| {
            lookup::has_phone(&[held.to_owned()], it) || held == it
        });
    let emails =
        multitext(held.coded(EMAIL), wanted.emails.as_deref(), &found_by.emails, |held, it| {
            lookup::has_email(&[held.to_owned()], it)
        });
    let coded =
        |code: &str, values: Option<Value>| Some(Field::Code(code.to_owned()).entry(values?));
    let mut custom: Vec<Value> =
        [coded(PHONE, phones), coded(EMAIL, emails)].into_iter().flatten().collect();
    // A new contact has nothing to empty.
    let is_told = |entry: &&Value| held.id != 0 || entry.get("values") != Some(&Value::Null);
    custom.extend(wanted.custom.iter().filter(is_told).cloned());
    custom.extend(external(held, &found_by.external, places));
    if !custom.is_empty() {
        changes.insert("custom_fields_values".to_owned(), Value::Array(custom));
    }
    for tag in &wanted.tags {
        if !held.tags().contains(tag) {
            if !changes.contains_key("_embedded") {
                held.tags().iter().for_each(|tag| add_tag(&mut changes, tag));
            }
            add_tag(&mut changes, tag);
        }
    }
    changes
}

fn add_tag(record: &mut Map<String, Value>, name: &str) {
    let embedded = record.entry("_embedded").or_insert_with(|| json!({ "tags": [] }));
    if let Some(tags) = embedded.get_mut("tags").and_then(Value::as_array_mut) {
        let tag = json!({ "name": name });
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
}

/// All values of a phone or e-mail field with their marks; `None` where they stay as they are.
fn multitext(
    held: &[Value],
    named: Option<&[String]>,
    found_by: &[String],
    is_same: impl Fn(&str, &str) -> bool,
) -> Option<Value> {
    let text =
        |value: &Value| value.get("value").and_then(Value::as_str).unwrap_or_default().to_owned();
    let old: Vec<Value> =
        held.iter().filter(|value| !text(value).is_empty()).map(written).collect();
    let old_or_new = |it: &String| {
        let old = old.iter().find(|value| is_same(&text(value), it)).cloned();
        old.unwrap_or_else(|| json!({ "value": it, "enum_code": NEW_ENUM }))
    };
    let mut new: Vec<Value> = Vec::new();
    match named {
        Some(named) => new.extend(named.iter().map(old_or_new)),
        None => new.clone_from(&old),
    }
    for it in found_by {
        if !new.iter().any(|value| is_same(&text(value), it)) {
            new.push(old_or_new(it));
        }
    }
    let mut distinct: Vec<Value> = Vec::new();
    for value in new {
        if !distinct.iter().any(|own| text(own) == text(&value)) {
            distinct.push(value);
        }
    }
    if distinct == old {
        return None;
    }
    Some(if distinct.is_empty() { Value::Null } else { Value::Array(distinct) })
}

/// A value that was read, as it is written back.
fn written(value: &Value) -> Value {
    let mut kept = Map::new();
    let is_said = |value: &&Value| !value.is_null();
    for key in ["value", "enum_code", "enum_id"] {
        if key == "enum_id" && kept.contains_key("enum_code") {
            continue;
        }
        if let Some(value) = value.get(key).filter(is_said) {
            kept.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(kept)
}

/// The field with ids of other systems, where one is to be added.
fn external(held: &Record, found_by: &[String], places: &Places) -> Option<Value> {
    let field = places.external?;
    let mut lines = held.external(Some(field));
    let old = lines.len();
    for it in found_by {
        if !lines.contains(it) {
            lines.push(it.clone());
        }
    }
    (old < lines.len()).then(|| Field::Id(field).entry(json!([{ "value": lines.join("\n") }])))
}

impl Contact {
    /// Every phone and e-mail with the code of its field.
    fn identifiers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let phones = self.phones.iter().flatten().chain(&self.found_by.phones);
        let emails = self.emails.iter().flatten().chain(&self.found_by.emails);
        let phones = phones.map(|text| (PHONE, text.as_str()));
        phones.chain(emails.map(|text| (EMAIL, text.as_str())))
    }
}
