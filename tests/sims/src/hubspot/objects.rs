//! One object at a time: create, read, update, archive, list.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::HubSpot;
use super::answer::{Answer, fault, invalid, missing, page, refusal, with};
use super::directory;
use super::store::Values;

type Query = BTreeMap<String, String>;

impl HubSpot {
    pub(super) fn create(&mut self, kind: &str, body: &Value, now: Duration) -> Answer {
        match self.created(kind, body, now) {
            Ok(shown) => Answer::new(201, shown),
            Err(refused) => refused,
        }
    }

    /// Makes an object with its associations, or nothing at all.
    pub(super) fn created(
        &mut self,
        kind: &str,
        body: &Value,
        now: Duration,
    ) -> Result<Value, Answer> {
        let values = values(body)?;
        self.check(kind, &values, None)?;
        required(kind, &values)?;
        let targets = self.targets(kind, body)?;
        let written: Vec<String> = values.keys().cloned().collect();
        let id = self.store.insert(&self.schema, kind, values, Some(now));
        for (to, other) in &targets {
            self.store.associate((kind, &id), (to, other));
        }
        Ok(self.shown(kind, &id, &written))
    }

    pub(super) fn updated(
        &mut self,
        kind: &str,
        id: &str,
        body: &Value,
        now: Duration,
    ) -> Result<Value, Answer> {
        let values = values(body)?;
        let Some(record) = self.store.get(kind, id) else { return Err(missing()) };
        let id = record.id.to_string();
        self.check(kind, &values, Some(&id))?;
        let written: Vec<String> = values.keys().cloned().collect();
        self.store.change(&self.schema, kind, &id, values, now);
        Ok(self.shown(kind, &id, &written))
    }

    /// Only what was written, and what HubSpot has filled, is told after a write.
    fn shown(&self, kind: &str, id: &str, written: &[String]) -> Value {
        let record = self.store.get(kind, id).expect("it was just written");
        record.shown(record.values(), written, &self.schema)
    }

    pub(super) fn one(
        &mut self,
        method: &str,
        kind: &str,
        id: &str,
        query: &Query,
        body: &Value,
        now: Duration,
    ) -> Answer {
        let id = super::answer::decoded(id);
        let id = match query.get("idProperty") {
            None => id,
            Some(name) => {
                if self.schema.get(kind, name).is_none_or(|it| !it.is_unique) {
                    let text = format!("{name} is not a unique property of {kind}");
                    return refusal(400, "VALIDATION_ERROR", &text);
                }
                match self.store.by_unique(kind, name, &id) {
                    Some(record) => record.id.to_string(),
                    None => return missing(),
                }
            }
        };
        match method {
            "GET" => self.read(kind, &id, query),
            "PATCH" => match self.updated(kind, &id, body, now) {
                Ok(shown) => Answer::new(200, shown),
                Err(refused) => refused,
            },
            "DELETE" => {
                self.store.archive(kind, &id);
                Answer::new(204, Value::Null)
            }
            _ => refusal(405, "", "Method Not Allowed"),
        }
    }

    fn read(&self, kind: &str, id: &str, query: &Query) -> Answer {
        let Some(record) = self.store.get(kind, id) else { return missing() };
        let shown = record.shown(record.values(), &names(query), &self.schema);
        let mut joined = serde_json::Map::new();
        let id = record.id.to_string();
        let asked = query.get("associations").map(String::as_str).unwrap_or_default();
        for to in asked.split(',').filter(|to| !to.is_empty()) {
            let others = self.store.associated((kind, &id), to);
            let results: Vec<Value> =
                others.iter().map(|other| json!({ "id": other, "type": "associated" })).collect();
            // A kind that nothing is joined to is left out.
            if !results.is_empty() {
                joined.insert(to.to_owned(), json!({ "results": results }));
            }
        }
        let joined = Some(Value::Object(joined)).filter(|joined| *joined != json!({}));
        Answer::new(200, with(shown, "associations", joined))
    }

    pub(super) fn list(&self, kind: &str, query: &Query) -> Answer {
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
        let limit = number("limit").unwrap_or(10);
        if limit == 0 || 100 < limit {
            return refusal(400, "VALIDATION_ERROR", "limit must be between 1 and 100");
        }
        let limit = usize::try_from(limit).unwrap_or(100).min(self.page_max);
        if query.contains_key("after") && number("after").is_none() {
            return refusal(400, "VALIDATION_ERROR", "after must be a number here");
        }
        let after = number("after").unwrap_or_default();
        let mut left = self.store.of_kind(kind).filter(|record| after < record.id);
        let results: Vec<_> = left.by_ref().take(limit).collect();
        let next = results.last().filter(|_| left.next().is_some()).map(|it| it.id.to_string());
        let names = names(query);
        let shown =
            |record: &&super::store::Record| record.shown(record.values(), &names, &self.schema);
        let results: Vec<Value> = results.iter().map(shown).collect();
        Answer::new(200, page(&results, next))
    }

    /// Refuses values that are wrong, or another object's.
    fn check(&self, kind: &str, values: &Values, own: Option<&str>) -> Result<(), Answer> {
        let mut faults = self.schema.faults(kind, values, &self.owners);
        if let (Some(stage), Some(pipeline)) = (values.get("dealstage"), values.get("pipeline"))
            && directory::stage(stage).is_some_and(|(of, _)| of != pipeline)
        {
            let text = format!("{stage} was not one of the allowed options of {pipeline}");
            faults.push(fault("dealstage", "INVALID_OPTION", &text));
        }
        if !faults.is_empty() {
            return Err(invalid(&faults));
        }
        let is_other = |record: &&super::store::Record| Some(record.id.to_string().as_str()) != own;
        let emails = ["email", "hs_additional_emails"].into_iter().filter_map(|it| values.get(it));
        for email in emails.flat_map(|it| it.split(';')).filter(|it| !it.is_empty()) {
            if let Some(holder) = self.store.by_unique(kind, "email", email).filter(is_other) {
                let text = format!("Contact already exists. Existing ID: {}", holder.id);
                return Err(refusal(409, "CONFLICT", &text));
            }
        }
        for name in self.schema.unique(kind).filter(|name| *name != "email") {
            let Some(value) = values.get(name).filter(|value| !value.is_empty()) else { continue };
            if let Some(holder) = self.store.by_unique(kind, name, value).filter(is_other) {
                let text = format!(
                    "Cannot set PropertyValueCoordinates{{portalId=123456, propertyName={name}, value={value}}} on {}. {} already has that value.",
                    own.unwrap_or("0"),
                    holder.id
                );
                return Err(invalid(&[fault(name, "CONFLICTING_UNIQUE_VALUE", &text)]));
            }
        }
        Ok(())
    }
}

fn names(query: &Query) -> Vec<String> {
    let names = query.get("properties").map(String::as_str).unwrap_or_default();
    names.split(',').map(str::to_owned).collect()
}

/// Every value is a text.
fn values(body: &Value) -> Result<Values, Answer> {
    let wrong = || refusal(400, "VALIDATION_ERROR", "Invalid input JSON: properties must be texts");
    let properties = body.get("properties").and_then(Value::as_object).ok_or_else(wrong)?;
    let value = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    properties.iter().map(value).collect::<Option<_>>().ok_or_else(wrong)
}

fn required(kind: &str, values: &Values) -> Result<(), Answer> {
    let is_set = |name: &&str| values.get(*name).is_some_and(|value| !value.is_empty());
    let (any, needed): (bool, &[&str]) = match kind {
        "contacts" => (true, &["email", "firstname", "lastname"]),
        "deals" => (false, &["dealname", "dealstage"]),
        _ => (false, &["hs_timestamp"]),
    };
    let is_good = if any { needed.iter().any(&is_set) } else { needed.iter().all(&is_set) };
    if is_good {
        return Ok(());
    }
    let text = format!("Error creating {kind}. Some required properties were not set.");
    let error = json!({
        "message": "some required properties were not set", "code": "REQUIRED_FIELD",
        "context": { "properties": needed },
    });
    let Answer { status, body } = refusal(400, "VALIDATION_ERROR", &text);
    Err(Answer::new(status, with(body, "errors", Some(json!([error])))))
}
