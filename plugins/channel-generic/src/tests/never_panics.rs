//! Arbitrary bytes, and fixtures bent at arbitrary places: read or rejected, never a panic.

use patchbay_sdk::channel::{Received, Request};
use patchbay_sdk::testing::{arbitrary, intake, webhooks};
use proptest::prelude::*;
use proptest::sample::select;

use super::{FIXTURES, host, post, receive_with};

#[track_caller]
fn check(request: &Request) {
    let host = host()
        .setting("accept-lists", "true")
        .setting("kind", "{{type}}")
        .setting("episode", "{{id}}");
    let received = receive_with(&host, request.clone()).unwrap();
    assert!(!matches!(received, Received::Answer(_)));
    assert_eq!(intake::check(&received, request), Ok(()));
    if let Received::Events(intake) = received {
        assert!(intake.events.iter().all(|event| event.episode != Some(String::new())));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(kind in arbitrary::content_type(), query in ".*", body in any::<Vec<u8>>()) {
        let mut request = post(&kind, body);
        request.query = query;
        check(&request);
    }

    #[test]
    fn arbitrary_values_under_known_names(
        names in prop::collection::vec(select(vec!["phone", "email", "name", "type", "id", "created_at", "a[b][]"]), 1..8),
        values in prop::collection::vec("[^&=]*", 8),
    ) {
        let pairs = names.iter().zip(values).map(|(name, value)| format!("{name}={value}"));
        check(&post("", pairs.collect::<Vec<_>>().join("&")));
    }

    #[test]
    fn fixtures_with_arbitrary_bytes_in_a_place(
        bent in arbitrary::bytes_in_a_place(webhooks::requests(FIXTURES)),
    ) {
        check(&bent);
    }
}
