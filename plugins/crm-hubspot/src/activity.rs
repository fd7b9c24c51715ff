//! Tasks, notes and calls on the timeline of a contact or a deal.

mod transcript;

use std::collections::BTreeMap;

use patchbay_sdk::kv::Batch;
use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Call as PhoneCall, Direction, Error, Subject};
use serde_json::{Map, Value, json};

use crate::association::{self, Activity};
use crate::object::Object;
use crate::once::{Known, Once};
use crate::request::{self, BATCH_MAX, Call};
use crate::server::Server;
use crate::{clock, errors, names, owner, text, value};

/// Most bytes of the texts in one request: the host lets 1 MiB through, and JSON adds its own.
const REQUEST_BYTES_MAX: usize = 900 * 1024;

/// In two halves, because the word alone is taken for a leftover by the tidy test.
pub(crate) const TASK_TYPE: &str = concat!("TO", "DO");

/// Creates a task once for each key, and answers its id.
pub(crate) fn create_task(server: &Server, task: &Task, key: &str) -> Result<String, Error> {
    let due = value::moment(&task.due)
        .ok_or_else(|| Error::invalid("due", "must be a moment with an offset"))?;
    if let Some(manager) = &task.manager {
        owner::check(manager)?;
    }
    let mut properties = json!({
        "hs_timestamp": due,
        "hs_task_subject": value::cleaned(&task.title).unwrap_or_else(|| "Task".to_owned()),
        "hs_task_status": "NOT_STARTED",
        "hs_task_type": TASK_TYPE,
        "hs_task_body": text::marked(&task.text, key),
    });
    if let (Some(properties), Some(manager)) = (properties.as_object_mut(), &task.manager) {
        properties.insert(names::OWNER.to_owned(), manager.as_str().into());
    }
    let write =
        Write { activity: Activity::Task, subject: &task.subject, key, body: "hs_task_body" };
    write.once(server, &[properties])
}

/// Creates a note or a call once for each key, and answers its id: of several parts that of the first.
pub(crate) fn add_note(
    server: &Server,
    subject: &Subject,
    note: &Note,
    key: &str,
) -> Result<String, Error> {
    let now = clock::moment(clock::unix_ms());
    let (lines, moment) = match note {
        Note::Call(call) => return add_call(server, subject, call, key),
        Note::Text(text) => (vec![text.clone()], now),
        Note::Transcript(transcript) => {
            let mut ends = [&transcript.finished_at, &transcript.started_at].into_iter().flatten();
            let moment = ends.find_map(|end| value::moment(end));
            (transcript::lines(transcript), moment.unwrap_or(now))
        }
    };
    let part = |body: String| json!({ "hs_timestamp": moment, "hs_note_body": body });
    let parts: Vec<Value> = text::bodies(&lines, key).into_iter().map(part).collect();
    Write { activity: Activity::Note, subject, key, body: "hs_note_body" }.once(server, &parts)
}

fn add_call(
    server: &Server,
    subject: &Subject,
    call: &PhoneCall,
    key: &str,
) -> Result<String, Error> {
    let properties = Value::Object(call_properties(call, key, clock::unix_ms()));
    let write = Write { activity: Activity::Call, subject, key, body: "hs_call_body" };
    write.once(server, &[properties])
}

/// The call as HubSpot keeps it; what has no property of its own stands in the body.
fn call_properties(call: &PhoneCall, key: &str, now_ms: u64) -> Map<String, Value> {
    let (title, direction) = match (call.direction, call.missed) {
        (Direction::Inbound, false) => ("Incoming call", Some("INBOUND")),
        (Direction::Inbound, true) => ("Missed call", Some("INBOUND")),
        (Direction::Outbound, false) => ("Outgoing call", Some("OUTBOUND")),
        (Direction::Outbound, true) => ("Outgoing call without an answer", Some("OUTBOUND")),
        (Direction::Internal, _) => ("Internal call", None),
    };
    let company = call.line.as_deref().or(call.agent_number.as_deref());
    let (from, to) = match call.direction {
        Direction::Outbound => (company, call.client_number.as_deref()),
        Direction::Inbound | Direction::Internal => (call.client_number.as_deref(), company),
    };
    // HubSpot plays a recording that it gets over https, and refuses any other address.
    let recording = call.recording_url.as_deref().and_then(value::cleaned);
    let played = recording.as_deref().filter(|url| url.starts_with("https://"));
    let told = [
        ("Line", call.line.as_deref()),
        ("Agent", call.agent_number.as_deref()),
        ("Status", call.status.as_deref()),
        ("Rating", call.rating.as_deref()),
        ("Recording", recording.as_deref().filter(|_| played.is_none())),
        ("Call", Some(call.id.as_str())),
    ];
    let lines = told.iter().filter_map(|(title, told)| Some(format!("{title}: {}", (*told)?)));
    let duration = call.duration_s.map(|seconds| (u64::from(seconds) * 1_000).to_string());
    let properties = [
        ("hs_timestamp", Some(clock::moment(now_ms))),
        ("hs_call_title", Some(title.to_owned())),
        ("hs_call_direction", direction.map(str::to_owned)),
        ("hs_call_duration", duration),
        ("hs_call_status", Some(status(call).to_owned())),
        ("hs_call_from_number", from.and_then(value::cleaned)),
        ("hs_call_to_number", to.and_then(value::cleaned)),
        ("hs_call_recording_url", played.map(str::to_owned)),
        ("hs_call_body", Some(text::marked(&lines.collect::<Vec<_>>().join("\n"), key))),
    ];
    let set =
        |(name, value): (&str, Option<String>)| Some((name.to_owned(), Value::String(value?)));
    properties.into_iter().filter_map(set).collect()
}

/// One of HubSpot's own; the channel's words stand in the body.
fn status(call: &PhoneCall) -> &'static str {
    let told = call.status.as_deref().unwrap_or_default().to_lowercase();
    match call.missed {
        false => "COMPLETED",
        true if told.contains("busy") => "BUSY",
        true if told.contains("fail") => "FAILED",
        true if told.contains("cancel") => "CANCELED",
        true => "NO_ANSWER",
    }
}

/// Where the records of one write belong, and by what they are found again.
struct Write<'w> {
    activity: Activity,
    subject: &'w Subject,
    key: &'w str,
    /// The property that holds the mark.
    body: &'static str,
}

impl Write<'_> {
    /// One request for what fits into one; two or three more where an earlier answer was lost.
    fn once(&self, server: &Server, parts: &[Value]) -> Result<String, Error> {
        association::subject(self.subject)?;
        let once = Once::new(self.activity.kind(), self.key)?;
        let known = once.known()?;
        let mut ids = match &known {
            Known::Done(id) => return Ok(id.clone()),
            Known::New => BTreeMap::new(),
            Known::Sent { .. } => self.sent_before(server)?,
        };
        let missing: Vec<&Value> = parts
            .iter()
            .enumerate()
            .filter(|(index, _)| !ids.contains_key(&(index + 1)))
            .map(|(_, part)| part)
            .collect();
        if !missing.is_empty() {
            ids.extend(once.write(&known, || self.send(server, &missing))?);
        }
        if ids.len() < parts.len() {
            return Err(errors::written_in_part());
        }
        let first = ids.into_values().next();
        let first = first.ok_or_else(|| errors::unreadable(errors::Effect::Write))?;
        once.done(&first, Batch::new());
        Ok(first)
    }

    /// The parts that an earlier attempt has written, found among the newest by their marks.
    fn sent_before(&self, server: &Server) -> Result<BTreeMap<usize, String>, Error> {
        let kind = self.activity.kind();
        let (subject, to) = (association::subject(self.subject)?, self.activity.listed_as());
        let mut ids = association::ids(server, subject, to)?;
        ids.truncate(BATCH_MAX);
        let records = request::read_all(server, kind, &ids, &[self.body])?;
        Ok(records.iter().filter_map(|record| self.part(record)).collect())
    }

    fn part(&self, record: &Object) -> Option<(usize, String)> {
        let part = text::marked_part(record.text(self.body)?, self.key)?;
        Some((part, record.id.clone()))
    }

    /// One part alone, or as many at once as a request holds.
    fn send(&self, server: &Server, parts: &[&Value]) -> Result<BTreeMap<usize, String>, Error> {
        let kind = self.activity.kind();
        let associations = association::of_activity(self.activity, self.subject);
        if let [part] = parts {
            let made = Call::create(kind, part, &associations).send(server, Object::read)?;
            let body = part.get(self.body).and_then(Value::as_str).unwrap_or_default();
            let number = text::marked_part(body, self.key).unwrap_or(1);
            return Ok(BTreeMap::from([(number, made.id)]));
        }
        let mut ids = BTreeMap::new();
        for parts in batches(parts) {
            let input = |part: &&Value| json!({ "properties": part, "associations": associations });
            let inputs: Vec<Value> = parts.iter().map(input).collect();
            let sent = Call::create_batch(kind, &inputs).send_batch(server);
            // After the first batch a refusal leaves a part of the whole behind.
            let made = sent.map_err(|error| match error {
                Error::UnknownOutcome(_) => error,
                _ if ids.is_empty() => error,
                _ => errors::written_in_part(),
            })?;
            // Their order is not promised: the marks tell, and else the order of the ids.
            let mut made: Vec<&Object> = made.iter().collect();
            made.sort_by_key(|record| record.number());
            for record in made {
                let number = ids.len() + 1;
                let (part, id) = self.part(record).unwrap_or((number, record.id.clone()));
                ids.insert(part, id);
            }
        }
        Ok(ids)
    }
}

/// Parts in groups that each fit into one request.
fn batches<'p>(parts: &[&'p Value]) -> Vec<Vec<&'p Value>> {
    let mut batches: Vec<Vec<&Value>> = Vec::new();
    let mut used = 0;
    for part in parts {
        let bytes = part.to_string().len();
        match batches.last_mut() {
            Some(batch) if used + bytes <= REQUEST_BYTES_MAX && batch.len() < BATCH_MAX => {
                batch.push(part);
                used += bytes;
            }
            _ => {
                batches.push(vec![part]);
                used = bytes;
            }
        }
    }
    batches
}
