//! Arbitrary bytes, and fixtures bent at arbitrary places: read, answered or rejected, never a panic.

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Received, Request};
use patchbay_sdk::json_bodies_never_panic;
use patchbay_sdk::testing::{intake, webhooks};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value as Json, json};

use super::{FIXTURES, found, host, receive_with, request, semyon};
use crate::IqChannels;

fn stored() -> Vec<Request> {
    let mut requests = webhooks::requests(FIXTURES);
    requests.retain(|request| !request.body.is_empty());
    requests
}

/// Also that an answer can be made of the same request.
#[track_caller]
fn check(request: &Request) {
    let host = host().secret("token-key", "fake").setting("secret-word-channels", "telegram");
    for outcomes in [Vec::new(), vec![found(vec![semyon()])]] {
        let answer = host.run(|| IqChannels::reply(request.clone(), outcomes));
        assert!(serde_json::from_slice::<Json>(&answer.body).is_ok());
    }
    let received = receive_with(&host, request.clone());
    if let Received::Answer(answer) = &received {
        assert!(matches!(answer.status, 200 | 405));
    }
    assert_eq!(intake::check(&received, request), Ok(()));
}

json_bodies_never_panic!(stored(), request, check);

proptest! {
    #[test]
    fn arbitrary_requests(
        method in select(vec!["GET", "POST", "PUT"]), path in "(/(webhook|search|auth|managers|x))?/?",
        query in "\\PC*", body in "(client=|token=|\\{)?\\PC*",
    ) {
        let base = request(&body);
        let bent = Request { method: method.to_owned(), path, query, ..base };
        check(&bent);
    }

    #[test]
    fn arbitrary_tokens(token in "[A-Za-z0-9_-]{0,8}\\.-?[0-9]{0,25}\\.[A-Za-z0-9_=-]{0,50}") {
        let body = json!({"token": token}).to_string();
        check(&request(body));
    }
}
