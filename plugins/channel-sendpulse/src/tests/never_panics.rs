//! Arbitrary bytes, and fixtures bent at arbitrary places: read or rejected, never a panic.

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Received, Request};
use patchbay_sdk::testing::{arbitrary, intake, webhooks};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{FIXTURES, host, receive, request};
use crate::SendPulse;

#[track_caller]
fn check(request: &Request) {
    let answer = host().pure().run(|| SendPulse::reply(request.clone(), Vec::new()));
    assert_eq!(answer.status, 200);
    let received = receive(request.clone());
    assert!(!matches!(received, Received::Answer(_)));
    assert_eq!(intake::check(&received, request), Ok(()));
}

proptest! {
    #[test]
    fn arbitrary_bytes(body in any::<Vec<u8>>()) {
        check(&request(body));
    }

    #[test]
    fn arbitrary_json(json in arbitrary::json()) {
        check(&request(json.to_string()));
    }

    #[test]
    fn fixtures_with_arbitrary_json_in_a_place(
        bent in arbitrary::json_in_a_place(webhooks::requests(FIXTURES)),
    ) {
        check(&bent);
    }

    #[test]
    fn fixtures_with_arbitrary_bytes_in_a_place(
        bent in arbitrary::bytes_in_a_place(webhooks::requests(FIXTURES)),
    ) {
        check(&bent);
    }

    #[test]
    fn arbitrary_events(events in prop::collection::vec(arbitrary::json(), 0..4)) {
        let events = events.into_iter().map(|event| json!({"title": "x", "contact": event, "info": {"message": "x"}}));
        check(&request(Json::from(events.collect::<Vec<_>>()).to_string()));
    }

    #[test]
    fn texts_of_any_length(text in "\\PC{0,600}") {
        let event = json!([{"service": "telegram", "title": text, "contact": {"id": text, "name": text}, "date": 1}]);
        check(&request(event.to_string()));
    }
}
