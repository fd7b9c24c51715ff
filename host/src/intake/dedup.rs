//! What an event is known by, and for how long: the adapter's key, or the content.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    event::{Event, Request},
    id::{Digest, IntegrationId},
    rules::identity,
    storage::NewEvent,
};

/// Longest key of an adapter that is kept as it is, in bytes.
const KEY_BYTES_KEPT: usize = 96;

/// How long events are known.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    /// By their adapter's key.
    pub key: Duration,
    /// By their content, where there is no key.
    pub content: Duration,
}

impl Windows {
    fn since(self, received_at: Timestamp, has_key: bool) -> Timestamp {
        let window = if has_key { self.key } else { self.content };
        received_at.checked_sub(window).unwrap_or(Timestamp::MIN)
    }
}

/// The events for the journal, and which of them the sender waits for.
pub(super) fn new_events(
    request: &Request,
    events: Vec<Event>,
    integrations: &[IntegrationId],
    windows: Windows,
) -> (Vec<bool>, Vec<NewEvent>) {
    let waits = events.iter().map(|event| event.wants_reply).collect();
    let new_event = |(ordinal, event): (usize, Event)| NewEvent {
        dedup_key: dedup_key(request, ordinal, event.dedup_key.as_deref()),
        dedup_since: windows.since(request.received_at, event.dedup_key.is_some()),
        client_keys: identity::client_keys(&event),
        integrations: if event.kind.makes_a_job() { integrations.to_vec() } else { Vec::new() },
        event,
    };
    (waits, events.into_iter().enumerate().map(new_event).collect())
}

/// The adapter's key, or a digest of the content where it has none.
///
/// A short key stays as it is: keys of one time then lie side by side in the index, and a commit
/// writes few pages of it. The first byte tells the kinds of keys apart; the parts of the content
/// are marked with their lengths, so that no two lists of parts look alike.
fn dedup_key(request: &Request, ordinal: usize, key: Option<&str>) -> Vec<u8> {
    let marked = |mark: u8, bytes: &[u8]| [&[mark], bytes].concat();
    match key {
        Some(key) if key.len() <= KEY_BYTES_KEPT => marked(b'k', key.as_bytes()),
        Some(key) => marked(b'd', &Digest::of(key.as_bytes()).0),
        None => marked(b'c', &content_digest(request, ordinal).0),
    }
}

fn content_digest(request: &Request, ordinal: usize) -> Digest {
    let mut text = Vec::new();
    let mut part = |bytes: &[u8]| {
        text.extend_from_slice(&bytes.len().to_le_bytes());
        text.extend_from_slice(bytes);
    };
    part(&ordinal.to_le_bytes());
    part(request.method.as_bytes());
    part(request.path.as_bytes());
    part(request.query.as_bytes());
    part(&request.body);
    Digest::of(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &'static str) -> Request {
        Request {
            method: "POST".to_owned(),
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            body: body.into(),
            received_at: Timestamp::UNIX_EPOCH,
            remote_address: "127.0.0.1".to_owned(),
        }
    }

    #[test]
    fn equal_keys_are_one_event_whatever_the_body_says() {
        assert_eq!(dedup_key(&request("a"), 0, Some("k")), dedup_key(&request("b"), 1, Some("k")));
        assert_ne!(dedup_key(&request("a"), 0, Some("k")), dedup_key(&request("a"), 0, Some("l")));
    }

    #[test]
    fn a_key_is_kept_up_to_its_limit_and_digested_beyond() {
        let key = |length: usize| dedup_key(&request("a"), 0, Some(&"k".repeat(length)));
        assert_eq!(key(KEY_BYTES_KEPT).len(), 1 + KEY_BYTES_KEPT);
        assert_eq!(key(KEY_BYTES_KEPT + 1).len(), 1 + 32);
        assert_ne!(key(KEY_BYTES_KEPT + 1), key(KEY_BYTES_KEPT + 2));
    }

    #[test]
    fn without_a_key_the_content_tells_events_apart() {
        assert_eq!(dedup_key(&request("a"), 0, None), dedup_key(&request("a"), 0, None));
        assert_ne!(dedup_key(&request("a"), 0, None), dedup_key(&request("b"), 0, None));
        assert_ne!(dedup_key(&request("a"), 0, None), dedup_key(&request("a"), 1, None));
        let get = Request { query: "a".to_owned(), ..request("") };
        assert_ne!(dedup_key(&get, 0, None), dedup_key(&request("a"), 0, None));
    }
}
