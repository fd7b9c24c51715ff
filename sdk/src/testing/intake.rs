//! What a channel adapter made of a request: whether the host takes it, and short words for tables of
//! cases.

use serde_json::Value as Json;

use super::fail;
use crate::channel::{Event, Received, Rejection, Request};
use crate::types::{Identifier, Value};

/// The host takes no longer conversation, episode and dedup key.
const KEY_BYTES_MAX: usize = 512;
const REASON_BYTES_MAX: usize = 1_024;
const EVENTS_MAX: usize = 1_000;

/// Whether the host would take it; tells the first fault.
///
/// An event without a context has the body as its own, so that this has to be a JSON object then.
pub fn check(received: &Received, request: &Request) -> Result<(), String> {
    match received {
        Received::Events(intake) if EVENTS_MAX < intake.events.len() => {
            Err(format!("{} events are more than {EVENTS_MAX}", intake.events.len()))
        }
        Received::Events(intake) => {
            intake.events.iter().try_for_each(|event| check_event(event, &request.body))
        }
        Received::Reject(Rejection { status, reason }) => {
            let is_reason = (1..=REASON_BYTES_MAX).contains(&reason.len());
            let is_refused = (400..500).contains(status) && is_reason;
            if is_refused { Ok(()) } else { Err(format!("no rejection: {status}, `{reason}`")) }
        }
        Received::Answer(_) => Ok(()),
    }
}

fn check_event(event: &Event, body: &[u8]) -> Result<(), String> {
    let keys = [
        ("conversation", Some(&event.conversation), 1),
        ("episode", event.episode.as_ref(), 0),
        ("dedup-key", event.dedup_key.as_ref(), 1),
    ];
    for (name, key, least) in keys {
        if let Some(key) = key.filter(|key| !(least..=KEY_BYTES_MAX).contains(&key.len())) {
            return Err(format!("`{name}` has {} bytes", key.len()));
        }
    }
    let context = event.context.as_ref().map_or(body, String::as_bytes);
    let is_object = serde_json::from_slice::<Json>(context).is_ok_and(|json| json.is_object());
    if is_object { Ok(()) } else { Err("the context is no JSON object".to_owned()) }
}

/// The status and the reason of a rejection; anything else fails the test.
#[track_caller]
pub fn rejection(received: Received) -> (u16, String) {
    match received {
        Received::Reject(Rejection { status, reason }) => (status, reason),
        other => fail(&format!("the request is not rejected: {other:?}")),
    }
}

/// `phone +79000000001`, `email …`, `card 7`, and an external id after its system: short enough for a
/// table.
pub fn identifiers(event: &Event) -> Vec<String> {
    let short = |identifier: &Identifier| match identifier {
        Identifier::Phone(phone) => format!("phone {phone}"),
        Identifier::Email(email) => format!("email {email}"),
        Identifier::External(external) => format!("{} {}", external.system, external.id),
        Identifier::Card(card) => format!("card {card}"),
    };
    event.client.iter().map(short).collect()
}

/// The value of the event's field with this key.
pub fn field<'a>(event: &'a Event, key: &str) -> Option<&'a Value> {
    event.fields.iter().find(|field| field.key == key).map(|field| &field.value)
}

/// The text of the event's field with this key; a value of another kind fails the test.
#[track_caller]
pub fn text<'a>(event: &'a Event, key: &str) -> Option<&'a str> {
    match field(event, key)? {
        Value::Text(text) => Some(text),
        other => fail(&format!("`{key}` is {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{Intake, Kind, Response};
    use crate::types::{ExternalId, Field};

    fn event() -> Event {
        Event {
            dedup_key: None,
            conversation: "chat:1".to_owned(),
            episode: None,
            wants_reply: false,
            occurred_at: None,
            kind: Kind::LeadSubmitted,
            client: Vec::new(),
            fields: Vec::new(),
            agents: Vec::new(),
            context: Some("{}".to_owned()),
        }
    }

    fn request(body: &str) -> Request {
        Request {
            method: "POST".to_owned(),
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            body: body.into(),
            received_at: "2025-10-09T09:00:00Z".to_owned(),
            remote_address: "203.0.113.7".to_owned(),
        }
    }

    #[track_caller]
    fn check_events(events: Vec<Event>, body: &str, is_sound: bool) {
        let received = Received::Events(Intake { events, fallback: Response::empty(200) });
        assert_eq!(check(&received, &request(body)).is_ok(), is_sound);
    }

    #[test]
    fn keys_have_their_limits() {
        let key = |bytes: usize| "k".repeat(bytes);
        for (bytes, is_sound) in [(0, false), (1, true), (512, true), (513, false)] {
            check_events(vec![Event { conversation: key(bytes), ..event() }], "", is_sound);
            check_events(vec![Event { dedup_key: Some(key(bytes)), ..event() }], "", is_sound);
        }
        for (bytes, is_sound) in [(0, true), (512, true), (513, false)] {
            check_events(vec![Event { episode: Some(key(bytes)), ..event() }], "", is_sound);
        }
        let events = |count: usize| std::iter::repeat_with(event).take(count).collect();
        check_events(events(1_000), "", true);
        check_events(events(1_001), "", false);
    }

    #[test]
    fn a_context_is_an_object_and_else_the_body_is() {
        let of = |context: Option<&str>| Event { context: context.map(str::to_owned), ..event() };
        check_events(vec![of(None)], "{\"a\":1}", true);
        check_events(vec![of(None)], "[]", false);
        check_events(vec![of(None)], "{", false);
        check_events(vec![event(), of(Some("7"))], "{}", false);
    }

    #[test]
    fn a_rejection_has_a_status_and_a_reason() {
        let reject = |status: u16, bytes: usize| {
            let reason = "r".repeat(bytes);
            check(&Received::Reject(Rejection { status, reason }), &request("")).is_ok()
        };
        assert!(reject(400, 1) && reject(499, 1_024));
        assert!(!reject(399, 1) && !reject(500, 1) && !reject(400, 0) && !reject(400, 1_025));
        let answer = Received::Reject(Rejection { status: 413, reason: "r".to_owned() });
        assert_eq!(rejection(answer), (413, "r".to_owned()));
    }

    #[test]
    fn what_an_event_says_is_told_in_short() {
        let external = ExternalId { system: "shop".to_owned(), id: "7".to_owned() };
        let client = vec![
            Identifier::Phone("+79000000001".to_owned()),
            Identifier::Email("anna@example.com".to_owned()),
            Identifier::External(external),
            Identifier::Card("5".to_owned()),
        ];
        let fields = vec![Field::text("name", "Anna"), Field::new("vip", Value::Flag(true))];
        let event = Event { client, fields, ..event() };
        let expected = ["phone +79000000001", "email anna@example.com", "shop 7", "card 5"];
        assert_eq!(identifiers(&event), expected);
        assert_eq!((text(&event, "name"), text(&event, "note")), (Some("Anna"), None));
        assert_eq!(field(&event, "vip"), Some(&Value::Flag(true)));
    }
}
