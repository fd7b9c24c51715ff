//! Arbitrary bytes, and fixtures bent at arbitrary places: read or rejected, never a panic.

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Received, Request};
use patchbay_sdk::json_bodies_never_panic;
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

json_bodies_never_panic!(webhooks::requests(FIXTURES), request, check);

proptest! {
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
