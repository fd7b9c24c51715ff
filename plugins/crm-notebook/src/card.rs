//! Cards: found by any identifier, created and changed so that two calls never make two of one client.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use patchbay_sdk::kv::Batch;
use patchbay_sdk::types::{Card, Error, Field, Identifier, Line, Problem, Value};
use patchbay_sdk::{kv, settings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::contact::{self, Contact, External};
use crate::store::{self, Failure, Kind};
use crate::{activity, deal, describe, identifier, roster};

/// Most cards in one answer.
const CARDS_MAX: usize = 20;

/// Most identifiers by which one card is found.
const CARD_IDENTIFIERS_MAX: usize = 200;

/// Most changes of the index in one commit, where the card, its id and the idempotency key need the rest.
const INDEX_CHANGES_MAX: usize = kv::CHANGES_MAX - 6;

/// A card as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Record {
    pub(crate) id: u64,
    /// Phones and e-mails are lists of texts, the main one first.
    pub(crate) fields: Map<String, Json>,
    pub(crate) external_ids: Vec<External>,
}

/// Every card that any identifier matches: more matches first, then the older card.
pub(crate) fn lookup(any_of: &[Identifier]) -> Result<Vec<Card>, Error> {
    let mut hits: BTreeMap<u64, Vec<Identifier>> = BTreeMap::new();
    for asked in any_of {
        let id = match (asked, identifier::key(asked)) {
            (Identifier::Card(id), _) => store::parse_id(id),
            (_, Some(key)) => store::number(&key)?,
            (_, None) => None,
        };
        if let Some(id) = id {
            let matched = hits.entry(id).or_default();
            if !matched.contains(asked) {
                matched.push(asked.clone());
            }
        }
    }
    let mut ranked: Vec<(u64, Vec<Identifier>)> = hits.into_iter().collect();
    ranked.sort_by_key(|(id, matched)| (Reverse(matched.len()), *id));
    let mut cards = Vec::new();
    for (id, matched) in ranked {
        if cards.len() == CARDS_MAX {
            break;
        }
        if let Some(read) = store::read::<Record>(Kind::Card, id)? {
            cards.push(Card { matched, ..read.record.to_card()? });
        }
    }
    Ok(cards)
}

/// Creates a card, or changes what the contact names on the card with this id.
pub(crate) fn upsert(id: Option<&str>, native: &str, idempotency_key: &str) -> Result<Card, Error> {
    let contact = contact::parse(native)?;
    let written = store::write_once(Kind::Card, idempotency_key, || match id {
        Some(id) => change(id, &contact),
        None => create(&contact),
    })?;
    let read = store::read::<Record>(Kind::Card, written)?;
    read.ok_or_else(|| Error::NotFound(format!("card `{written}` was removed")))?.record.to_card()
}

fn create(contact: &Contact) -> Result<(u64, Batch), Failure> {
    let (id, batch) = store::next_id(Kind::Card)?;
    let mut record = Record { id, ..Record::default() };
    record.merge(contact);
    let batch = record.move_index(&BTreeSet::new(), batch)?;
    Ok((
        id,
        batch.expect_absent(Kind::Card.key(id)).set(Kind::Card.key(id), store::to_bytes(&record)),
    ))
}

fn change(id: &str, contact: &Contact) -> Result<(u64, Batch), Failure> {
    let read = store::find::<Record>(Kind::Card, id)?;
    let mut record = read.record;
    let before = record.index_keys();
    record.merge(contact);
    let batch = record.move_index(&before, Batch::new())?;
    let key = Kind::Card.key(record.id);
    Ok((record.id, batch.expect(&key, read.bytes).set(&key, store::to_bytes(&record))))
}

impl Record {
    /// Takes over what the contact names; identifiers are added to those that are there.
    fn merge(&mut self, contact: &Contact) {
        for (key, value) in &contact.fields {
            let value = if contact::is_list(key) {
                unique(key, contact::texts(value))
            } else {
                value.clone()
            };
            if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
                self.fields.remove(key);
            } else {
                self.fields.insert(key.clone(), value);
            }
        }
        for (key, added) in [("phone", &contact.phones), ("email", &contact.emails)] {
            let texts = self.fields.get(key).map(contact::texts).unwrap_or_default();
            let all = unique(key, texts.into_iter().chain(added.iter().cloned()).collect());
            if all.as_array().is_some_and(|all| !all.is_empty()) {
                self.fields.insert(key.to_owned(), all);
            }
        }
        for external in &contact.external_ids {
            if !self.external_ids.contains(external) {
                self.external_ids.push(external.clone());
            }
        }
    }

    fn texts(&self, key: &str) -> Vec<String> {
        self.fields.get(key).map(contact::texts).unwrap_or_default()
    }

    /// The store's keys that lead to this card.
    pub(crate) fn index_keys(&self) -> BTreeSet<String> {
        let phones = self.texts("phone");
        let emails = self.texts("email");
        let externals = self.external_ids.iter();
        let phones = phones.iter().filter_map(|phone| identifier::phone_key(phone));
        let emails = emails.iter().filter_map(|email| identifier::email_key(email));
        let externals = externals
            .filter_map(|external| identifier::external_key(&external.system, &external.id));
        phones.chain(emails).chain(externals).collect()
    }

    /// Changes the index from `before` to what leads to the card now.
    ///
    /// An identifier that leads to another card is a conflict: each leads to one card at most.
    fn move_index(&self, before: &BTreeSet<String>, mut batch: Batch) -> Result<Batch, Failure> {
        let now = self.index_keys();
        if now.len() > CARD_IDENTIFIERS_MAX {
            return Err(too_many(now.len(), "in all", CARD_IDENTIFIERS_MAX).into());
        }
        let changes = now.difference(before).count() * 2 + before.difference(&now).count();
        if changes > INDEX_CHANGES_MAX {
            return Err(too_many(
                changes,
                "changed at once, counting new ones twice",
                INDEX_CHANGES_MAX,
            )
            .into());
        }
        for key in now.difference(before) {
            if let Some(other) = store::number(key)? {
                return Err(Error::Conflict(Some(other.to_string())).into());
            }
            batch = batch.expect_absent(key).set(key, self.id.to_string());
        }
        for key in before.difference(&now) {
            batch = batch.delete(key);
        }
        Ok(batch)
    }

    /// The id of the manager who looks after the client.
    pub(crate) fn manager(&self) -> Option<&str> {
        self.fields.get(describe::MANAGER).and_then(Json::as_str)
    }

    fn to_card(&self) -> Result<Card, Error> {
        let id = self.id.to_string();
        let template = settings::get(describe::CARD_URL)
            .unwrap_or_else(|| describe::CARD_URL_DEFAULT.to_owned());
        Ok(Card {
            url: Some(template.replace("{id}", &id)),
            manager: self.manager().map(roster::person).transpose()?,
            fields: self
                .fields
                .iter()
                .map(|(key, value)| Field::new(key, to_value(value)))
                .collect(),
            lines: self.lines()?,
            matched: Vec::new(),
            id,
        })
    }

    /// The fields that the operator chose, the newest open deal, and how many notes there are.
    fn lines(&self) -> Result<Vec<Line>, Error> {
        let line = |title: &str, text: String| Line { title: title.to_owned(), text, url: None };
        let mut lines = Vec::new();
        for key in describe::line_fields()? {
            if let Some(text) = self.fields.get(&key).map(to_text).filter(|text| !text.is_empty()) {
                lines.push(line(describe::title(&key), text));
            }
        }
        if let Some(deal) = deal::newest_open(self.id)? {
            lines.push(line("Open deal", deal.title));
        }
        let notes = activity::count_notes(self.id)?;
        if notes > 0 {
            let most = usize::try_from(kv::KEYS_MAX).is_ok_and(|most| notes >= most);
            lines.push(line(
                "Notes",
                if most { format!("{notes} or more") } else { notes.to_string() },
            ));
        }
        Ok(lines)
    }
}

fn too_many(count: usize, how: &str, most: usize) -> Error {
    let message =
        format!("{count} phones, e-mails and external ids of one card {how}; at most {most}");
    Error::Invalid(vec![Problem::general(message)])
}

/// A list in which no phone or e-mail stands twice, in whatever spelling.
fn unique(key: &str, texts: Vec<String>) -> Json {
    let mut seen = BTreeSet::new();
    let same = |text: &str| {
        let key =
            if key == "phone" { identifier::phone_key(text) } else { identifier::email_key(text) };
        key.unwrap_or_else(|| text.to_owned())
    };
    let texts =
        texts.into_iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    texts.filter(|text| seen.insert(same(text))).map(Json::String).collect()
}

/// A stored value as the contract has it; a list of one text is a text.
pub(crate) fn to_value(value: &Json) -> Value {
    match value {
        Json::Null => Value::Empty,
        Json::Bool(flag) => Value::Flag(*flag),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(list) => match list.as_slice() {
            [Json::String(text)] => Value::Text(text.clone()),
            list if list.iter().all(Json::is_string) => Value::Texts(contact::texts(value)),
            _ => Value::Json(value.to_string()),
        },
        Json::Object(_) => Value::Json(value.to_string()),
    }
}

fn to_text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(_) => contact::texts(value).join(", "),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => value.to_string(),
    }
}
