//! Arbitrary bytes, and fixtures bent at arbitrary places: read or rejected, never a panic.

use patchbay_sdk::channel::{Received, Request};
use patchbay_sdk::testing::{arbitrary, intake, webhooks};
use proptest::prelude::*;
use proptest::sample::select;

use super::{FIXTURES, host, post, receive_with, reply_with};

#[track_caller]
fn check(request: &Request) {
    let answer = reply_with(&host(), request.clone(), Vec::new());
    assert_eq!(answer.body, b"{}");
    let received = receive_with(&host(), request.clone()).unwrap();
    assert!(!matches!(received, Received::Answer(_)));
    assert_eq!(intake::check(&received, request), Ok(()));
}

proptest! {
    #[test]
    fn arbitrary_bytes(kind in arbitrary::content_type(), query in ".*", body in any::<Vec<u8>>()) {
        check(&post(&kind, &query, body));
    }

    #[test]
    fn arbitrary_values_under_known_names(
        names in prop::collection::vec(
            select(vec!["call_id", "caller", "dst", "calldate", "billsec", "call_type", "category", "event", "step"]), 1..8),
        values in prop::collection::vec("[^&=]*", 8),
    ) {
        let pairs = names.iter().zip(values).map(|(name, value)| format!("{name}={value}"));
        check(&post("", "", pairs.collect::<Vec<_>>().join("&")));
    }

    #[test]
    fn fixtures_with_arbitrary_bytes_in_a_place(
        bent in arbitrary::bytes_in_a_place(webhooks::requests(FIXTURES)),
    ) {
        check(&bent);
    }
}
