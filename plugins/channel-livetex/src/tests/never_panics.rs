//! Arbitrary bytes, and fixtures bent at arbitrary places: read or rejected, never a panic.

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Received, Request};
use patchbay_sdk::json_bodies_never_panic;
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

json_bodies_never_panic!(webhooks::requests(FIXTURES), request, check);

proptest! {
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
