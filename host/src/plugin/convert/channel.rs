//! Webhooks to a channel adapter; events and answers back, checked.

use super::{Checked, all, at_most, json};
use crate::{
    card, event,
    plugin::bindings::{exports::patchbay::adapter::channel as wit, patchbay::adapter::types},
};

const CONVERSATION_BYTES_MAX: usize = 512;
const EPISODE_BYTES_MAX: usize = 512;
const DEDUP_KEY_BYTES_MAX: usize = 512;
const EVENTS_MAX: usize = 1000;
const REASON_BYTES_MAX: usize = 1024;
const HEADERS_MAX: usize = 64;
const HEADER_BYTES_MAX: usize = 8192;

pub(in crate::plugin) fn request(request: &event::Request) -> wit::Request {
    wit::Request {
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        headers: request.headers.clone(),
        body: request.body.to_vec(),
        received_at: request.received_at.to_string(),
        remote_address: request.remote_address.clone(),
    }
}

pub(in crate::plugin) fn outcome(outcome: &event::EventOutcome) -> wit::Outcome {
    let effect = match outcome.effect {
        event::Effect::None => wit::Effect::None,
        event::Effect::Found => wit::Effect::Found,
        event::Effect::Created => wit::Effect::Created,
        event::Effect::Updated => wit::Effect::Updated,
    };
    wit::Outcome {
        effect,
        cards: all(outcome.cards.iter().cloned()),
        assignments: all(outcome.assignments.iter().cloned()),
        next_page: outcome.next_page.clone(),
        problem: outcome.problem.clone().map(Into::into),
    }
}

pub(in crate::plugin) fn received(received: wit::Received) -> Checked<event::Received> {
    match received {
        wit::Received::Events(intake) => self::intake(intake).map(event::Received::Events),
        wit::Received::Answer(answer) => response("answer", answer).map(event::Received::Answer),
        wit::Received::Reject(rejection) => self::rejection(rejection).map(event::Received::Reject),
    }
}

fn intake(wit::Intake { events, fallback }: wit::Intake) -> Checked<event::Intake> {
    if EVENTS_MAX < events.len() {
        return Err(format!(
            "`events` has {} entries, at most {EVENTS_MAX} are allowed",
            events.len()
        ));
    }
    let events = events.into_iter().map(event).collect::<Checked<_>>()?;
    Ok(event::Intake { events, fallback: response("fallback", fallback)? })
}

fn rejection(wit::Rejection { status, reason }: wit::Rejection) -> Checked<event::Rejection> {
    if !(400..=499).contains(&status) {
        return Err(format!("`reject.status` is {status}, not 400 to 499"));
    }
    at_most("reject.reason", &reason, REASON_BYTES_MAX)?;
    Ok(event::Rejection { status, reason })
}

/// An answer that HTTP can carry.
pub(in crate::plugin) fn response(
    field: &str,
    response: wit::Response,
) -> Checked<event::Response> {
    let wit::Response { status, headers, body } = response;
    // 1xx is no answer yet; the sender would go on waiting.
    if !(200..=599).contains(&status) {
        return Err(format!("`{field}.status` is {status}, not 200 to 599"));
    }
    if HEADERS_MAX < headers.len() {
        return Err(format!(
            "`{field}.headers` has {} entries, at most {HEADERS_MAX} are allowed",
            headers.len()
        ));
    }
    headers.iter().try_for_each(|(name, value)| header(field, name, value))?;
    Ok(event::Response { status, headers, body })
}

fn header(field: &str, name: &str, value: &str) -> Checked<()> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || HEADER_BYTES_MAX < name.len() || !name.bytes().all(is_token) {
        return Err(format!("`{field}.headers` has a name that HTTP does not allow"));
    }
    if HEADER_BYTES_MAX < value.len() || !is_header_value(value) {
        return Err(format!(
            "`{field}.headers` has a value under `{name}` that HTTP does not allow"
        ));
    }
    // How long the body is, and how it travels, is for the host to say.
    if ["content-length", "transfer-encoding", "connection"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own))
    {
        return Err(format!("`{field}.headers` sets `{name}`, which the host sets"));
    }
    Ok(())
}

/// Whether HTTP allows it, as plain ASCII.
pub(super) fn is_header_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
}

fn event(raw: wit::Event) -> Checked<event::Event> {
    if raw.conversation.is_empty() {
        return Err("`event.conversation` is empty".to_owned());
    }
    at_most("event.conversation", &raw.conversation, CONVERSATION_BYTES_MAX)?;
    if let Some(episode) = &raw.episode {
        at_most("event.episode", episode, EPISODE_BYTES_MAX)?;
    }
    if let Some(key) = &raw.dedup_key {
        at_most("event.dedup-key", key, DEDUP_KEY_BYTES_MAX)?;
        if key.is_empty() {
            return Err("`event.dedup-key` is empty: leave it out instead".to_owned());
        }
    }
    if let Some(context) = &raw.context {
        json("event.context", context)?;
        if !context.trim_start().starts_with('{') {
            return Err("`event.context` is not an object".to_owned());
        }
    }
    Ok(event::Event {
        dedup_key: raw.dedup_key,
        conversation: raw.conversation,
        episode: raw.episode,
        wants_reply: raw.wants_reply,
        occurred_at: raw.occurred_at,
        kind: kind(raw.kind),
        client: all(raw.client),
        fields: all(raw.fields),
        agents: all(raw.agents),
        context: raw.context,
    })
}

fn kind(kind: wit::Kind) -> event::Kind {
    match kind {
        wit::Kind::ConversationStarted => event::Kind::ConversationStarted,
        wit::Kind::ClientUpdated => event::Kind::ClientUpdated,
        wit::Kind::ConversationAssigned(card) => event::Kind::ConversationAssigned(card),
        wit::Kind::ConversationFinished(transcript) => {
            event::Kind::ConversationFinished(transcript.into())
        }
        wit::Kind::MessageReceived(message) => event::Kind::MessageReceived(message.into()),
        wit::Kind::OfflineMessage(text) => event::Kind::OfflineMessage(text),
        wit::Kind::LeadSubmitted => event::Kind::LeadSubmitted,
        wit::Kind::CallStarted(call) => event::Kind::CallStarted(call.into()),
        wit::Kind::CallForwarded(call) => event::Kind::CallForwarded(call.into()),
        wit::Kind::CallAnswered(call) => event::Kind::CallAnswered(call.into()),
        wit::Kind::CallFinished(call) => event::Kind::CallFinished(call.into()),
        wit::Kind::CallRated(call) => event::Kind::CallRated(call.into()),
        wit::Kind::ClientAsked => event::Kind::ClientAsked,
        wit::Kind::ManagersAsked(page) => event::Kind::ManagersAsked(page),
        wit::Kind::Ignored(name) => event::Kind::Ignored(name),
    }
}

impl From<types::Transcript> for card::Transcript {
    fn from(transcript: types::Transcript) -> Self {
        let types::Transcript { started_at, finished_at, topic, rating, messages } = transcript;
        Self { started_at, finished_at, topic, rating, messages: all(messages) }
    }
}

impl From<types::Message> for card::Message {
    fn from(types::Message { author, agent, sent_at, text }: types::Message) -> Self {
        let author = match author {
            types::Author::Client => card::Author::Client,
            types::Author::Agent => card::Author::Agent,
            types::Author::Bot => card::Author::Bot,
            types::Author::System => card::Author::System,
        };
        Self { author, agent: agent.map(Into::into), sent_at, text }
    }
}

impl From<types::Call> for card::Call {
    fn from(call: types::Call) -> Self {
        let direction = match call.direction {
            types::Direction::Inbound => card::Direction::Inbound,
            types::Direction::Outbound => card::Direction::Outbound,
            types::Direction::Internal => card::Direction::Internal,
        };
        Self {
            id: call.id,
            direction,
            client_number: call.client_number,
            agent_number: call.agent_number,
            line: call.line,
            status: call.status,
            missed: call.missed,
            duration_s: call.duration_s,
            recording_url: call.recording_url,
            rating: call.rating,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw_response(status: u16, headers: &[(&str, &str)]) -> wit::Response {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        wit::Response { status, headers, body: Vec::new() }
    }

    fn raw_event() -> wit::Event {
        wit::Event {
            dedup_key: None,
            conversation: "chat-1".to_owned(),
            episode: None,
            wants_reply: false,
            occurred_at: None,
            kind: wit::Kind::ConversationStarted,
            client: Vec::new(),
            fields: Vec::new(),
            agents: Vec::new(),
            context: None,
        }
    }

    #[track_caller]
    fn check_event(change: impl FnOnce(&mut wit::Event), expected: Option<&str>) {
        let mut raw = raw_event();
        change(&mut raw);
        match (event(raw), expected) {
            (Ok(_), None) => {}
            (Err(text), Some(expected)) => assert!(text.contains(expected), "{text}"),
            (other, expected) => panic!("expected {expected:?}, found {other:?}"),
        }
    }

    #[test]
    fn an_event_has_a_lane_and_a_key_of_bounded_length() {
        check_event(|_| {}, None);
        check_event(|raw| raw.conversation = "c".repeat(512), None);
        check_event(|raw| raw.conversation = "c".repeat(513), Some("`event.conversation`"));
        check_event(|raw| raw.conversation.clear(), Some("`event.conversation` is empty"));
        check_event(|raw| raw.episode = Some("e".repeat(512)), None);
        check_event(|raw| raw.episode = Some("e".repeat(513)), Some("`event.episode`"));
        check_event(|raw| raw.dedup_key = Some("k".repeat(512)), None);
        check_event(|raw| raw.dedup_key = Some("k".repeat(513)), Some("`event.dedup-key`"));
        check_event(|raw| raw.dedup_key = Some(String::new()), Some("leave it out"));
    }

    #[test]
    fn a_context_is_a_json_object() {
        check_event(|raw| raw.context = Some(r#" {"a": 1}"#.to_owned()), None);
        check_event(|raw| raw.context = Some("[1]".to_owned()), Some("not an object"));
        check_event(|raw| raw.context = Some("{".to_owned()), Some("not JSON"));
        check_event(|raw| raw.context = Some("[".repeat(100_000)), Some("not JSON"));
    }

    #[test]
    fn an_answer_is_one_that_http_can_carry() {
        let is_good =
            |status, headers: &[_]| response("answer", raw_response(status, headers)).is_ok();
        assert!(is_good(200, &[("content-type", "application/json")]) && is_good(599, &[]));
        assert!(!is_good(199, &[]) && !is_good(600, &[]));
        for bad in [
            ("", "x"),
            ("a b", "x"),
            ("a", "x\r\nset-cookie: y"),
            ("a", "é"),
            ("Content-Length", "1"),
        ] {
            assert!(!is_good(200, &[bad]), "{bad:?}");
        }
        assert!(is_good(200, &[("a", "b"); 64]) && !is_good(200, &[("a", "b"); 65]));
    }

    #[test]
    fn a_rejection_is_the_senders_fault() {
        let rejected = |status| rejection(wit::Rejection { status, reason: String::new() });
        assert!(rejected(400).is_ok() && rejected(499).is_ok());
        assert!(rejected(399).unwrap_err().contains("399"));
        assert!(rejected(500).is_err());
    }
}
