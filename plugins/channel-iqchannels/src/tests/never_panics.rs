//! Arbitrary bytes, and fixtures bent at arbitrary places: read, answered or rejected, never a panic.

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Received, Request};
use patchbay_sdk::testing::webhooks;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value as Json, json};

use super::{FIXTURES, found, host, receive_with, request, semyon};
use crate::IqChannels;

fn bodies() -> Vec<Vec<u8>> {
    let bodies = webhooks::load(FIXTURES).into_iter().map(|webhook| webhook.request.body);
    bodies.filter(|body| !body.is_empty()).collect()
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".*".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            prop::collection::vec(("[A-Za-z]{0,12}", inner), 0..8)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// Puts a value in the place of the n-th one, depth first.
fn put(value: &mut Json, countdown: &mut usize, replacement: &Json) {
    if *countdown == 0 {
        *value = replacement.clone();
        *countdown = usize::MAX;
        return;
    }
    *countdown -= 1;
    match value {
        Json::Array(items) => items.iter_mut().for_each(|item| put(item, countdown, replacement)),
        Json::Object(members) => {
            members.values_mut().for_each(|member| put(member, countdown, replacement));
        }
        _ => {}
    }
}

/// What the host checks of an event, and that an answer can be made of the same request.
fn is_sound(request: &Request) -> bool {
    let host = host().secret("token-key", "fake").setting("secret-word-channels", "telegram");
    for outcomes in [Vec::new(), vec![found(vec![semyon()])]] {
        let answer = host.run(|| IqChannels::reply(request.clone(), outcomes));
        assert!(serde_json::from_slice::<Json>(&answer.body).is_ok());
    }
    match receive_with(&host, request.clone()) {
        Received::Events(intake) => intake.events.iter().all(|event| {
            let is_object = |text: &String| {
                serde_json::from_str::<Json>(text).is_ok_and(|json| json.is_object())
            };
            !event.conversation.is_empty()
                && event.conversation.len() <= 512
                && event.episode.as_ref().is_none_or(|episode| episode.len() <= 512)
                && event.dedup_key.as_ref().is_none_or(|key| !key.is_empty() && key.len() <= 512)
                && event.context.as_ref().is_none_or(is_object)
        }),
        Received::Reject(rejection) => {
            rejection.status == 400 && (1..=1024).contains(&rejection.reason.len())
        }
        Received::Answer(answer) => matches!(answer.status, 200 | 405),
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(body in any::<Vec<u8>>()) {
        prop_assert!(is_sound(&request(&body)));
    }

    #[test]
    fn arbitrary_requests(
        method in select(vec!["GET", "POST", "PUT"]), path in "(/(webhook|search|auth|managers|x))?/?",
        query in "\\PC*", body in "(client=|token=|\\{)?\\PC*",
    ) {
        let base = request(&body);
        let bent = Request { method: method.to_owned(), path, query, ..base };
        prop_assert!(is_sound(&bent));
    }

    #[test]
    fn arbitrary_json(json in any_json()) {
        prop_assert!(is_sound(&request(json.to_string())));
    }

    #[test]
    fn arbitrary_tokens(token in "[A-Za-z0-9_-]{0,8}\\.-?[0-9]{0,25}\\.[A-Za-z0-9_=-]{0,50}") {
        let body = json!({"token": token}).to_string();
        prop_assert!(is_sound(&request(body)));
    }

    #[test]
    fn fixtures_with_arbitrary_json_in_a_place(
        body in select(bodies()), place in 1_usize..100, json in any_json(),
    ) {
        let Ok(mut bent) = serde_json::from_slice::<Json>(&body) else { return Ok(()) };
        put(&mut bent, &mut place.clone(), &json);
        prop_assert!(is_sound(&request(bent.to_string())));
    }

    #[test]
    fn fixtures_with_arbitrary_bytes_in_a_place(
        body in select(bodies()), place in any::<Index>(), bytes in any::<[u8; 3]>(), cut in any::<bool>(),
    ) {
        let at = place.index(body.len());
        let mut bent = body[..at].to_vec();
        bent.extend(bytes);
        if !cut {
            bent.extend(&body[at..]);
        }
        prop_assert!(is_sound(&request(&bent)));
    }
}
