//! Batches: 200 or 201 where all went well, 207 where a part did.

use std::time::Duration;

use serde_json::{Value, json};

use super::HubSpot;
use super::answer::{Answer, refusal, with};
use super::store::moment;

const INPUTS_MAX: usize = 100;

impl HubSpot {
    pub(super) fn batch(
        &mut self,
        kind: &str,
        action: &str,
        body: &Value,
        now: Duration,
    ) -> Answer {
        let inputs = body.get("inputs").and_then(Value::as_array).cloned().unwrap_or_default();
        if inputs.is_empty() || INPUTS_MAX < inputs.len() {
            let text = format!("{} inputs; between 1 and {INPUTS_MAX} are allowed", inputs.len());
            return refusal(400, "VALIDATION_ERROR", &text);
        }
        let mut ids: Vec<&Value> = inputs.iter().filter_map(|input| input.get("id")).collect();
        ids.sort_by_key(ToString::to_string);
        ids.dedup();
        if action != "create" && ids.len() < inputs.len() {
            return refusal(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input");
        }
        match action {
            "read" => self.read_batch(kind, body, &inputs, now),
            "create" => self.create_batch(kind, &inputs, now),
            "update" => self.update_batch(kind, &inputs, now),
            "upsert" => self.upsert_batch(kind, &inputs, now),
            _ => refusal(404, "", "resource not found"),
        }
    }

    fn read_batch(&self, kind: &str, body: &Value, inputs: &[Value], now: Duration) -> Answer {
        let texts = |list: Option<&Value>| -> Vec<String> {
            let list = list.and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let names = texts(body.get("properties"));
        let by = body.get("idProperty").and_then(Value::as_str);
        let (mut results, mut lost): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
        for input in inputs {
            let id = input.get("id").and_then(Value::as_str).unwrap_or_default();
            let found = match by {
                Some(name) => self.store.by_unique(kind, name, id),
                None => self.store.get(kind, id),
            };
            match found {
                Some(record) => results.push(record.shown(record.values(), &names, &self.schema)),
                None => lost.push(id.to_owned()),
            }
        }
        let errors = if lost.is_empty() {
            Vec::new()
        } else {
            let text = "Could not get some objects, they may be deleted or not exist. Check that ids are valid.";
            vec![json!({
                "status": "error", "category": "OBJECT_NOT_FOUND", "message": text,
                "context": { "ids": lost },
            })]
        };
        complete(200, &results, &errors, now)
    }

    /// All of them or none.
    fn create_batch(&mut self, kind: &str, inputs: &[Value], now: Duration) -> Answer {
        let mut results = Vec::new();
        for input in inputs {
            match self.created(kind, input, now) {
                Ok(shown) => results.push(shown),
                Err(refused) => {
                    let made = results.iter().filter_map(|shown| shown.get("id")?.as_str());
                    for id in made.map(str::to_owned).collect::<Vec<_>>() {
                        self.store.archive(kind, &id);
                    }
                    return refused;
                }
            }
        }
        // Their order is not promised.
        results.reverse();
        complete(201, &results, &[], now)
    }

    fn update_batch(&mut self, kind: &str, inputs: &[Value], now: Duration) -> Answer {
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs {
            let id = input.get("id").and_then(Value::as_str).unwrap_or_default();
            match self.updated(kind, id, input, now) {
                Ok(shown) => results.push(shown),
                Err(refused) => errors.push(refused.body),
            }
        }
        complete(200, &results, &errors, now)
    }

    fn upsert_batch(&mut self, kind: &str, inputs: &[Value], now: Duration) -> Answer {
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs {
            let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
            let (name, value) = (text("idProperty"), text("id"));
            if self.schema.get(kind, name).is_none_or(|property| !property.is_unique) {
                let text = "Unable to perform update/upsert by non-unique property";
                return refusal(400, "VALIDATION_ERROR", text);
            }
            let known = self.store.by_unique(kind, name, value).map(|record| record.id.to_string());
            let is_new = known.is_none();
            let mut input = input.clone();
            if let Some(properties) = input.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert(name.to_owned(), value.into());
            }
            let written = match known {
                Some(id) => self.updated(kind, &id, &input, now),
                None => self.created(kind, &input, now),
            };
            match written {
                Ok(shown) => results.push(with(shown, "new", Some(json!(is_new)))),
                Err(refused) => errors.push(refused.body),
            }
        }
        complete(200, &results, &errors, now)
    }
}

fn complete(status: u16, results: &[Value], errors: &[Value], now: Duration) -> Answer {
    let at = moment(Some(now));
    let body = json!({
        "status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at,
    });
    if errors.is_empty() {
        return Answer::new(status, body);
    }
    let body = with(body, "numErrors", Some(json!(errors.len())));
    Answer::new(207, with(body, "errors", Some(json!(errors))))
}
