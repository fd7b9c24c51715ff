//! Answers of any shape: each has an end, and none of them a panic.

use patchbay_sdk::http::Response;
use patchbay_sdk::notes::Note;
use patchbay_sdk::types::Subject;
use patchbay_sdk::{Contacts, Deals, Managers, Notes, Tasks};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::bench::{anna, call, card, host, task};
use crate::Bitrix24;

/// Names of commands and members, so that the odd values stand where something is looked for.
const NAMES: [&str; 24] = [
    "s0",
    "hits",
    "who",
    "item",
    "items",
    "card",
    "deal",
    "deals",
    "owner",
    "call",
    "u0",
    "c0",
    "fields",
    "d0",
    "page",
    "made",
    "id",
    "ID",
    "fm",
    "CONTACT",
    "typeId",
    "value",
    "assignedById",
    "error",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!("PHONE")),
        Just(json!(7)),
        "[0-9a-z+ ]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let name = proptest::sample::select(NAMES.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_response() -> impl Strategy<Value = Response> {
    let whole = any_json();
    let single = any_json().prop_map(|result| json!({ "result": result, "time": result }));
    let batch = (any_json(), any_json()).prop_map(|(results, errors)| {
        json!({ "result": { "result": results, "result_error": errors, "result_time": results } })
    });
    let status = prop_oneof![8 => Just(200_u16), 1 => Just(400_u16), 1 => Just(500_u16)];
    (status, prop_oneof![whole, single, batch])
        .prop_map(|(status, body)| Response::json(status, body.to_string()))
}

proptest! {
    #[test]
    fn any_answer_has_an_end(response in any_response()) {
        let host = host().http(move |_| Ok(response.clone()));
        let key = |key: &str| key.to_owned();
        let (mut client, _) = anna();
        client.push(card("7"));
        host.run(|| {
            let ends = [
                Bitrix24::lookup_client(client).is_ok(),
                Bitrix24::describe_fields().is_ok(),
                Bitrix24::describe_deal_fields().is_ok(),
                Bitrix24::upsert_contact(None, key("{}"), key("k")).is_ok(),
                Bitrix24::upsert_contact(Some(key("7")), key(r#"{"phones":{"also":["+380671234567"]}}"#), key("k")).is_ok(),
                Bitrix24::open_deals(key("7")).is_ok(),
                Bitrix24::upsert_deal(None, key("7"), key("{}"), None, key("k")).is_ok(),
                Bitrix24::create_task(task(Subject::Card(key("7"))), key("k")).is_ok(),
                Bitrix24::add_note(Subject::Deal(key("7")), Note::Call(call()), key("k")).is_ok(),
                Bitrix24::add_note(Subject::Deal(key("7")), Note::Text(key("x")), key("k")).is_ok(),
                Bitrix24::list_managers().is_ok(),
                Bitrix24::list_assignments(None).is_ok(),
            ];
            prop_assert_eq!(ends.len(), 12);
            Ok(())
        })?;
    }
}
