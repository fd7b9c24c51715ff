//! Notes in the conversation beside a record, and activities on it.
//!
//! Odoo knows no keys for them: each text ends with a mark, which a repeat looks for.

use std::collections::BTreeMap;

use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::types::{Error, Subject};
use serde_json::{Value, json};

use crate::client::{self, Call, LEAD, PARTNER};
use crate::errors::{self, Effect};
use crate::once::{self, Known, Once};
use crate::record::{self, Record};
use crate::server::Server;
use crate::text;

const MESSAGES: &str = "mail.message";
const ACTIVITIES: &str = "mail.activity";

/// Letters of a title; Odoo's summary is one line.
const SUMMARY_LETTERS_MAX: usize = 250;

/// The model and the id of what a note or a task belongs to.
fn owner(subject: &Subject) -> Result<(&'static str, u64), Error> {
    let (model, id) = match subject {
        Subject::Card(id) => (PARTNER, id),
        Subject::Deal(id) => (LEAD, id),
    };
    let missing = || Error::NotFound("no record of Odoo has such an id".to_owned());
    Ok((model, record::id(id).ok_or_else(missing)?))
}

/// One request; one more where an earlier answer was lost.
pub(crate) fn create_task(server: &Server, task: &Task, key: &str) -> Result<String, Error> {
    let (model, id) = owner(&task.subject)?;
    let call = schedule(model, id, task, key)?;
    let once = Once::new(ACTIVITIES, key)?;
    let known = once.known()?;
    let found = match &known {
        Known::Done(done) => return Ok(done.clone()),
        Known::New => None,
        Known::Sent => found(server, ACTIVITIES, "note", (model, id), key)?.into_values().next(),
    };
    let made = match found {
        Some(made) => made,
        None => {
            once.write(&known, || client::send(server, &call, |answer| record::made(&answer)))?
        }
    };
    once.done(made);
    Ok(made.to_string())
}

/// A to-do. Odoo keeps the day of a deadline only, so the moment stands in the text as well.
fn schedule(model: &'static str, id: u64, task: &Task, key: &str) -> Result<Call, Error> {
    let day = task.due.get(..10).filter(|_| crate::utc::datetime(&task.due).is_some());
    let wrong = "must be a moment with an offset, as 2025-10-09T12:01:00+03:00";
    let day = day.ok_or_else(|| Error::invalid("due", wrong))?;
    let title = text::cleaned(&task.title).unwrap_or_else(|| "To do".to_owned());
    let summary: String =
        title.lines().next().unwrap_or_default().chars().take(SUMMARY_LETTERS_MAX).collect();
    let lines = [task.text.clone(), format!("Due: {}", task.due)];
    let note = text::bodies(&lines, key).swap_remove(0);
    let arguments = json!({
        "ids": [id],
        "act_type_xmlid": "mail.mail_activity_data_todo",
        "date_deadline": day,
        "summary": summary,
        "note": note,
    });
    let mut call = Call::new(model, "activity_schedule", Effect::Write, arguments);
    if let Some(manager) = &task.manager {
        let wrong = || Error::invalid("manager", "is no id of a user of Odoo");
        let manager = record::id(manager).ok_or_else(wrong)?;
        call.arguments.insert("user_id".to_owned(), json!(manager));
    }
    Ok(call)
}

/// One request for each part of the text; one more where an earlier answer was lost.
pub(crate) fn add_note(
    server: &Server,
    subject: &Subject,
    note: &Note,
    key: &str,
) -> Result<String, Error> {
    let owner = owner(subject)?;
    let bodies = match note {
        Note::Text(text) => text::bodies(std::slice::from_ref(text), key),
        Note::Transcript(transcript) => text::bodies(&text::conversation(transcript), key),
        Note::Call(call) => vec![text::call(call, key)],
    };
    let once = Once::new(MESSAGES, key)?;
    let known = once.known()?;
    let mut parts = match &known {
        Known::Done(done) => return Ok(done.clone()),
        Known::New => BTreeMap::new(),
        Known::Sent => found(server, MESSAGES, "body", owner, key)?,
    };
    for (index, body) in bodies.iter().enumerate() {
        let part = index + 1;
        if parts.contains_key(&part) {
            continue;
        }
        let call = post(owner, body);
        let send = || client::send(server, &call, |answer| record::made(&answer));
        let made = if parts.is_empty() {
            once.write(&known, send)?
        } else {
            // After the first part a refusal leaves a part of the whole behind.
            send().map_err(in_part)?
        };
        parts.insert(part, made);
    }
    let first = parts.into_values().next().ok_or_else(|| errors::unreadable(Effect::Write))?;
    once.done(first);
    Ok(first.to_string())
}

fn in_part(error: Error) -> Error {
    match error {
        Error::RateLimited(_) | Error::Unauthorized(_) => error,
        _ => Error::UnknownOutcome(
            "the text was written in part: a repeat writes the rest".to_owned(),
        ),
    }
}

/// An internal note, which nobody is told of by e-mail.
fn post((model, id): (&'static str, u64), body: &str) -> Call {
    let arguments = json!({
        "ids": [id],
        "body": body,
        "body_is_html": true,
        "message_type": "comment",
        "subtype_xmlid": "mail.mt_note",
    });
    Call::new(model, "message_post", Effect::Write, arguments)
}

/// The parts that an earlier call has written under this key, by their numbers.
fn found(
    server: &Server,
    model: &'static str,
    field: &'static str,
    (owner, id): (&str, u64),
    key: &str,
) -> Result<BTreeMap<usize, u64>, Error> {
    let owner_field = if model == MESSAGES { "model" } else { "res_model" };
    let start = format!("[patchbay:{key}");
    let domain = json!([[owner_field, "=", owner], ["res_id", "=", id], [field, "ilike", start]]);
    // What is done is archived.
    let call = client::search_read(model, &domain, &["id", field])
        .context("active_test", Value::Bool(false));
    let records = client::send(server, &call, record::records)?;
    let part = |record: &Record| {
        let text = record.text(field)?;
        let part = (1..=text::PARTS_MAX).find(|part| text.contains(&once::mark(key, *part)))?;
        Some((part, record.id))
    };
    // Of several with one mark the first.
    Ok(records.iter().rev().filter_map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(due: &str, title: &str) -> Task {
        Task {
            subject: Subject::Deal("1".to_owned()),
            title: title.to_owned(),
            text: "a <b>".to_owned(),
            manager: Some("2".to_owned()),
            due: due.to_owned(),
        }
    }

    #[test]
    fn a_deadline_is_the_day_where_it_was_set_and_its_moment_stands_in_the_text() {
        let call = schedule(LEAD, 1, &task("2026-12-01T23:30:00+02:00", "Call back"), "k").unwrap();
        assert_eq!(
            Value::Object(call.arguments),
            json!({
                "ids": [1], "act_type_xmlid": "mail.mail_activity_data_todo", "date_deadline": "2026-12-01",
                "summary": "Call back", "user_id": 2,
                "note": "<p>a &lt;b&gt;</p><p>Due: 2026-12-01T23:30:00+02:00</p><p>[patchbay:k]</p>",
            })
        );
    }

    #[test]
    fn a_summary_is_one_line_of_250_letters() {
        let summary = |title: &str| {
            let call = schedule(LEAD, 1, &task("2026-12-01T00:00:00Z", title), "k").unwrap();
            call.arguments["summary"].as_str().unwrap().to_owned()
        };
        assert_eq!(summary(&"я".repeat(250)).chars().count(), 250);
        assert_eq!(summary(&"я".repeat(251)).chars().count(), 250);
        assert_eq!(summary("one\ntwo"), "one");
        assert_eq!(summary(" "), "To do");
    }

    #[test]
    fn what_is_no_moment_and_who_is_no_user_is_named() {
        for due in ["", "tomorrow", "2026-12-01", "2026-13-01T00:00:00Z"] {
            assert!(
                matches!(schedule(LEAD, 1, &task(due, "x"), "k"), Err(Error::Invalid(_))),
                "{due}"
            );
        }
        let nobody = Task { manager: Some("olha".to_owned()), ..task("2026-12-01T00:00:00Z", "x") };
        assert!(matches!(schedule(LEAD, 1, &nobody, "k"), Err(Error::Invalid(_))));
    }
}
