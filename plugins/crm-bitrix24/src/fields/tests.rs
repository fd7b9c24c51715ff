//! The fields of the simulated portal, and odd ones.

use patchbay_sdk::{Contacts, Deals};

use super::*;
use crate::Bitrix24;
use crate::tests::bench::Bench;

fn find<'s>(specs: &'s [FieldSpec], key: &str) -> Option<&'s FieldSpec> {
    let mut of_key = specs.iter().filter(|spec| spec.key == key);
    let found = of_key.next();
    assert!(of_key.next().is_none(), "`{key}` stands twice");
    found
}

#[test]
fn contacts_have_canonical_and_own_fields() {
    let bench = Bench::new();
    let own = [
        (
            "ufCrm_1",
            json!({ "type": "enumeration", "isRequired": true, "isMultiple": true, "title": "Cities", "items": [{ "ID": "81", "VALUE": "Kyiv" }, { "ID": 83, "VALUE": "Lviv" }] }),
        ),
        ("ufCrm_2", json!({ "type": "file", "title": "Scan" })),
        ("ufCrm_3", json!({ "type": "string", "isReadOnly": true })),
        ("ufCrm_4", json!({ "type": "boolean", "title": null, "formLabel": "VIP" })),
    ];
    for (name, field) in own {
        bench.portal().own_fields.insert(name.to_owned(), field);
    }
    let specs = bench.host.run(Bitrix24::describe_fields).unwrap();
    let spec = |key: &str| find(&specs, key);
    let phone = spec("phone").unwrap();
    assert_eq!((phone.type_, phone.repeated, phone.required), (FieldType::Phone, true, false));
    assert_eq!(spec("utm-source").unwrap().type_, FieldType::Text);
    assert!(spec("comment").is_some() && spec("source").is_some() && spec("manager").is_some());
    let source = spec("sourceId").unwrap();
    assert_eq!(
        source.choices,
        [("CALL".to_owned(), "Call".to_owned()), ("WEB".to_owned(), "Site".to_owned())]
    );
    let cities = spec("ufCrm_1").unwrap();
    assert_eq!((cities.type_, cities.required, cities.repeated), (FieldType::Choice, true, true));
    assert_eq!(cities.choices.len(), 2);
    assert_eq!(spec("ufCrm_4").unwrap().title, "VIP");
    for hidden in [
        "id",
        "fm",
        "originId",
        "photo",
        "createdTime",
        "ufCrm_2",
        "ufCrm_3",
        "comments",
        "assignedById",
    ] {
        assert!(spec(hidden).is_none(), "{hidden}");
    }
    // Bitrix24 calls it required and fills it itself.
    assert!(!spec("opened").unwrap().required);
}

#[test]
fn deals_have_the_stages_of_all_pipelines() {
    let bench = Bench::new();
    let specs = bench.host.run(Bitrix24::describe_deal_fields).unwrap();
    let spec = |key: &str| find(&specs, key).unwrap();
    let stages: Vec<&str> = spec("stage").choices.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(
        stages,
        ["NEW", "EXECUTING", "WON", "LOSE", "APOLOGY", "C1:NEW", "C1:WON", "C1:LOSE"]
    );
    let pipelines = [("0".to_owned(), "Sales".to_owned()), ("1".to_owned(), "Service".to_owned())];
    assert_eq!(spec("pipeline").choices, pipelines);
    assert_eq!(spec("opportunity").type_, FieldType::Number);
    assert!(!spec("title").required);
    assert!(find(&specs, "contactIds").is_none() && find(&specs, "stageSemanticId").is_none());
}

#[test]
fn every_field_that_is_told_can_be_mapped() {
    let bench = Bench::new();
    let value = |spec: &FieldSpec| match spec.type_ {
        FieldType::Number => patchbay_sdk::types::Value::Number(1.0),
        FieldType::Flag => patchbay_sdk::types::Value::Flag(true),
        _ => patchbay_sdk::types::Value::Text("1".to_owned()),
    };
    let fields = |specs: Vec<FieldSpec>| -> Vec<_> {
        specs.iter().map(|spec| patchbay_sdk::types::Field::new(&spec.key, value(spec))).collect()
    };
    let of_contacts = fields(bench.host.run(Bitrix24::describe_fields).unwrap());
    assert!(Bitrix24::map_fields(Vec::new(), of_contacts).is_ok());
    let of_deals = fields(bench.host.run(Bitrix24::describe_deal_fields).unwrap());
    assert!(Bitrix24::map_deal_fields(of_deals).is_ok());
}
