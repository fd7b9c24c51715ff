//! Tasks, notes and calls.

use patchbay_sdk::http::Response;
use serde_json::{Value, json};

use super::{Amocrm, Asked, hal, validate};

/// Digits by which a call finds its card.
const CALL_DIGITS: usize = 10;

/// Longest text of a note that is not extended, in characters. The vendor tells no number.
const NOTE_CHARS_MAX: usize = 10_000;

/// Types of notes, and the members of `params` that each must have.
const NOTES: [(&str, &[&str]); 5] = [
    ("common", &["text"]),
    ("call_in", &["duration", "source", "phone"]),
    ("call_out", &["duration", "source", "phone"]),
    ("service_message", &["service", "text"]),
    ("extended_service_message", &["service", "text"]),
];

impl Amocrm {
    pub(super) fn answer_tasks(&mut self, asked: &Asked<'_>) -> Response {
        match (asked.method, asked.path.as_slice()) {
            ("GET", ["tasks"]) => self.list_tasks(asked),
            ("POST", ["tasks"]) => {
                let tasks = asked.body.as_array().cloned().unwrap_or_default();
                let faults = self.faults_of(&tasks, Amocrm::task_faults);
                if !faults.is_empty() || tasks.is_empty() {
                    return hal::refused(&faults);
                }
                let mut made = Vec::new();
                for task in tasks {
                    let id = self.next_id();
                    let mut record = task.clone();
                    record["id"] = json!(id);
                    record["is_completed"] = json!(false);
                    record["created_at"] = json!(self.now);
                    // PHP's way to say that there is none yet.
                    record["result"] = json!([]);
                    self.tasks.insert(id, record);
                    made.push((id, json!({ "request_id": task.get("request_id") })));
                }
                hal::written("tasks", &made, self.now)
            }
            _ => hal::problem(405, "Method Not Allowed", &json!({})),
        }
    }

    fn list_tasks(&self, asked: &Asked<'_>) -> Response {
        let is_asked = |task: &&Value, member: &str| {
            let text =
                task[member].as_str().map_or_else(|| task[member].to_string(), str::to_owned);
            asked.query.filter(member).is_none_or(|all| all.contains(&text.as_str()))
        };
        let is_listed =
            |task: &&Value| is_asked(task, "entity_id") && is_asked(task, "entity_type");
        let mut tasks: Vec<&Value> = self.tasks.values().filter(is_listed).collect();
        if asked.query.get("order[id]") == Some("desc") {
            tasks.reverse();
        }
        hal::list("tasks", tasks.into_iter().cloned(), &asked.query)
    }

    fn task_faults(&self, task: &Value) -> Vec<validate::Fault> {
        let mut faults = Vec::new();
        if task["text"].as_str().is_none_or(str::is_empty) {
            faults.push(("NotBlank", "text".to_owned()));
        }
        if !task["complete_till"].is_u64() {
            faults.push(("InvalidType", "complete_till".to_owned()));
        }
        let users = validate::ids(&self.users);
        faults.extend(validate::reference(task, "responsible_user_id", users));
        let kind = task["entity_type"].as_str().unwrap_or("contacts");
        faults.extend(validate::reference(task, "entity_id", self.table(kind).keys().copied()));
        faults
    }

    pub(super) fn answer_notes(&mut self, asked: &Asked<'_>) -> Response {
        let kind = if asked.path.first() == Some(&"leads") { "leads" } else { "contacts" };
        let owner = match asked.path.as_slice() {
            [_, owner, "notes"] => owner.parse::<u64>().ok(),
            _ => None,
        };
        if asked.method == "GET" {
            let is_listed = |note: &&Value| {
                note["entity_type"] == *kind && owner.is_none_or(|owner| note["entity_id"] == owner)
            };
            let mut notes: Vec<&Value> = self.notes.values().filter(is_listed).collect();
            if asked.query.get("order[id]") == Some("desc") {
                notes.reverse();
            }
            return hal::list("notes", notes.into_iter().cloned(), &asked.query);
        }
        let mut notes = asked.body.as_array().cloned().unwrap_or_default();
        if let Some(owner) = owner {
            for note in &mut notes {
                note["entity_id"] = json!(owner);
            }
        }
        let faults = self.faults_of(&notes, |crm, note| crm.note_faults(kind, note));
        if !faults.is_empty() || notes.is_empty() {
            return hal::refused(&faults);
        }
        let mut made = Vec::new();
        for note in notes {
            made.push((self.add_note(kind, &note), note));
        }
        hal::written("notes", &made, self.now)
    }

    fn add_note(&mut self, kind: &str, note: &Value) -> u64 {
        let id = self.next_id();
        let mut record = note.clone();
        record["id"] = json!(id);
        record["entity_type"] = json!(kind);
        record["created_at"] = json!(self.now);
        self.notes.insert(id, record);
        id
    }

    fn note_faults(&self, kind: &str, note: &Value) -> Vec<validate::Fault> {
        let mut faults: Vec<validate::Fault> =
            validate::reference(note, "entity_id", self.table(kind).keys().copied())
                .into_iter()
                .collect();
        let note_type = note["note_type"].as_str().unwrap_or_default();
        let Some((_, needed)) = NOTES.iter().find(|(own, _)| *own == note_type) else {
            faults.push(("NotSupportedChoice", "note_type".to_owned()));
            return faults;
        };
        for member in *needed {
            let value = &note["params"][member];
            if value.is_null() || value.as_str().is_some_and(str::is_empty) {
                faults.push(("NotBlank", format!("params.{member}")));
            }
        }
        let length = note["params"]["text"].as_str().unwrap_or_default().chars().count();
        if NOTE_CHARS_MAX < length && note_type != "extended_service_message" {
            faults.push(("TooLong", "params.text".to_owned()));
        }
        faults
    }

    fn faults_of(
        &self,
        records: &[Value],
        check: impl Fn(&Self, &Value) -> Vec<validate::Fault>,
    ) -> Vec<(usize, &'static str, String)> {
        let faults = records.iter().enumerate().flat_map(|(at, record)| {
            check(self, record).into_iter().map(move |(code, path)| (at, code, path))
        });
        faults.collect()
    }

    /// A call is stored on the card that has its number, and dropped where none has it.
    pub(super) fn answer_calls(&mut self, asked: &Asked<'_>) -> Response {
        if asked.method != "POST" {
            return hal::problem(405, "Method Not Allowed", &json!({}));
        }
        let (mut calls, mut errors) = (Vec::new(), Vec::new());
        for (at, call) in asked.body.as_array().cloned().unwrap_or_default().iter().enumerate() {
            let request_id = at.to_string();
            match self.owner_of(call["phone"].as_str().unwrap_or_default()) {
                Some(contact) => {
                    let direction = if call["direction"] == "inbound" { "call_in" } else { "call_out" };
                    let note = json!({ "entity_id": contact, "note_type": direction, "params": call });
                    let id = self.add_note("contacts", &note);
                    calls.push(json!({
                        "id": id, "entity_id": contact, "entity_type": "contact", "request_id": request_id,
                    }));
                }
                None => errors.push(json!({
                    "title": "Entity not found", "code": 263, "detail": "Entity not found", "request_id": request_id,
                })),
            }
        }
        let more = json!({ "_total_items": calls.len(), "errors": errors, "_embedded": { "calls": calls } });
        if calls.is_empty() { hal::problem(400, "Bad Request", &more) } else { hal::ok(&more) }
    }

    fn owner_of(&self, phone: &str) -> Option<u64> {
        let last = |text: &str| -> Vec<char> {
            text.chars().rev().filter(char::is_ascii_digit).take(CALL_DIGITS).collect()
        };
        let wanted = last(phone);
        let has = |contact: &&Value| {
            let entries = contact["custom_fields_values"].as_array().into_iter().flatten();
            let phones = entries.filter(|entry| entry["field_code"] == "PHONE");
            let mut values = phones.filter_map(|entry| entry["values"].as_array()).flatten();
            values.any(|value| value["value"].as_str().is_some_and(|held| last(held) == wanted))
        };
        self.contacts.values().find(has)?["id"].as_u64()
    }
}
