//! Deals of a card. A deal is open until its stage is `won` or `lost`.

use patchbay_sdk::kv::{self, Batch};
use patchbay_sdk::types::{Deal, Error, Field, Native, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::card::{self, to_value};
use crate::store::{self, Failure, Kind};
use crate::{contact, describe, roster};

/// Most open deals in one answer.
const OPEN_DEALS_MAX: u32 = 100;

/// The native record of a deal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NativeDeal {
    /// What the fields shall be; `null` empties one.
    fields: Map<String, Json>,
}

/// A deal as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    id: u64,
    card: u64,
    manager: Option<String>,
    fields: Map<String, Json>,
}

/// Maps canonical fields to the native record, or tells all that is impossible.
pub(crate) fn map(fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
    let (fields, mut problems) = contact::json_fields(fields);
    let deal = NativeDeal { fields };
    problems.extend(deal.problems());
    let native = contact::to_native(&deal);
    problems.extend(contact::size_problem(&native));
    if problems.is_empty() { Ok(native) } else { Err(problems) }
}

fn parse(native: &str) -> Result<NativeDeal, Error> {
    let deal: NativeDeal = contact::from_native(native, "deal")?;
    let problems = deal.problems();
    if problems.is_empty() { Ok(deal) } else { Err(Error::Invalid(problems)) }
}

impl NativeDeal {
    fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = contact::key_problems(&self.fields).collect();
        for key in [describe::TITLE, describe::STAGE] {
            if self.fields.get(key).is_some_and(|value| !value.is_null() && !value.is_string()) {
                problems.push(Problem::new(key, "should be a text"));
            }
        }
        problems
    }
}

/// The newest open deals of a card.
pub(crate) fn open(card: &str) -> Result<Vec<Deal>, Error> {
    let card = store::find::<card::Record>(Kind::Card, card)?.record.id;
    read_open(card, OPEN_DEALS_MAX)
}

/// The newest open deal of a card.
pub(crate) fn newest_open(card: u64) -> Result<Option<Deal>, Error> {
    Ok(read_open(card, 1)?.into_iter().next())
}

fn read_open(card: u64, limit: u32) -> Result<Vec<Deal>, Error> {
    let mut deals = Vec::new();
    for key in kv::keys(&format!("open-deal/{card:020}/"), None, limit)? {
        let Some(id) = store::number(&key)? else { continue };
        if let Some(read) = store::read::<Record>(Kind::Deal, id)? {
            deals.push(read.record.to_deal()?);
        }
    }
    Ok(deals)
}

/// The deal that an id in text form names, or [`Error::NotFound`].
pub(crate) fn find(id: &str) -> Result<u64, Error> {
    Ok(store::find::<Record>(Kind::Deal, id)?.record.id)
}

/// Creates a deal on the card, or changes the one with this id.
pub(crate) fn upsert(
    id: Option<&str>,
    card: &str,
    native: &str,
    manager: Option<&str>,
    idempotency_key: &str,
) -> Result<Deal, Error> {
    let deal = parse(native)?;
    let card = store::find::<card::Record>(Kind::Card, card)?.record.id;
    let written = store::write_once(Kind::Deal, idempotency_key, || {
        manager.map(roster::check).transpose()?;
        match id {
            Some(id) => change(id, card, &deal, manager),
            None => create(card, &deal, manager),
        }
    })?;
    let read = store::read::<Record>(Kind::Deal, written)?;
    read.ok_or_else(|| Error::NotFound(format!("deal `{written}` was removed")))?.record.to_deal()
}

fn create(card: u64, deal: &NativeDeal, manager: Option<&str>) -> Result<(u64, Batch), Failure> {
    let (id, batch) = store::next_id(Kind::Deal)?;
    let mut record = Record { id, card, manager: manager.map(str::to_owned), fields: Map::new() };
    record.merge(deal);
    Ok((
        id,
        record
            .index(batch)
            .expect_absent(Kind::Deal.key(id))
            .set(Kind::Deal.key(id), store::to_bytes(&record)),
    ))
}

fn change(
    id: &str,
    card: u64,
    deal: &NativeDeal,
    manager: Option<&str>,
) -> Result<(u64, Batch), Failure> {
    let read = store::find::<Record>(Kind::Deal, id)?;
    let mut record = read.record;
    if record.card != card {
        return Err(Error::NotFound(format!(
            "card `{card}` has no deal with the id `{}`",
            record.id
        ))
        .into());
    }
    record.merge(deal);
    record.manager = manager.map(str::to_owned).or(record.manager);
    let key = Kind::Deal.key(record.id);
    let batch = record.index(Batch::new());
    Ok((record.id, batch.expect(&key, read.bytes).set(&key, store::to_bytes(&record))))
}

impl Record {
    fn merge(&mut self, deal: &NativeDeal) {
        for (key, value) in &deal.fields {
            if value.is_null() {
                self.fields.remove(key);
            } else {
                self.fields.insert(key.clone(), value.clone());
            }
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        self.fields.get(key).and_then(Json::as_str).map(str::to_owned)
    }

    fn is_open(&self) -> bool {
        !matches!(self.text(describe::STAGE).as_deref(), Some("won" | "lost"))
    }

    /// Lists the deal under its card while it is open; the newest has the least key.
    fn index(&self, batch: Batch) -> Batch {
        let key = format!("open-deal/{:020}/{:020}", self.card, u64::MAX - self.id);
        if self.is_open() { batch.set(key, self.id.to_string()) } else { batch.delete(key) }
    }

    fn to_deal(&self) -> Result<Deal, Error> {
        Ok(Deal {
            id: self.id.to_string(),
            url: None,
            title: self.text(describe::TITLE).unwrap_or_else(|| format!("Deal {}", self.id)),
            stage: Some(self.text(describe::STAGE).unwrap_or_else(|| "new".to_owned())),
            manager: self.manager.as_deref().map(roster::person).transpose()?,
            fields: self
                .fields
                .iter()
                .map(|(key, value)| Field::new(key, to_value(value)))
                .collect(),
        })
    }
}
