//! Arbitrary bytes, and fixtures bent at arbitrary places: read or rejected, never a panic.

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Received, Request};
use patchbay_sdk::testing::{arbitrary, intake, webhooks};
use proptest::prelude::*;
use serde_json::json;

use super::{FIXTURES, host, receive, request};
use crate::LiveTex;

#[track_caller]
fn check(request: &Request) {
    let answer = host().pure().run(|| LiveTex::reply(request.clone(), Vec::new()));
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
    fn arbitrary_conversations(conversation in arbitrary::json(), employee in arbitrary::json()) {
        let body = json!({"Conversation": conversation, "discourser": {"id": 1}, "employee": employee});
        check(&request(body.to_string()));
    }

    #[test]
    fn texts_of_any_length(text in "\\PC{0,600}") {
        let conversation = json!({"id": text, "startTime": text, "endTime": text, "rate": text});
        let employee = json!([{"id": text}, {"id": text}, {"id": text}]);
        for discourser in [json!({"id": text, "personId": text}), json!({"phone": text})] {
            let body = json!({"Conversation": conversation, "discourser": discourser, "employee": employee});
            check(&request(body.to_string()));
        }
    }
}
