//! Multi-fields: the phones, e-mails and sites of a contact, each with an id of its own.
//!
//! A new contact gets them as a list. On a change they are an object: under its id an entry changes,
//! under `n0`, `n1` one is added. An entry that is not named stays, and nothing here removes one.

use serde_json::{Map, Value, json};

use crate::map::{Addresses, Contact};
use crate::notation;
use crate::record::{self, Record};

const VALUE_TYPE: &str = "WORK";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Phone,
    Email,
    Site,
}

impl Kind {
    fn type_id(self) -> &'static str {
        match self {
            Self::Phone => "PHONE",
            Self::Email => "EMAIL",
            Self::Site => "WEB",
        }
    }

    /// The flat field with the first value, for answers that lack the list.
    fn flat(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Site => "web",
        }
    }

    fn is_same(self, one: &str, other: &str) -> bool {
        match self {
            Self::Phone => {
                one == other || notation::is_same(one, other) || notation::is_same(other, one)
            }
            Self::Email => one.trim().to_lowercase() == other.trim().to_lowercase(),
            Self::Site => one.trim().trim_end_matches('/') == other.trim().trim_end_matches('/'),
        }
    }
}

/// One entry that a contact has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    id: Option<u64>,
    value_type: String,
    pub value: String,
}

/// The entries of one kind, in the order in which Bitrix24 has them.
pub(crate) fn entries(contact: &Record, kind: Kind) -> Vec<Entry> {
    let listed: Vec<&Value> = match contact.get("fm") {
        Some(Value::Array(entries)) => entries.iter().collect(),
        Some(Value::Object(entries)) => entries.values().collect(),
        _ => Vec::new(),
    };
    let text = |entry: &Value, key: &str| entry.get(key).and_then(record::text);
    let of_kind =
        listed.into_iter().filter(|entry| text(entry, "typeId").as_deref() == Some(kind.type_id()));
    let mut entries: Vec<Entry> = of_kind
        .filter_map(|entry| {
            Some(Entry {
                id: entry.get("id").and_then(record::number),
                value_type: text(entry, "valueType").unwrap_or_else(|| VALUE_TYPE.to_owned()),
                value: text(entry, "value")?,
            })
        })
        .collect();
    entries.sort_by_key(|entry| entry.id);
    if entries.is_empty() {
        let value = contact.text(kind.flat());
        entries.extend(value.map(|value| Entry {
            id: None,
            value_type: VALUE_TYPE.to_owned(),
            value,
        }));
    }
    entries
}

/// The list for a new contact.
pub(crate) fn for_new(contact: &Contact) -> Vec<Value> {
    let of_kind = |(kind, wanted): (Kind, &Addresses)| {
        let texts = merged(kind, &[], wanted);
        texts.into_iter().map(move |(value, _)| entry(kind, &value, VALUE_TYPE)).collect::<Vec<_>>()
    };
    kinds(contact).into_iter().flat_map(of_kind).collect()
}

/// The object that brings a contact's entries into the wanted order; empty where they are in it.
pub(crate) fn changes(held: &Record, contact: &Contact) -> Map<String, Value> {
    let mut changes = Map::new();
    let mut added = 0;
    for (kind, wanted) in kinds(contact) {
        let held = entries(held, kind);
        let merged = merged(kind, &held, wanted);
        for (index, (value, value_type)) in merged.iter().enumerate() {
            let old = held.get(index);
            if old.is_some_and(|old| kind.is_same(&old.value, value)) {
                continue;
            }
            match old.map(|old| old.id) {
                // Read from a flat field: without its id it cannot be changed.
                Some(None) => {}
                Some(Some(id)) => {
                    changes.insert(id.to_string(), entry(kind, value, value_type));
                }
                None => {
                    changes.insert(format!("n{added}"), entry(kind, value, value_type));
                    added += 1;
                }
            }
        }
    }
    changes
}

/// First what shall stand first, then what the contact has, then what it shall be found by.
fn merged(kind: Kind, held: &[Entry], wanted: &Addresses) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let held_as = |text: &str| held.iter().find(|entry| kind.is_same(&entry.value, text));
    let first = wanted.first.iter().map(|text| match held_as(text) {
        // The notation that a person has given it stays.
        Some(entry) => (entry.value.clone(), entry.value_type.clone()),
        None => (text.clone(), VALUE_TYPE.to_owned()),
    });
    let held = held.iter().map(|entry| (entry.value.clone(), entry.value_type.clone()));
    let also = wanted.also.iter().map(|text| (text.clone(), VALUE_TYPE.to_owned()));
    for (value, value_type) in first {
        push(kind, &mut all, value, value_type);
    }
    // Two equal entries of a contact are its own affair: both stay.
    let placed = all.clone();
    for (value, value_type) in held {
        if !placed.iter().any(|(first, _)| *first == value) {
            all.push((value, value_type));
        }
    }
    for (value, value_type) in also {
        push(kind, &mut all, value, value_type);
    }
    all
}

fn push(kind: Kind, all: &mut Vec<(String, String)>, value: String, value_type: String) {
    if !all.iter().any(|(held, _)| kind.is_same(held, &value)) {
        all.push((value, value_type));
    }
}

fn kinds(contact: &Contact) -> [(Kind, &Addresses); 3] {
    [(Kind::Phone, &contact.phones), (Kind::Email, &contact.emails), (Kind::Site, &contact.sites)]
}

/// Without `typeId` Bitrix24 drops an entry in silence.
fn entry(kind: Kind, value: &str, value_type: &str) -> Value {
    json!({ "typeId": kind.type_id(), "valueType": value_type, "value": value })
}

#[cfg(test)]
mod tests;
