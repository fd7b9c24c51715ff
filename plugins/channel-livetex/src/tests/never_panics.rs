//! Arbitrary bytes, and fixtures bent at arbitrary places: read or rejected, never a panic.

use patchbay_sdk::Channel;
use patchbay_sdk::channel::Received;
use patchbay_sdk::testing::webhooks;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value as Json, json};

use super::{FIXTURES, host, receive, request};
use crate::LiveTex;

fn bodies() -> Vec<Vec<u8>> {
    webhooks::load(FIXTURES).into_iter().map(|webhook| webhook.request.body).collect()
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
            prop::collection::vec(("[a-z_]{0,12}", inner), 0..8)
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

/// What the host demands of every answer.
fn is_sound(body: &[u8]) -> bool {
    let answer = host().pure().run(|| LiveTex::reply(request(body), Vec::new()));
    assert_eq!(answer.status, 200);
    match receive(request(body)) {
        Received::Events(intake) => intake.events.iter().all(|event| {
            let text = event.context.as_deref().unwrap_or_else(|| str::from_utf8(body).unwrap());
            serde_json::from_str::<Json>(text).is_ok_and(|json| json.is_object())
                && (1..=512).contains(&event.conversation.len())
                && event.dedup_key.as_ref().is_none_or(|key| (1..=512).contains(&key.len()))
                && event.episode.as_ref().is_none_or(|key| key.len() <= 512)
        }),
        Received::Reject(rejection) => rejection.status == 400 && !rejection.reason.is_empty(),
        Received::Answer(_) => false,
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(body in any::<Vec<u8>>()) {
        prop_assert!(is_sound(&body));
    }

    #[test]
    fn arbitrary_json(json in any_json()) {
        prop_assert!(is_sound(json.to_string().as_bytes()));
    }

    #[test]
    fn arbitrary_conversations(conversation in any_json(), employee in any_json()) {
        let body = json!({"Conversation": conversation, "discourser": {"id": 1}, "employee": employee});
        prop_assert!(is_sound(body.to_string().as_bytes()));
    }

    #[test]
    fn fixtures_with_arbitrary_json_in_a_place(
        body in select(bodies()), place in 1_usize..40, json in any_json(),
    ) {
        let mut bent: Json = serde_json::from_slice(&body).unwrap();
        put(&mut bent, &mut place.clone(), &json);
        prop_assert!(is_sound(bent.to_string().as_bytes()));
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
        prop_assert!(is_sound(&bent));
    }

    #[test]
    fn texts_of_any_length(text in "\\PC{0,600}") {
        let conversation = json!({"id": text, "startTime": text, "endTime": text, "rate": text});
        let employee = json!([{"id": text}, {"id": text}, {"id": text}]);
        for discourser in [json!({"id": text, "personId": text}), json!({"phone": text})] {
            let body = json!({"Conversation": conversation, "discourser": discourser, "employee": employee});
            prop_assert!(is_sound(body.to_string().as_bytes()));
        }
    }
}
