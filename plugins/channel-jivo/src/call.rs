//! A call and how far it is.

use patchbay_sdk::channel::Kind;
use patchbay_sdk::types::{Call, Direction};

use crate::webhook::Webhook;

/// The event that this state of a call is; `None` for a state that Jivo does not document.
pub(crate) fn kind(webhook: &Webhook<'_>, received_at: &str) -> Option<Kind> {
    let kind = match webhook.call.status.get()? {
        "start" => Kind::CallStarted,
        "agent_connected" | "client_connected" => Kind::CallAnswered,
        "end" | "error" => Kind::CallFinished,
        _ => return None,
    };
    Some(kind(call(webhook, received_at)))
}

fn call(webhook: &Webhook<'_>, received_at: &str) -> Call {
    let call = &webhook.call;
    // A callback is the client's request, although the company calls out.
    let direction = if call.direction.get() == Some("outgoing") {
        Direction::Outbound
    } else {
        Direction::Inbound
    };
    let failed = call.status.get() == Some("error");
    let status = match (call.status.get(), call.reason.get()) {
        (Some("error"), Some(reason)) => Some(format!("error: {reason}")),
        (status, _) => status.map(str::to_owned),
    };
    Call {
        // Jivo counts calls among the chats. One without a number stays apart by its time.
        id: webhook.chat_id.owned().unwrap_or_else(|| format!("unnumbered@{received_at}")),
        direction,
        client_number: call.phone.owned().or_else(|| webhook.visitor.phone.owned()),
        agent_number: webhook.agent.phone.owned(),
        line: None,
        status,
        missed: failed && direction == Direction::Inbound,
        duration_s: None,
        recording_url: call.record_url.owned(),
        rating: None,
    }
}
