//! The conversation beside a record, and activities on it.

use serde_json::{Map, Value, json};

use super::Call;
use super::answer::{Answer, missing, no_method, validation_error, value_error};
use super::store::Store;

/// Models that have a conversation.
const THREADS: [&str; 2] = ["res.partner", "crm.lead"];

fn owner(store: &Store, call: &Call<'_>) -> Result<u64, Answer> {
    if !THREADS.contains(&call.model) {
        return Err(no_method(call.model, call.method));
    }
    let id = call.id();
    if store.exists(call.model, id) { Ok(id) } else { Err(missing(call.model, id)) }
}

fn map(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// A body is a plain text unless it says that it is HTML.
pub(crate) fn message_post(store: &mut Store, call: &Call<'_>) -> Result<Value, Answer> {
    let allowed = [
        "ids",
        "body",
        "body_is_html",
        "message_type",
        "subtype_xmlid",
        "attachment_ids",
        "subject",
    ];
    call.only(&allowed)?;
    let id = owner(store, call)?;
    let body = call.text("body").unwrap_or_default();
    let body = if call.arguments.get("body_is_html") == Some(&json!(true)) {
        body.to_owned()
    } else {
        format!("<span>{}</span>", body.replace('&', "&amp;").replace('<', "&lt;"))
    };
    let subtype = match call.text("subtype_xmlid") {
        Some("mail.mt_note") => json!(2),
        _ => json!(false),
    };
    let message = json!({
        "model": call.model, "res_id": id, "body": body, "subtype_id": subtype,
        "message_type": call.text("message_type").unwrap_or("notification"),
    });
    Ok(json!([store.create("mail.message", map(message))?]))
}

pub(crate) fn activity_schedule(store: &mut Store, call: &Call<'_>) -> Result<Value, Answer> {
    call.only(&["ids", "act_type_xmlid", "date_deadline", "summary", "note", "user_id"])?;
    let id = owner(store, call)?;
    if call.text("act_type_xmlid") != Some("mail.mail_activity_data_todo") {
        return Err(value_error("External ID not found in the system"));
    }
    let day = call.text("date_deadline").unwrap_or_default();
    if day.len() != 10 {
        return Err(value_error(&format!("time data '{day}' does not match format '%Y-%m-%d'")));
    }
    let user = call.arguments.get("user_id").cloned().unwrap_or(json!(2));
    if !store.exists("res.users", user.as_u64().unwrap_or_default()) {
        return Err(validation_error("The operation cannot be completed: the user does not exist"));
    }
    let activity = json!({
        "res_model": call.model, "res_id": id, "date_deadline": day, "activity_type_id": 4, "user_id": user,
        "summary": call.text("summary").unwrap_or_default(), "note": call.text("note").unwrap_or_default(),
    });
    Ok(json!([store.create("mail.activity", map(activity))?]))
}
