//! Deals of a contact: the open ones, and writing one.

use std::cmp::Reverse;
use std::fmt::Write as _;

use patchbay_sdk::log;
use patchbay_sdk::types::{Deal, Error, Field};
use serde_json::{Map, Value, json};

use crate::account::{Account, Places};
use crate::client::{self, Call, Failure};
use crate::errors;
use crate::lookup;
use crate::managers;
use crate::map::{self, Lead};
use crate::record::Record;
use crate::values;
use crate::writes::{self, Kind, Made};

/// Won and lost, in every pipeline.
const CLOSED: [u64; 2] = [142, 143];

/// Deals of one contact that are looked at, the newest first.
const LEADS_MAX: usize = 100;

/// Deals that are asked for one by one where the CRM does not filter.
const SINGLE_LEADS_MAX: usize = 10;

/// Deals of a contact that are neither won nor lost, the newest first.
pub(crate) fn open(account: &Account, card: &str) -> Result<Vec<Deal>, Error> {
    let places = places()?;
    let open = open_leads(account, contact_id(card)?)?;
    let mut deals: Vec<Deal> = open.iter().map(|lead| deal(account, &places, lead)).collect();
    managers::name(account, deals.iter_mut().filter_map(|deal| deal.manager.as_mut()).collect());
    Ok(deals)
}

fn places() -> Result<Places, Error> {
    Places::of_deals().map_err(|problem| Error::Invalid(vec![problem]))
}

fn contact_id(card: &str) -> Result<u64, Error> {
    map::number(card).ok_or_else(|| Error::NotFound("amoCRM has no such contact".to_owned()))
}

fn open_leads(account: &Account, contact: u64) -> Result<Vec<Record>, Error> {
    let contact = lookup::by_id(account, contact)?;
    let contact = contact
        .ok_or_else(|| Error::NotFound("amoCRM has no such contact, or no longer".to_owned()))?;
    let mut ids = contact.linked("leads");
    ids.sort_unstable_by_key(|id| Reverse(*id));
    ids.dedup();
    ids.truncate(LEADS_MAX);
    let leads = match ids.as_slice() {
        [] => return Ok(Vec::new()),
        [one] => lead(account, *one)?.into_iter().collect(),
        _ => several(account, &ids)?,
    };
    let mut open: Vec<Record> = leads.into_iter().filter(is_open).collect();
    open.sort_unstable_by_key(|lead| Reverse(lead.id));
    Ok(open)
}

fn is_open(lead: &Record) -> bool {
    let is_closed = lead.number("status_id").is_some_and(|status| CLOSED.contains(&status));
    !is_closed && !lead.is_deleted()
}

fn lead(account: &Account, id: u64) -> Result<Option<Record>, Error> {
    match client::get(format!("/leads/{id}")).send(account, None) {
        Err(Error::NotFound(_)) => Ok(None),
        other => Ok(other?.and_then(Record::read)),
    }
}

/// One request where the account may filter. Where it may not, the CRM answers other deals without
/// a word, or refuses: then the newest are asked for one by one.
fn several(account: &Account, ids: &[u64]) -> Result<Vec<Record>, Error> {
    let mut path = format!("/leads?page=1&limit={}", ids.len());
    for (at, id) in ids.iter().enumerate() {
        write!(path, "&filter[id][{at}]={id}").expect("writing to a string cannot fail");
    }
    let call = client::get(path);
    match call.send(account, None) {
        Ok(None) => return Ok(Vec::new()),
        Ok(Some(answer)) => {
            let leads = Record::read_all(client::embedded(answer, "leads"));
            if leads.iter().all(|lead| ids.contains(&lead.id)) {
                return Ok(leads);
            }
        }
        Err(Error::Invalid(_) | Error::Unsupported(_) | Error::PlanLimit(_)) => {}
        Err(other) => return Err(other),
    }
    if SINGLE_LEADS_MAX < ids.len() {
        log::warn(format!(
            "this account has no filters, so of {} deals only the newest {SINGLE_LEADS_MAX} are looked at",
            ids.len()
        ));
    }
    let newest = ids.iter().take(SINGLE_LEADS_MAX).map(|id| lead(account, *id));
    Ok(newest.collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect())
}

pub(crate) fn upsert(
    account: &Account,
    id: Option<&str>,
    card: &str,
    native: &str,
    manager: Option<&str>,
    key: &str,
) -> Result<Deal, Error> {
    let places = places()?;
    let mut wanted: Lead = map::parse(native)?;
    if let Some(manager) = manager {
        let wrong = || Error::invalid("manager", "must be the number that amoCRM gave a user");
        wanted.manager = Some(map::number(manager).ok_or_else(wrong)?);
    }
    let contact = contact_id(card)?;
    let mut deal = match id {
        None => create(account, &places, contact, &wanted, key)?,
        Some(id) => {
            let id = map::number(id).ok_or_else(no_deal)?;
            update(account, &places, id, &wanted)?
        }
    };
    managers::name(account, deal.manager.iter_mut().collect());
    Ok(deal)
}

fn no_deal() -> Error {
    Error::NotFound("amoCRM has no such deal, or no longer".to_owned())
}

/// One request; where the answer to an earlier one was lost, the contact's open deals come first.
fn create(
    account: &Account,
    places: &Places,
    contact: u64,
    wanted: &Lead,
    key: &str,
) -> Result<Deal, Error> {
    let nothing = Record::written(0, &json!({}));
    let mut record = changes(&nothing, wanted);
    let embedded = record.entry("_embedded").or_insert_with(|| json!({}));
    if let Some(embedded) = embedded.as_object_mut() {
        embedded.insert("contacts".to_owned(), json!([{ "id": contact, "is_main": true }]));
    }
    let record = Value::Object(record);
    let find = || {
        let open = open_leads(account, contact)?;
        // A deal without a title cannot be told from others: the newest is the likeliest.
        let is_it = |lead: &Record| wanted.title.is_none() || lead.text("name") == wanted.title;
        Ok(open.into_iter().find(is_it).map(|lead| lead.id))
    };
    let made = writes::once(Kind::Lead, key, find, || {
        write(account, places, &record, |record| client::post("/leads", json!([record])))
    })?;
    let lead = match made {
        Made::Now(id) => Record::written(id, &record),
        Made::Before(id) => lead(account, id)?.ok_or_else(no_deal)?,
    };
    Ok(deal(account, places, &lead))
}

/// Two requests, or one where nothing is to be changed: an array with an unknown id must not be sent.
fn update(account: &Account, places: &Places, id: u64, wanted: &Lead) -> Result<Deal, Error> {
    let held = lead(account, id)?.filter(|lead| !lead.is_deleted()).ok_or_else(no_deal)?;
    let mut changes = changes(&held, wanted);
    if changes.is_empty() {
        return Ok(deal(account, places, &held));
    }
    changes.insert("id".to_owned(), json!(id));
    let changes = Value::Object(changes);
    write(account, places, &changes, |record| client::patch("/leads", json!([record])))?;
    Ok(deal(account, places, &held.overlaid(&changes)))
}

/// Not every account has the fields for campaigns: without those that it lacks the write is
/// repeated, once. Nothing of a refused write is kept.
fn write(
    account: &Account,
    places: &Places,
    record: &Value,
    call: impl Fn(&Value) -> Call,
) -> Result<u64, Failure> {
    let first = call(record);
    let answer = first.fetch(account)?;
    let missing = errors::fields_not_there(&answer);
    let Some(record) = without(record, &missing) else {
        let answer = first.outcome(&answer, Some(places))?;
        return Ok(client::written(answer, "leads")?);
    };
    log::warn("a deal was written without its campaign: the account has no fields for it");
    call(&record).write(account, "leads", Some(places))
}

/// The record without these custom fields; `None` unless all of them are there for campaigns.
fn without(record: &Value, fields: &[usize]) -> Option<Value> {
    let entries = record.get("custom_fields_values")?.as_array()?;
    let may_go = |at: &usize| {
        let key = entries.get(*at).and_then(|entry| values::key_of(entry, None));
        key.is_some_and(|key| values::Field::tracking(&key).is_some())
    };
    if fields.is_empty() || !fields.iter().all(may_go) {
        return None;
    }
    let kept = entries.iter().enumerate().filter(|(at, _)| !fields.contains(at));
    let kept: Vec<Value> = kept.map(|(_, entry)| entry.clone()).collect();
    let mut record = record.as_object()?.clone();
    record.insert("custom_fields_values".to_owned(), Value::Array(kept));
    Some(Value::Object(record))
}

/// What has to be written so that the deal is as it shall be.
fn changes(held: &Record, wanted: &Lead) -> Map<String, Value> {
    let mut changes = Map::new();
    let mut change = |key: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| held.get(key) != Some(value)) {
            changes.insert(key.to_owned(), value);
        }
    };
    change("name", wanted.title.as_ref().map(|title| json!(title)));
    change("price", wanted.price.clone());
    change("status_id", wanted.stage.map(|id| json!(id)));
    change("responsible_user_id", wanted.manager.map(|id| json!(id)));
    change("pipeline_id", wanted.pipeline.map(|id| json!(id)));
    let is_told = |entry: &&Value| held.id != 0 || entry.get("values") != Some(&Value::Null);
    let custom: Vec<Value> = wanted.custom.iter().filter(is_told).cloned().collect();
    if !custom.is_empty() {
        changes.insert("custom_fields_values".to_owned(), Value::Array(custom));
    }
    let mut tags = held.tags();
    let old = tags.len();
    for tag in &wanted.tags {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    if old < tags.len() {
        let tags: Vec<Value> = tags.iter().map(|tag| json!({ "name": tag })).collect();
        changes.insert("_embedded".to_owned(), json!({ "tags": tags }));
    }
    changes
}

fn deal(account: &Account, places: &Places, lead: &Record) -> Deal {
    let stage = lead.number("status_id").map(|id| id.to_string());
    let pipeline = lead.number("pipeline_id").map(|id| id.to_string());
    let mut fields = Vec::new();
    let price = lead.get("price").and_then(Value::as_f64);
    fields
        .extend(price.map(|price| Field::new("price", patchbay_sdk::types::Value::Number(price))));
    fields.extend(pipeline.map(|id| Field::text("pipeline", id)));
    fields.extend(stage.clone().map(|id| Field::text("stage", id)));
    fields.extend(lead.fields(places));
    Deal {
        id: lead.id.to_string(),
        url: Some(account.lead_url(lead.id)),
        title: lead.text("name").unwrap_or_else(|| format!("#{}", lead.id)),
        stage,
        manager: lead.manager(),
        fields,
    }
}
