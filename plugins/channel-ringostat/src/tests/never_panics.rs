//! Arbitrary bytes, and fixtures bent at arbitrary places: read or rejected, never a panic.

use patchbay_sdk::channel::{Received, Request};
use patchbay_sdk::testing::webhooks;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{FIXTURES, host, post, receive_with, reply_with};

fn stored() -> Vec<Request> {
    webhooks::load(FIXTURES).into_iter().map(|webhook| webhook.request).collect()
}

fn is_sound(request: &Request) -> bool {
    let answer = reply_with(&host(), request.clone(), Vec::new());
    assert_eq!(answer.body, b"{}");
    match receive_with(&host(), request.clone()) {
        Ok(Received::Events(intake)) => {
            let event = &intake.events[0];
            let context = event.context.as_deref().unwrap();
            serde_json::from_str::<serde_json::Value>(context).is_ok_and(|json| json.is_object())
                && (1..=512).contains(&event.conversation.len())
                && event.episode.as_ref().is_none_or(|episode| episode.len() <= 512)
                && event.dedup_key.as_ref().is_none_or(|key| (1..=512).contains(&key.len()))
        }
        Ok(Received::Reject(rejection)) => rejection.status == 400 && !rejection.reason.is_empty(),
        Ok(Received::Answer(_)) | Err(_) => false,
    }
}

fn content_types() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("application/json".to_owned()),
        Just("application/x-www-form-urlencoded; charset=windows-1251".to_owned()),
        ".*",
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes(kind in content_types(), query in ".*", body in any::<Vec<u8>>()) {
        prop_assert!(is_sound(&post(&kind, &query, body)));
    }

    #[test]
    fn arbitrary_values_under_known_names(
        names in prop::collection::vec(
            select(vec!["call_id", "caller", "dst", "calldate", "billsec", "call_type", "category", "event", "step"]), 1..8),
        values in prop::collection::vec("[^&=]*", 8),
    ) {
        let pairs = names.iter().zip(values).map(|(name, value)| format!("{name}={value}"));
        prop_assert!(is_sound(&post("", "", pairs.collect::<Vec<_>>().join("&"))));
    }

    #[test]
    fn fixtures_with_arbitrary_bytes_in_a_place(
        request in select(stored()), place in any::<Index>(), bytes in any::<[u8; 3]>(), cut in any::<bool>(),
    ) {
        let mut request = request;
        let at = place.index(request.body.len() + 1);
        let mut bent = request.body[..at].to_vec();
        bent.extend(bytes);
        if !cut {
            bent.extend(&request.body[at..]);
        }
        request.body = bent;
        prop_assert!(is_sound(&request));
    }
}
