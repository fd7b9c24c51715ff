//! Tests of `map`.

use patchbay_sdk::types::ExternalId;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn field(key: &str, value: FieldValue) -> Field {
    Field::new(key, value)
}

fn texts(texts: &[&str]) -> FieldValue {
    FieldValue::Texts(texts.iter().map(|it| (*it).to_owned()).collect())
}

fn mapped(client: &[Identifier], fields: &[Field]) -> Value {
    serde_json::from_str(&contact(client, fields, Some("patchbay_id")).unwrap()).unwrap()
}

fn properties(fields: &[Field]) -> Value {
    mapped(&[], fields)["properties"].clone()
}

#[test]
fn canonical_fields_have_their_places() {
    let fields = [
        Field::text("name", " Anna Maria  Test "),
        Field::text("phone", "+380671234567"),
        Field::text("email", "Anna.Test@example.test"),
        Field::text("comment", "likes <tea>"),
        Field::text("site", "https://example.test"),
        Field::text("region", "Kyiv oblast"),
        Field::text("manager", "700"),
        Field::text("utm-source", "ad"),
        Field::text("source", "chat"),
        field("tag", texts(&["a"])),
        Field::text("favourite_tea", "green"),
        field("visits", FieldValue::Number(3.0)),
    ];
    let expected = json!({
        "firstname": "Anna", "lastname": "Maria  Test", "phone": "+380671234567",
        "email": "anna.test@example.test", "message": "likes <tea>", "website": "https://example.test",
        "state": "Kyiv oblast", "hubspot_owner_id": "700", "favourite_tea": "green", "visits": "3",
    });
    assert_eq!(properties(&fields), expected);
}

#[test]
fn known_to_be_empty_is_written_as_an_empty_text() {
    let empty = |key: &str| properties(&[field(key, FieldValue::Empty)]);
    assert_eq!(empty("name"), json!({ "firstname": "", "lastname": "" }));
    assert_eq!(empty("phone"), json!({ "phone": "", "mobilephone": "" }));
    assert_eq!(empty("email"), json!({ "email": "" }));
    assert_eq!(empty("city"), json!({ "city": "" }));
    assert_eq!(empty("favourite_tea"), json!({ "favourite_tea": "" }));
}

#[test]
fn what_the_client_is_known_by_stands_apart() {
    let client = [
        Identifier::Phone("+380671234567".to_owned()),
        Identifier::Phone("+380501112233".to_owned()),
        Identifier::Phone("+380990000000".to_owned()),
        Identifier::Email("A@example.test".to_owned()),
        Identifier::Email("b@example.test".to_owned()),
        Identifier::Email("no address".to_owned()),
        Identifier::external("jivo", "1"),
        Identifier::external("jivo", "2"),
        Identifier::Card("51".to_owned()),
    ];
    let named = [Field::text("phone", "380 67 123 45 67"), Field::text("email", "a@example.test")];
    let expected = json!({
        "emails": ["b@example.test"], "external": "jivo:1", "phones": ["+380501112233", "+380990000000"],
    });
    assert_eq!(mapped(&client, &named)["add"], expected);
    let own = [Field::text("patchbay_id", "A-17")];
    assert_eq!(mapped(&client[6..7], &own), json!({ "properties": { "patchbay_id": "A-17" } }));
    assert_eq!(contact(&client[6..7], &[], None), Ok("{}".to_owned()));
}

#[test]
fn nothing_at_all_is_an_empty_record() {
    let blank =
        [Field::text("name", " "), field("phone", texts(&[])), Field::text("page-url", "x")];
    assert_eq!(mapped(&[Identifier::Phone("x".to_owned())], &blank), json!({}));
    assert_eq!(
        deal(&[Field::text("phone", "1"), Field::text("referrer", "x")]),
        Ok("{}".to_owned())
    );
}

#[test]
fn every_impossible_value_is_named() {
    let fields = [
        field("name", FieldValue::Flag(true)),
        field("phone", FieldValue::Json("{}".to_owned())),
        Field::text("email", "no address"),
        Field::text("city", "Kyiv"),
        field("rate", FieldValue::Number(f64::INFINITY)),
        field("seen", FieldValue::Instant("yesterday".to_owned())),
        Field::text("two words", "x"),
        Field::text("createdate", "x"),
        field("list", FieldValue::Json("[1]".to_owned())),
    ];
    let keys = |problems: Vec<Problem>| -> Vec<_> {
        problems.into_iter().filter_map(|it| it.field).collect()
    };
    let expected = ["name", "phone", "email", "rate", "seen", "two words", "createdate", "list"];
    assert_eq!(keys(contact(&[], &fields, None).unwrap_err()), expected);
    let stage = [field("stage", FieldValue::Flag(true)), Field::text("hs_object_id", "1")];
    assert_eq!(keys(deal(&stage).unwrap_err()), ["stage", "hs_object_id"]);
}

#[test]
fn deal_fields_have_their_places() {
    let fields = [
        Field::text("title", "Call"),
        Field::text("stage", "1001"),
        Field::text("comment", "a"),
        field("amount", FieldValue::Number(1500.5)),
        field("closedate", FieldValue::Instant("2026-12-02T10:00:00+02:00".to_owned())),
        Field::text("name", "Anna"),
    ];
    let expected = json!({ "properties": {
        "dealname": "Call", "dealstage": "1001", "description": "a", "amount": "1500.5",
        "closedate": "2026-12-02T08:00:00Z",
    } });
    assert_eq!(serde_json::from_str::<Value>(&deal(&fields).unwrap()).unwrap(), expected);
}

fn any_value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        Just(FieldValue::Empty),
        any::<String>().prop_map(FieldValue::Text),
        any::<f64>().prop_map(FieldValue::Number),
        any::<bool>().prop_map(FieldValue::Flag),
        any::<String>().prop_map(FieldValue::Instant),
        proptest::collection::vec(any::<String>(), 0..4).prop_map(FieldValue::Texts),
        any::<String>().prop_map(FieldValue::Json),
    ]
}

fn any_field() -> impl Strategy<Value = Field> {
    let known = proptest::sample::select(vec![
        "name",
        "phone",
        "email",
        "comment",
        "site",
        "manager",
        "tag",
        "title",
        "stage",
        "hs_object_id",
    ]);
    let key = prop_oneof![known.prop_map(str::to_owned), "[a-z_]{1,12}", any::<String>()];
    (key, any_value()).prop_map(|(key, value)| Field { key, value })
}

fn any_identifier() -> impl Strategy<Value = Identifier> {
    prop_oneof![
        "[+0-9 ()-]{0,18}".prop_map(Identifier::Phone),
        any::<String>().prop_map(Identifier::Phone),
        "[a-z@.]{0,12}".prop_map(Identifier::Email),
        any::<String>().prop_map(Identifier::Email),
        any::<(String, String)>()
            .prop_map(|(system, id)| Identifier::External(ExternalId { system, id })),
        any::<String>().prop_map(Identifier::Card),
    ]
}

proptest! {
    #[test]
    fn mapping_is_total_and_pure(
        client in proptest::collection::vec(any_identifier(), 0..6),
        fields in proptest::collection::vec(any_field(), 0..6),
    ) {
        for external in [None, Some("patchbay_id")] {
            let first = contact(&client, &fields, external);
            prop_assert_eq!(&first, &contact(&client, &fields, external));
            if let Ok(record) = first {
                let record: Value = serde_json::from_str(&record).unwrap();
                let properties = record.get(PROPERTIES).and_then(Value::as_object).cloned().unwrap_or_default();
                prop_assert!(properties.iter().all(|(name, value)| names::is_name(name) && value.is_string()));
            }
        }
        prop_assert_eq!(deal(&fields), deal(&fields));
    }
}
