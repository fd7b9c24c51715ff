//! Arbitrary bytes, and fixtures bent at arbitrary places: read or rejected, never a panic.

use patchbay_sdk::channel::{Received, Request};
use patchbay_sdk::json_bodies_never_panic;
use patchbay_sdk::testing::{intake, webhooks};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::{FIXTURES, fixture, receive, reply, request};

#[track_caller]
fn check(request: &Request) {
    let answer = reply(request.clone(), Vec::new());
    assert_eq!(answer.body, br#"{"result":"ok"}"#);
    let received = receive(request.clone());
    assert!(!matches!(received, Received::Answer(_)));
    assert_eq!(intake::check(&received, request), Ok(()));
}

json_bodies_never_panic!(webhooks::requests(FIXTURES), request, check);

proptest! {
    #[test]
    fn fixtures_with_arbitrary_tokens(token in ".*") {
        let mut body: Json = serde_json::from_slice(&fixture("chat_accepted.user_token").body).unwrap();
        body["user_token"] = format!("a=b|{token}").into();
        check(&request(body.to_string()));
    }
}
