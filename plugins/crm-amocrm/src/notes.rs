//! Notes on contacts and deals: texts, transcripts, and calls in the CRM's own record for them.

pub(crate) mod text;

use patchbay_sdk::notes::Note;
use patchbay_sdk::types::{Call, Direction, Error, Subject};
use serde_json::{Map, Value, json};

use crate::account::Account;
use crate::client;
use crate::tasks;
use crate::values;
use crate::writes::{self, Kind};

/// What a person writes.
const COMMON: &str = "common";

/// Longer than a common note, and folded up where it is shown.
const EXTENDED: &str = "extended_service_message";

/// A common note is at most so long, in characters.
const COMMON_CHARS_MAX: usize = 2_000;

/// One request, or two where the answer to an earlier one was lost. The id is that of the first note.
pub(crate) fn add(
    account: &Account,
    subject: &Subject,
    note: &Note,
    key: &str,
) -> Result<String, Error> {
    let (kind, id) = tasks::subject(subject)?;
    let records = match note {
        Note::Text(text) => texts(account, id, &values::cleaned(text).unwrap_or_default(), key),
        Note::Transcript(transcript) => texts(account, id, &text::transcript(transcript), key),
        Note::Call(call) => match call.client_number.as_deref().and_then(values::cleaned) {
            Some(number) => vec![self::call(account, id, call, &number, key)],
            None => texts(account, id, &text::call(call), key),
        },
    };
    let call = client::post(format!("/{kind}/notes"), Value::Array(records));
    let made = writes::once(
        Kind::Note,
        key,
        || written_before(account, kind, id, key),
        || call.write(account, "notes", None),
    )?;
    Ok(made.id().to_string())
}

/// All parts go in one request: they are written together or not at all.
fn texts(account: &Account, id: u64, text: &str, key: &str) -> Vec<Value> {
    let parts = text::parts(text, key);
    let is_short = parts.iter().all(|part| part.chars().count() <= COMMON_CHARS_MAX);
    let record = |text: &String| {
        if is_short {
            return json!({ "entity_id": id, "note_type": COMMON, "params": { "text": text } });
        }
        let params = json!({ "service": account.service, "text": text });
        json!({ "entity_id": id, "note_type": EXTENDED, "params": params })
    };
    parts.iter().map(record).collect()
}

fn call(account: &Account, id: u64, call: &Call, number: &str, key: &str) -> Value {
    let mut params = Map::new();
    let mut put = |name: &str, value: Value| params.insert(name.to_owned(), value);
    if let Some(uniq) = values::cleaned(&call.id) {
        put("uniq", json!(uniq));
    }
    put("duration", json!(call.duration_s.unwrap_or(0)));
    put("source", json!(account.service));
    if let Some(link) = call.recording_url.as_deref().and_then(values::cleaned) {
        put("link", json!(link));
    }
    put("phone", json!(number));
    let result = [text::call_result(call), Some(writes::mark(key))];
    put("call_result", json!(result.into_iter().flatten().collect::<Vec<_>>().join("\n")));
    put("call_status", json!(status(call)));
    let note_type = match call.direction {
        Direction::Inbound => "call_in",
        Direction::Outbound | Direction::Internal => "call_out",
    };
    json!({ "entity_id": id, "note_type": note_type, "params": params })
}

/// The vendor's numbers: 4 talked, 6 did not get through, 7 was busy.
fn status(call: &Call) -> u8 {
    let status = call.status.as_deref().unwrap_or_default().to_ascii_lowercase();
    match (call.missed, status.contains("busy")) {
        (false, _) => 4,
        (true, false) => 6,
        (true, true) => 7,
    }
}

/// Notes are listed without a search, so that one that was just written is there.
fn written_before(account: &Account, kind: &str, id: u64, key: &str) -> Result<Option<u64>, Error> {
    let newest = format!("/{kind}/{id}/notes?order[id]=desc");
    let (newest, _) = client::page(account, &newest, 1, "notes")?;
    let is_it = |note: &&Value| {
        let param = |name: &str| note.get("params").and_then(|params| params.get(name)?.as_str());
        [param("text"), param("call_result")]
            .into_iter()
            .flatten()
            .any(|text| writes::is_marked(text, key))
    };
    // The first part has the least number.
    let ids = newest.iter().filter(is_it).filter_map(|note| note.get("id")?.as_u64());
    Ok(ids.min())
}
