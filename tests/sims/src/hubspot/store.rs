//! Objects with their past, and what belongs to what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};

use super::directory;
use super::schema::Schema;

/// 2026-12-01T10:00:00Z, when every stage opens.
const OPENED_S: i64 = 1_796_119_200;

pub(super) type Values = BTreeMap<String, String>;

/// One object.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) kind: String,
    /// `None` for one that was there before the stage opened.
    created: Option<Duration>,
    /// What it was from when on, the oldest first.
    versions: Vec<(Option<Duration>, Values)>,
    pub(super) is_archived: bool,
}

#[derive(Debug)]
pub(super) struct Store {
    records: BTreeMap<u64, Record>,
    pairs: BTreeSet<(u64, u64)>,
    /// Ids of contacts that were merged, and what they are now.
    merged: BTreeMap<u64, u64>,
    next_id: u64,
}

impl Default for Store {
    fn default() -> Self {
        let (records, pairs, merged) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { records, pairs, merged, next_id: 51 }
    }
}

impl Record {
    pub(super) fn values(&self) -> &Values {
        &self.versions.last().expect("an object begins with a version").1
    }

    /// What the search shows: the last version that is old enough.
    pub(super) fn indexed(&self, now: Duration, lag: Duration) -> Option<&Values> {
        let is_seen = |at: &Option<Duration>| at.is_none_or(|at| at + lag <= now);
        self.versions.iter().rev().find(|(at, _)| is_seen(at)).map(|(_, values)| values)
    }

    pub(super) fn value(&self, values: &Values, name: &str) -> Option<String> {
        match name {
            "hs_object_id" => Some(self.id.to_string()),
            "createdate" => Some(moment(self.created)),
            "lastmodifieddate" => Some(moment(self.versions.last().and_then(|(at, _)| *at))),
            name => values.get(name).filter(|value| !value.is_empty()).cloned(),
        }
    }

    /// The object with these properties; those that are known and empty are `null`.
    pub(super) fn shown(&self, values: &Values, names: &[String], schema: &Schema) -> Value {
        let always = ["createdate", "hs_object_id", "lastmodifieddate"];
        let mut properties = Map::new();
        for name in names.iter().map(String::as_str).chain(always) {
            if schema.get(&self.kind, name).is_some() {
                let value = self.value(values, name);
                properties.insert(name.to_owned(), value.map_or(Value::Null, Value::String));
            }
        }
        serde_json::json!({
            "id": self.id.to_string(), "properties": properties, "createdAt": moment(self.created),
            "updatedAt": moment(self.versions.last().and_then(|(at, _)| *at)), "archived": self.is_archived,
        })
    }
}

/// HubSpot writes milliseconds.
pub(super) fn moment(at: Option<Duration>) -> String {
    let seconds = at.map_or(-86_400, |at| i64::try_from(at.as_secs()).unwrap_or_default());
    let text = patchbay_sdk::instant::from_unix(OPENED_S + seconds).unwrap_or_default();
    text.replace('Z', ".000Z")
}

impl Store {
    /// The object with this id; a merged one is what it was merged into.
    pub(super) fn get(&self, kind: &str, id: &str) -> Option<&Record> {
        let id: u64 = id.parse().ok()?;
        let id = self.merged.get(&id).copied().unwrap_or(id);
        self.records.get(&id).filter(|record| record.kind == kind && !record.is_archived)
    }

    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Record> {
        self.records.values().filter(move |record| record.kind == kind && !record.is_archived)
    }

    pub(super) fn by_unique(&self, kind: &str, name: &str, value: &str) -> Option<&Record> {
        let value = value.to_lowercase();
        self.of_kind(kind).find(|record| {
            let holds = |name: &str| {
                let held = record.values().get(name).map(|held| held.to_lowercase());
                held.is_some_and(|held| held.split(';').any(|held| held == value))
            };
            holds(name) || (name == "email" && holds("hs_additional_emails"))
        })
    }

    pub(super) fn insert(
        &mut self,
        schema: &Schema,
        kind: &str,
        values: Values,
        created: Option<Duration>,
    ) -> String {
        let id = self.next_id;
        self.next_id += 1;
        let mut values = values;
        values.retain(|_, value| !value.is_empty());
        fill(schema, kind, &mut values);
        let record = Record {
            id,
            kind: kind.to_owned(),
            created,
            versions: vec![(created, values)],
            is_archived: false,
        };
        self.records.insert(id, record);
        id.to_string()
    }

    pub(super) fn insert_old(&mut self, schema: &Schema, kind: &str, values: Values) -> String {
        self.insert(schema, kind, values, None)
    }

    pub(super) fn change(
        &mut self,
        schema: &Schema,
        kind: &str,
        id: &str,
        changes: Values,
        now: Duration,
    ) {
        let Some(id) = self.get(kind, id).map(|record| record.id) else { return };
        let Some(record) = self.records.get_mut(&id) else { return };
        let mut values = record.values().clone();
        values.extend(changes);
        values.retain(|_, value| !value.is_empty());
        fill(schema, kind, &mut values);
        record.versions.push((Some(now), values));
    }

    pub(super) fn archive(&mut self, kind: &str, id: &str) {
        let id = self.get(kind, id).map(|record| record.id);
        if let Some(record) = id.and_then(|id| self.records.get_mut(&id)) {
            record.is_archived = true;
        }
    }

    pub(super) fn merge(&mut self, from: &str, into: &str) {
        let (Ok(from), Ok(into)) = (from.parse::<u64>(), into.parse::<u64>()) else { return };
        self.records.remove(&from);
        self.merged.insert(from, into);
        if let Some(record) = self.records.get_mut(&into) {
            let mut values = record.values().clone();
            let held = values.entry("hs_merged_object_ids".to_owned()).or_default();
            let parts = [held.clone(), from.to_string()];
            *held = parts.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(";");
            record.versions.push((None, values));
        }
    }

    pub(super) fn associate(&mut self, one: (&str, &str), other: (&str, &str)) {
        let id = |(kind, id): (&str, &str)| self.get(kind, id).map(|record| record.id);
        if let (Some(one), Some(other)) = (id(one), id(other)) {
            self.pairs.extend([(one, other), (other, one)]);
        }
    }

    pub(super) fn associated(&self, (kind, id): (&str, &str), to: &str) -> Vec<String> {
        let Some(from) = self.get(kind, id).map(|record| record.id) else { return Vec::new() };
        let others = self.pairs.iter().filter(|(one, _)| *one == from).map(|(_, other)| other);
        let others = others.filter_map(|other| self.get(to, &other.to_string()));
        others.map(|record| record.id.to_string()).collect()
    }

    pub(super) fn all(&self, kind: &str) -> Vec<Value> {
        let shown = |record: &Record| {
            let values = record.values().iter();
            let mut shown: Map<String, Value> =
                values.map(|(name, value)| (name.clone(), value.clone().into())).collect();
            shown.insert("id".to_owned(), record.id.to_string().into());
            Value::Object(shown)
        };
        self.of_kind(kind).map(shown).collect()
    }
}

/// What HubSpot works out of what was written.
fn fill(schema: &Schema, kind: &str, values: &mut Values) {
    if kind == "deals" {
        let stage = values.get("dealstage").and_then(|stage| directory::stage(stage));
        let closed = stage.is_some_and(|(_, closed)| closed);
        values.insert("hs_is_closed".to_owned(), closed.to_string());
    }
    for (typed, filled) in [("phone", "phone"), ("mobilephone", "mobile")] {
        let (national, international) =
            values.get(typed).map(|it| understood(it)).unwrap_or_default();
        let names = [
            (format!("hs_searchable_calculated_{filled}_number"), national),
            (format!("hs_searchable_calculated_international_{filled}_number"), international),
        ];
        for (name, value) in names {
            if schema.get(kind, &name).is_some() {
                values.insert(name, value);
            }
        }
    }
    values.retain(|_, value| !value.is_empty());
}

/// A number without and with its country, where it names one.
fn understood(typed: &str) -> (String, String) {
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    if !typed.trim_start().starts_with('+') {
        return (digits, String::new());
    }
    let codes = ["380", "372", "48", "44", "7", "1"];
    let national = codes.iter().find_map(|code| digits.strip_prefix(code)).unwrap_or(&digits);
    (national.to_owned(), format!("+{digits}"))
}
