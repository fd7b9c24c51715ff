//! Contacts and deals: lists, single ones, writes of arrays, and links between them.

use patchbay_sdk::http::Response;
use serde_json::{Map, Value, json};

use super::{Amocrm, Asked, hal, validate};

/// Records in one write.
const BATCH_MAX: usize = 250;

/// Deals in one write together with their contacts.
const COMPLEX_MAX: usize = 50;

/// A record as it is stored.
pub(super) fn new_record(id: u64, sent: &Value, fields: &[Value], now: u64) -> Value {
    let mut record = json!({
        "id": id, "name": "", "responsible_user_id": 7, "group_id": 0, "created_by": 7, "updated_by": 7,
        "created_at": now, "updated_at": now, "closest_task_at": null, "is_deleted": false,
        "custom_fields_values": null, "account_id": 1, "_links": {}, "_embedded": { "tags": [] },
    });
    apply(&mut record, sent, fields, now);
    record
}

/// Writes what was sent over a record: the values of a field as a whole, tags as a whole.
fn apply(record: &mut Value, sent: &Value, fields: &[Value], now: u64) {
    record["updated_at"] = json!(now);
    let empty = Map::new();
    for (key, value) in sent.as_object().unwrap_or(&empty) {
        match key.as_str() {
            "custom_fields_values" => apply_custom(record, value, fields),
            "_embedded" => {
                if let Some(tags) = value["tags"].as_array() {
                    let named = |tag: &Value| {
                        let name = tag["name"].as_str().unwrap_or_default();
                        json!({ "id": 9_000 + name.len(), "name": name, "color": null })
                    };
                    record["_embedded"]["tags"] = tags.iter().map(named).collect();
                }
            }
            "id" | "request_id" | "updated_at" => {}
            _ => record[key] = value.clone(),
        }
    }
}

fn apply_custom(record: &mut Value, sent: &Value, fields: &[Value]) {
    let mut held = record["custom_fields_values"].as_array().cloned().unwrap_or_default();
    for entry in sent.as_array().into_iter().flatten() {
        let Some(field) = validate::field(entry, fields) else { continue };
        held.retain(|own| own["field_id"] != field["id"]);
        let Some(values) = entry["values"].as_array().filter(|values| !values.is_empty()) else {
            continue;
        };
        held.push(json!({
            "field_id": field["id"], "field_name": field["name"], "field_code": field["code"],
            "field_type": field["type"], "values": values.iter().map(|value| stored(value, field)).collect::<Vec<_>>(),
        }));
    }
    record["custom_fields_values"] = if held.is_empty() { Value::Null } else { Value::Array(held) };
}

fn stored(value: &Value, field: &Value) -> Value {
    match field["type"].as_str() {
        Some("multitext") => {
            let code = value.get("enum_code").cloned().unwrap_or_else(|| json!("WORK"));
            let is_it = |choice: &&Value| choice["value"] == code;
            let choice = field["enums"].as_array().and_then(|all| all.iter().find(is_it));
            let id = choice.map_or(Value::Null, |choice| choice["id"].clone());
            json!({ "value": value["value"], "enum_id": id, "enum_code": code })
        }
        Some("select" | "multiselect") => validate::choice(value, field).map_or(Value::Null, |choice| {
            json!({ "value": choice["value"], "enum_id": choice["id"], "enum_code": null })
        }),
        // The vendor answers numbers as texts.
        Some("numeric") => {
            let text = value["value"].as_str().map_or_else(|| value["value"].to_string(), str::to_owned);
            json!({ "value": text })
        }
        _ => json!({ "value": value["value"] }),
    }
}

impl Amocrm {
    pub(super) fn answer_entities(&mut self, asked: &Asked<'_>) -> Response {
        let id = |text: &str| text.parse::<u64>().unwrap_or_default();
        match (asked.method, asked.path.as_slice()) {
            ("GET", [kind]) => self.list_entities(kind, asked),
            ("GET", [kind, one]) => match self.table(kind).get(&id(one)) {
                Some(record) => hal::ok(&self.shown(kind, record, asked)),
                None => Response::empty(204),
            },
            ("POST", [kind]) => self.add_entities(kind, &asked.body),
            ("PATCH", [kind]) => self.change_entities(kind, &asked.body),
            ("PATCH", [kind, one]) => {
                if self.table(kind).contains_key(&id(one)) {
                    self.change_one(kind, id(one), &asked.body)
                } else {
                    hal::problem(404, "Not Found", &json!({}))
                }
            }
            ("POST", ["leads", lead, "link"]) => self.link(id(lead), &asked.body),
            ("GET", ["leads", lead, "links"]) => {
                let lead = id(lead);
                let links = self.links.iter().filter(move |link| link.0 == lead);
                hal::list(
                    "links",
                    links.map(|(lead, contact, main)| link_json(*lead, *contact, *main)),
                    &asked.query,
                )
            }
            _ => hal::problem(405, "Method Not Allowed", &json!({})),
        }
    }

    fn list_entities(&self, kind: &str, asked: &Asked<'_>) -> Response {
        let wanted = asked.query.get("query").map(str::to_lowercase);
        let ids = asked.query.filter("id").filter(|_| self.filters);
        let is_listed = |record: &&Value| {
            let id = record["id"].to_string();
            let is_filtered = ids.as_ref().is_none_or(|ids| ids.contains(&id.as_str()));
            is_filtered
                && wanted
                    .as_ref()
                    .is_none_or(|wanted| self.search_sees(&record["id"]) && holds(record, wanted))
        };
        let mut records: Vec<&Value> = self.table(kind).values().filter(is_listed).collect();
        if asked.query.get("order[id]") == Some("desc") {
            records.reverse();
        }
        let shown = records.into_iter().map(|record| self.shown(kind, record, asked));
        hal::list(kind, shown, &asked.query)
    }

    fn search_sees(&self, id: &Value) -> bool {
        self.searched_until.is_none_or(|last| id.as_u64().is_some_and(|id| id <= last))
    }

    /// The record with what it is linked to, where that is asked for.
    fn shown(&self, kind: &str, record: &Value, asked: &Asked<'_>) -> Value {
        let mut shown = record.clone();
        let id = record["id"].as_u64().unwrap_or_default();
        if kind == "contacts" && asked.query.asks_with("leads") {
            let leads = self.links.iter().filter(|link| link.1 == id);
            shown["_embedded"]["leads"] =
                leads.map(|link| json!({ "id": link.0, "_links": {} })).collect();
        }
        if kind == "leads" && asked.query.asks_with("contacts") {
            let contacts = self.links.iter().filter(|link| link.0 == id);
            shown["_embedded"]["contacts"] =
                contacts.map(|link| json!({ "id": link.1, "is_main": link.2 })).collect();
        }
        shown
    }

    fn faults(&self, kind: &str, record: &Value) -> Vec<validate::Fault> {
        let mut faults = validate::custom(record, self.fields(kind));
        faults.extend(validate::reference(
            record,
            "responsible_user_id",
            validate::ids(&self.users),
        ));
        if kind == "leads" {
            faults.extend(validate::reference(
                record,
                "pipeline_id",
                validate::ids(&self.pipelines),
            ));
            let stages =
                self.pipelines.iter().filter_map(|it| it["_embedded"]["statuses"].as_array());
            faults.extend(validate::reference(
                record,
                "status_id",
                stages.flat_map(|it| validate::ids(it)),
            ));
            let contacts = record["_embedded"]["contacts"].as_array().into_iter().flatten();
            faults.extend(contacts.enumerate().filter_map(|(at, contact)| {
                let is_known = validate::names_one_of(contact, "id", self.contacts.keys().copied());
                (!is_known).then(|| ("NotSupportedChoice", format!("_embedded.contacts.{at}.id")))
            }));
        }
        faults
    }

    /// All records of the array, or why none of them is written.
    fn checked<'a>(
        &self,
        kind: &str,
        body: &'a Value,
        most: usize,
    ) -> Result<&'a [Value], Response> {
        let records =
            body.as_array().filter(|records| !records.is_empty() && records.len() <= most);
        let Some(records) = records else {
            return Err(hal::problem(
                400,
                "Bad Request",
                &json!({ "detail": "Request validation failed" }),
            ));
        };
        let faults: Vec<_> = records
            .iter()
            .enumerate()
            .flat_map(|(at, record)| {
                self.faults(kind, record).into_iter().map(move |(code, path)| (at, code, path))
            })
            .collect();
        if faults.is_empty() { Ok(records) } else { Err(hal::refused(&faults)) }
    }

    fn add_entities(&mut self, kind: &str, body: &Value) -> Response {
        let records = match self.checked(kind, body, BATCH_MAX) {
            Ok(records) => records,
            Err(refusal) => return refusal,
        };
        let added: Vec<(u64, Value)> =
            records.iter().map(|sent| (self.add_entity(kind, sent), sent.clone())).collect();
        hal::written(kind, &added, self.now)
    }

    fn add_entity(&mut self, kind: &str, sent: &Value) -> u64 {
        let id = self.next_id();
        let mut record = new_record(id, sent, self.fields(kind), self.now);
        if kind == "leads" {
            if record["name"] == "" {
                record["name"] = json!(format!("Deal #{id}"));
            }
            let pipeline = record.get("pipeline_id").cloned().unwrap_or_else(|| json!(31));
            let first = pipeline.as_u64().unwrap_or_default() * 100 + 1;
            record["pipeline_id"] = pipeline;
            if record.get("status_id").is_none() {
                record["status_id"] = json!(first);
            }
            for contact in sent["_embedded"]["contacts"].as_array().into_iter().flatten() {
                let is_main = contact["is_main"] == true;
                self.links.push((id, contact["id"].as_u64().unwrap_or_default(), is_main));
            }
        }
        self.table_mut(kind).insert(id, record);
        id
    }

    /// As users report: what has no id that is known is made anew.
    fn change_entities(&mut self, kind: &str, body: &Value) -> Response {
        let records = match self.checked(kind, body, BATCH_MAX) {
            Ok(records) => records,
            Err(refusal) => return refusal,
        };
        let mut changed = Vec::new();
        for sent in records {
            let id = sent["id"].as_u64().filter(|id| self.table(kind).contains_key(id));
            let id = match id {
                Some(id) => {
                    self.change(kind, id, sent);
                    id
                }
                None => self.add_entity(kind, sent),
            };
            changed.push((id, sent.clone()));
        }
        hal::written(kind, &changed, self.now)
    }

    fn change_one(&mut self, kind: &str, id: u64, sent: &Value) -> Response {
        let faults = self.faults(kind, sent);
        if !faults.is_empty() {
            let faults: Vec<_> = faults.into_iter().map(|(code, path)| (0, code, path)).collect();
            return hal::refused(&faults);
        }
        self.change(kind, id, sent);
        hal::ok(&json!({ "id": id, "updated_at": self.now, "_links": {} }))
    }

    fn change(&mut self, kind: &str, id: u64, sent: &Value) {
        let (fields, now) = (self.fields(kind).to_vec(), self.now);
        if let Some(record) = self.table_mut(kind).get_mut(&id) {
            apply(record, sent, &fields, now);
        }
    }

    /// Deals with their new contacts; answered as a bare array.
    pub(super) fn add_complex(&mut self, body: &Value) -> Response {
        let Some(leads) = body.as_array().filter(|leads| leads.len() <= COMPLEX_MAX) else {
            return hal::problem(400, "Bad Request", &json!({}));
        };
        let mut answer = Vec::new();
        for (at, lead) in leads.iter().enumerate() {
            let contact = lead["_embedded"]["contacts"].get(0).cloned().unwrap_or_default();
            let contact = contact.is_object().then(|| self.add_entity("contacts", &contact));
            let mut sent = lead.clone();
            if let Some(id) = contact {
                sent["_embedded"]["contacts"] = json!([{ "id": id, "is_main": true }]);
            }
            let id = self.add_entity("leads", &sent);
            answer.push(json!({
                "id": id, "contact_id": contact, "company_id": null, "request_id": [at.to_string()], "merged": false,
            }));
        }
        hal::ok(&Value::Array(answer))
    }

    fn link(&mut self, lead: u64, body: &Value) -> Response {
        let mut links = Vec::new();
        for link in body.as_array().into_iter().flatten() {
            let contact = link["to_entity_id"].as_u64().unwrap_or_default();
            if !self.leads.contains_key(&lead) || !self.contacts.contains_key(&contact) {
                return hal::refused(&[(0, "NotSupportedChoice", "0.to_entity_id".to_owned())]);
            }
            let is_main = link["metadata"]["is_main"] == true;
            self.links.retain(|own| (own.0, own.1) != (lead, contact));
            self.links.push((lead, contact, is_main));
            links.push(link_json(lead, contact, is_main));
        }
        hal::ok(&json!({ "_total_items": links.len(), "_embedded": { "links": links } }))
    }
}

fn link_json(lead: u64, contact: u64, is_main: bool) -> Value {
    json!({
        "entity_id": lead, "entity_type": "leads", "to_entity_id": contact, "to_entity_type": "contacts",
        "metadata": { "main_contact": is_main },
    })
}

/// Whether a value of the record has this part, as it was typed in.
fn holds(record: &Value, wanted: &str) -> bool {
    let is_part = |value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.to_lowercase().contains(wanted)
    };
    let entries = record["custom_fields_values"].as_array().into_iter().flatten();
    let values = entries.filter_map(|entry| entry["values"].as_array()).flatten();
    is_part(&record["name"]) || values.map(|value| &value["value"]).any(is_part)
}
