//! Answers that HubSpot would never give: no panic, and none of their words handed on.

use patchbay_sdk::http::Response;
use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::testing::Host;
use patchbay_sdk::types::Subject;
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::stage::{anna, card};
use crate::HubSpot;

const LEAK: &str = "leak@example.test";

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9;]{0,6}".prop_map(Value::from),
        Just(json!(LEAK)),
        Just(json!(format!("Existing ID: {LEAK} [{{\"name\":\"{LEAK}\"}}]"))),
    ];
    let names = vec![
        "id",
        "results",
        "properties",
        "paging",
        "next",
        "after",
        "category",
        "message",
        "errors",
        "context",
        "name",
        "error",
        "stages",
        "metadata",
        "label",
        "toObjectId",
        "email",
        "phone",
        "dealstage",
        "policyName",
        "portalId",
        "uiDomain",
        "associations",
        "contacts",
        "options",
        "value",
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        let member = (proptest::sample::select(names.clone()), inner.clone());
        let object = proptest::collection::vec(member, 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::Array),
            object.prop_map(|members| {
                Value::Object(
                    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                )
            }),
        ]
    })
}

fn every_function() -> Vec<String> {
    let key = || "k".to_owned();
    let subject = || Subject::Card("1".to_owned());
    let task = Task {
        subject: subject(),
        title: key(),
        text: key(),
        manager: None,
        due: "2026-12-02T08:00:00Z".to_owned(),
    };
    let told = |answer: Result<(), patchbay_sdk::types::Error>| format!("{:?}", answer.err());
    let mut client = anna().to_vec();
    client.push(card("1"));
    let mut errors = vec![
        told(HubSpot::describe_fields().map(drop)),
        told(HubSpot::lookup_client(client).map(drop)),
        told(HubSpot::describe_deal_fields().map(drop)),
        told(HubSpot::open_deals("1".to_owned()).map(drop)),
        told(HubSpot::list_managers().map(drop)),
        told(HubSpot::list_assignments(None).map(drop)),
    ];
    // Twice, so that what was left by the first attempt is looked for by the second.
    for _ in 0..2 {
        let native =
            r#"{"properties":{"email":"a@b.test"},"add":{"phones":["+380671234567"]}}"#.to_owned();
        errors.extend([
            told(HubSpot::upsert_contact(None, native.clone(), key()).map(drop)),
            told(HubSpot::upsert_contact(Some("1".to_owned()), native, key()).map(drop)),
            told(
                HubSpot::upsert_deal(None, "1".to_owned(), "{}".to_owned(), None, key()).map(drop),
            ),
            told(
                HubSpot::upsert_deal(
                    Some("2".to_owned()),
                    "1".to_owned(),
                    r#"{"properties":{"amount":"1"}}"#.to_owned(),
                    None,
                    key(),
                )
                .map(drop),
            ),
            told(HubSpot::create_task(task.clone(), key()).map(drop)),
            told(HubSpot::add_note(subject(), Note::Text("a".repeat(70_000)), key()).map(drop)),
        ]);
    }
    errors
}

proptest! {
    // Each case calls every function.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_answer_makes_it_panic_or_leak(
        answers in proptest::collection::vec((proptest::sample::select(vec![200_u16, 201, 207, 400, 403, 404, 409, 429, 500]), any_json()), 1..12),
        has_keys in any::<bool>(),
    ) {
        let mut answers = answers.into_iter().cycle();
        let host = Host::new().setting("external-id-property", "patchbay_id").secret("token", "t");
        let host = if has_keys { host.setting("key-property", "patchbay_key") } else { host };
        let host = host.http(move |_| {
            let (status, body) = answers.next().unwrap();
            Ok(Response::json(status, body.to_string()))
        });
        for told in host.run(every_function) {
            prop_assert!(!told.contains("leak"), "{}", told);
        }
    }
}
