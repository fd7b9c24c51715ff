//! Tests of `map`.

use patchbay_sdk::types::ExternalId;
use proptest::prelude::*;

use super::*;

fn field(key: &str, value: FieldValue) -> Field {
    Field { key: key.to_owned(), value }
}

fn text(text: &str) -> FieldValue {
    FieldValue::Text(text.to_owned())
}

fn visitor(id: &str) -> Identifier {
    Identifier::External(ExternalId { system: "jivo".to_owned(), id: id.to_owned() })
}

fn mapped(client: &[Identifier], fields: &[Field]) -> Value {
    serde_json::from_str(&contact(client, fields, &[]).unwrap()).unwrap()
}

#[test]
fn canonical_fields_have_their_places() {
    let fields = [
        field("name", text(" Anna Test ")),
        field(
            "phone",
            FieldValue::Texts(vec!["+380671234567".to_owned(), "+380501112233".to_owned()]),
        ),
        field("email", text("anna.test@example.test")),
        field("comment", text("likes <tea>\nand cake")),
        field("site", text("https://example.test")),
        field("city", text("Kyiv")),
        field("utm-source", text("ad")),
        field("tag", FieldValue::Json("[".to_owned())),
        field("x_budget", FieldValue::Number(12.5)),
        field("user_id", FieldValue::Number(2.0)),
        field("x_vip", FieldValue::Flag(true)),
        field("x_seen", FieldValue::Instant("2025-10-09T12:01:00+03:00".to_owned())),
        field("function", FieldValue::Empty),
    ];
    assert_eq!(
        contact(&[], &fields, &[]).unwrap(),
        concat!(
            r#"{"city":"Kyiv","comment":"<p>likes &lt;tea&gt;</p><p>and cake</p>","#,
            r#""email":"anna.test@example.test","function":false,"name":"Anna Test","phone":"+380671234567","#,
            r#""user_id":2,"website":"https://example.test","x_budget":12.5,"x_seen":"2025-10-09 09:01:00","x_vip":true}"#,
        )
    );
}

#[test]
fn what_the_client_is_known_by_only_goes_into_empty_fields() {
    let client = [
        Identifier::Phone("+380671234567".to_owned()),
        Identifier::Email("anna@example.test".to_owned()),
        visitor("2746"),
        visitor("2747"),
        Identifier::Card("6".to_owned()),
    ];
    assert_eq!(
        mapped(&client, &[field("phone", text("+380501112233"))]),
        json!({ "phone": "+380501112233", "if-empty": { "email": "anna@example.test", "ref": "jivo:2746" } })
    );
    assert_eq!(mapped(&[visitor("1")], &[field("ref", text("A-17"))]), json!({ "ref": "A-17" }));
}

#[test]
fn nothing_is_written_for_blank_texts_and_an_empty_name() {
    let fields = [
        field("phone", text(" \0 ")),
        field("email", FieldValue::Texts(vec![])),
        field("name", FieldValue::Empty),
    ];
    assert_eq!(mapped(&[Identifier::Phone(" ".to_owned())], &fields), json!({}));
}

#[test]
fn every_impossible_value_is_named() {
    let fields = [
        field("name", FieldValue::Flag(true)),
        field("city", text("Kyiv")),
        field("phone", FieldValue::Json("{}".to_owned())),
        field("x_rate", FieldValue::Number(f64::NAN)),
        field("x_seen", FieldValue::Instant("yesterday".to_owned())),
        field("category_id", FieldValue::Json("[1]".to_owned())),
        field("user_id/.id", text("2")),
        field("write_date", text("x")),
        field("if-empty", text("x")),
    ];
    let keys: Vec<_> = contact(&[], &fields, &[])
        .unwrap_err()
        .into_iter()
        .filter_map(|problem| problem.field)
        .collect();
    assert_eq!(
        keys,
        [
            "name",
            "phone",
            "x_rate",
            "x_seen",
            "category_id",
            "user_id/.id",
            "write_date",
            "if-empty"
        ]
    );
}

#[test]
fn what_a_deal_is_of_and_what_kind_it_is_are_not_the_rules_business() {
    let keys = ["partner_id", "type"].map(|key| field(key, FieldValue::Number(7.0)));
    let problems = deal(&keys).unwrap_err();
    assert_eq!(problems.len(), 2);
    // `type` of a partner is the kind of its address.
    assert!(contact(&[], &[field("type", text("invoice"))], &[]).is_ok());
}

#[test]
fn a_second_number_has_a_place_where_the_operator_names_one() {
    let client = ["+380671234567", "+380501112233", "+48111111111"]
        .map(|number| Identifier::Phone(number.to_owned()));
    let mapped = |phone_fields: &[String], fields: &[Field]| -> Value {
        serde_json::from_str(&contact(&client, fields, phone_fields).unwrap()).unwrap()
    };
    let mobile = ["mobile".to_owned()];
    assert_eq!(mapped(&[], &[]), json!({ "if-empty": { "phone": "+380671234567" } }));
    assert_eq!(
        mapped(&mobile, &[]),
        json!({ "if-empty": { "phone": ["+380671234567", "+380501112233"] } })
    );
    let told = [field("phone", text("+380671234567"))];
    assert_eq!(
        mapped(&mobile, &told),
        json!({ "phone": "+380671234567", "if-empty": { "phone": "+380501112233" } })
    );
}

#[test]
fn whole_numbers_stay_whole_as_far_as_they_are_exact() {
    for (value, expected) in [
        (380_671_234_567.0, "380671234567"),
        (-0.0, "0"),
        (9_007_199_254_740_992.0, "9007199254740992"),
        (0.5, "0.5"),
    ] {
        assert_eq!(number(value).unwrap().to_string(), expected);
    }
    assert!(number(1e300).unwrap().is_f64());
    assert!(number(f64::INFINITY).is_err());
}

fn value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        Just(FieldValue::Empty),
        ".*".prop_map(FieldValue::Text),
        any::<f64>().prop_map(FieldValue::Number),
        any::<bool>().prop_map(FieldValue::Flag),
        ".*".prop_map(FieldValue::Instant),
        proptest::collection::vec(".*", 0..3).prop_map(FieldValue::Texts),
        ".*".prop_map(FieldValue::Json),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "name",
            "phone",
            "email",
            "comment",
            "site",
            "city",
            "ref",
            "x_a",
            "if-empty",
            "id",
            "title",
            "stage",
            "pipeline",
            "manager",
            "category_id",
            "x_ids",
            "type"
        ])
        .prop_map(str::to_owned),
        ".*",
    ]
}

fn identifier() -> impl Strategy<Value = Identifier> {
    prop_oneof![
        ".*".prop_map(Identifier::Phone),
        ".*".prop_map(Identifier::Email),
        (".*", ".*").prop_map(|(system, id)| Identifier::External(ExternalId { system, id })),
        ".*".prop_map(Identifier::Card),
    ]
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    let one = (key(), value()).prop_map(|(key, value)| Field { key, value });
    proptest::collection::vec(one, 0..6)
}

fn check(answer: Result<String, Vec<Problem>>) -> Result<(), TestCaseError> {
    match answer {
        Ok(native) => {
            let vals: Map<String, Value> = serde_json::from_str(&native).unwrap();
            for (key, value) in vals.iter().filter(|(key, _)| *key != IF_EMPTY) {
                prop_assert!(server::is_name(key));
                prop_assert!(!value.is_null() && !value.is_object());
                prop_assert!(!value.is_array() || key.ends_with("_ids") || key == "category_id");
            }
        }
        Err(problems) => prop_assert!(!problems.is_empty()),
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_input_has_one_answer(
        client in proptest::collection::vec(identifier(), 0..4),
        fields in fields(),
        phone_fields in proptest::sample::subsequence(vec!["mobile".to_owned(), "x_p".to_owned()], 0..3),
    ) {
        let answer = contact(&client, &fields, &phone_fields);
        prop_assert_eq!(&answer, &contact(&client, &fields, &phone_fields));
        check(answer)?;
        prop_assert_eq!(deal(&fields), deal(&fields));
        check(deal(&fields))?;
    }
}
