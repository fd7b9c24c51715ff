//! Calls: activities of the type "call", which is all that a webhook may write of one.

use patchbay_sdk::instant;
use patchbay_sdk::types::{Call, Direction, Error, Subject};
use serde_json::{Value, json};

use crate::call::{self, CONTACT, Command, DEAL, OnError};
use crate::clock;
use crate::comment;
use crate::errors::{self, Effect};
use crate::marks::Ticket;
use crate::own;
use crate::portal::Portal;
use crate::record::{self, Record};
use crate::task::Owner;

const TYPE_CALL: u8 = 2;

pub(crate) fn add(
    portal: &Portal,
    subject: &Subject,
    call: &Call,
    key: &str,
) -> Result<String, Error> {
    let owner = Owner::of(subject)?;
    let ticket = Ticket::take("note", key)?;
    let made = if ticket.may_be_written() { made(portal, owner, key) } else { Ok(None) };
    let result = match made {
        Ok(Some(id)) => Ok(id),
        Ok(None) => write(portal, owner, call, key),
        Err(error) => Err(error),
    };
    ticket.settle(result)
}

/// What an earlier call has made under this key, as an activity or, without a number, as a comment.
fn made(portal: &Portal, owner: Owner, key: &str) -> Result<Option<String>, Error> {
    let is_made = |activity: &Record| {
        activity.text("ORIGIN_ID").as_deref() == Some(key)
            && activity.text("ORIGINATOR_ID").as_deref() == Some(portal.originator.as_str())
    };
    match owner.activity(portal, is_made)? {
        Some(id) => Ok(Some(id)),
        None => comment::made(portal, owner, key),
    }
}

/// One request: who is responsible and, for a deal, who called, stands in the owner, and is referred to.
fn write(portal: &Portal, owner: Owner, call: &Call, key: &str) -> Result<String, Error> {
    let Some(number) = call.client_number.as_deref().and_then(own::cleaned) else {
        // A call without the other side is none to Bitrix24.
        return comment::write(portal, owner, &description(call, true), key);
    };
    let fields = fields(portal, owner, call, &number, key);
    let commands = [
        Command::get("owner", owner.entity_type, owner.id),
        Command::write("call", "crm.activity.add", json!({ "fields": fields })),
    ];
    let mut answers = call::batch(portal, &commands, OnError::Halt)?;
    let record = Record::item(answers.take("owner")?);
    let is_nobodys =
        owner.entity_type == DEAL && record.is_some_and(|deal| deal.number("contactId").is_none());
    match answers.take("call") {
        // A deal without a contact has nobody to have called.
        Err(Error::Invalid(_)) if is_nobodys => {
            comment::write(portal, owner, &description(call, true), key)
        }
        answer => {
            let id = record::number(&answer?).ok_or_else(|| errors::unreadable(Effect::Write))?;
            Ok(id.to_string())
        }
    }
}

fn fields(portal: &Portal, owner: Owner, call: &Call, number: &str, key: &str) -> Value {
    let client = if owner.entity_type == CONTACT {
        json!(owner.id)
    } else {
        json!("$result[owner][item][contactId]")
    };
    // The contract does not tell when a call began: a finished one has just ended.
    let end = clock::now_s();
    let start = end.saturating_sub(i64::from(call.duration_s.unwrap_or_default()));
    json!({
        "OWNER_TYPE_ID": owner.entity_type,
        "OWNER_ID": owner.id,
        "TYPE_ID": TYPE_CALL,
        "COMMUNICATIONS": [{ "VALUE": number, "ENTITY_ID": client, "ENTITY_TYPE_ID": CONTACT }],
        "SUBJECT": format!("{}: {number}", title(call)),
        "START_TIME": instant::with_offset(start, 0),
        "END_TIME": instant::with_offset(end, 0),
        "COMPLETED": "Y",
        "RESPONSIBLE_ID": "$result[owner][item][assignedById]",
        "DESCRIPTION": description(call, false),
        // A text without codes: nothing in it is read as one.
        "DESCRIPTION_TYPE": 1,
        "DIRECTION": if call.direction == Direction::Inbound { 1 } else { 2 },
        "ORIGINATOR_ID": portal.originator,
        "ORIGIN_ID": key,
    })
}

fn title(call: &Call) -> &'static str {
    match (call.direction, call.missed) {
        (Direction::Inbound, true) => "Missed call",
        (Direction::Inbound, false) => "Incoming call",
        (Direction::Outbound, true) => "Outgoing call, not answered",
        (Direction::Outbound, false) => "Outgoing call",
        (Direction::Internal, _) => "Internal call",
    }
}

/// One line for each thing that is known; the recording first, as a link.
fn description(call: &Call, is_titled: bool) -> String {
    let duration = call.duration_s.map(|s| format!("{}:{:02}", s / 60, s % 60));
    let title = is_titled.then(|| title(call).to_owned());
    let lines = [
        ("", title),
        ("", call.recording_url.clone()),
        ("Duration: ", duration),
        ("Status: ", call.status.clone()),
        ("Rating: ", call.rating.clone()),
        ("Client: ", call.client_number.clone().filter(|_| is_titled)),
        ("Agent: ", call.agent_number.clone()),
        ("Line: ", call.line.clone()),
        ("Call: ", Some(call.id.clone())),
    ];
    let lines = lines.into_iter().filter_map(|(title, text)| Some(format!("{title}{}", text?)));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
