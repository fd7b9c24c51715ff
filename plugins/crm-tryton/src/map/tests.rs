//! The mappings, as tables and over anything.

use proptest::prelude::*;

use super::*;

fn mapped(client: &[Identifier], fields: &[Field]) -> Value {
    serde_json::from_str(&contact(client, fields).unwrap()).unwrap()
}

fn deal_of(fields: &[Field]) -> Value {
    serde_json::from_str(&deal(fields).unwrap()).unwrap()
}

fn problem_of(result: Result<Native, Vec<Problem>>) -> Option<String> {
    result.unwrap_err().remove(0).field
}

#[test]
fn a_client_is_reached_by_everything_that_is_known_of_him_once() {
    let client = [
        Identifier::Phone("+380671234567".to_owned()),
        Identifier::Phone("067 123".to_owned()),
        Identifier::Phone("anonymous".to_owned()),
        Identifier::Email("anna.test@example.test".to_owned()),
        Identifier::external("jivo", "2746"),
        Identifier::Card("7".to_owned()),
    ];
    let phones = ["+380 67 123-45-67", "+380501112233"].map(str::to_owned).to_vec();
    let fields = [
        Field::text("name", " Anna\nTest "),
        Field::new("phone", FieldValue::Texts(phones)),
        Field::text("email", "Anna.Test@example.test"),
        Field::text("site", "https://shop.example.test/"),
        Field::text("comment", "no place"),
        Field::text("loyalty_level", "gold"),
        Field::new("points", FieldValue::Number(7.0)),
        Field::new("share", FieldValue::Number(0.5)),
        Field::new("vip", FieldValue::Flag(true)),
        Field::new("level", FieldValue::Empty),
    ];
    assert_eq!(
        mapped(&client, &fields),
        json!({
            "name": "Anna Test",
            "mechanisms": [
                ["phone", "+380 67 123-45-67"],
                ["phone", "+380501112233"],
                ["email", "Anna.Test@example.test"],
                ["website", "https://shop.example.test/"],
                ["other", "067 123"],
            ],
            "identifiers": ["jivo:2746"],
            "values": { "loyalty_level": "gold", "points": 7, "share": 0.5, "vip": true, "level": null },
        })
    );
}

#[test]
fn nothing_is_an_empty_record() {
    let without_place: Vec<Field> =
        WITHOUT_PLACE.iter().map(|key| Field::text(*key, "x")).collect();
    let only_site = json!({ "mechanisms": [["website", "x"]] });
    assert_eq!(mapped(&[], &without_place), only_site);
    assert_eq!(mapped(&[], &[Field::new("phone", FieldValue::Empty)]), json!({}));
    assert_eq!((mapped(&[], &[]), deal_of(&[])), (json!({}), json!({})));
}

#[test]
fn a_field_that_cannot_be_set_is_named() {
    for key in RESERVED.into_iter().chain(["Name", "a b", "1a", "", "a.b"]) {
        let fields = [Field::text(key, "x")];
        assert_eq!(problem_of(contact(&[], &fields)).as_deref(), Some(key));
        assert_eq!(problem_of(deal(&fields)).as_deref(), Some(key));
    }
    let texts = Field::new("level", FieldValue::Texts(vec!["a".to_owned()]));
    assert_eq!(problem_of(contact(&[], &[texts])).as_deref(), Some("level"));
    assert_eq!(
        problem_of(contact(&[], &[Field::new("name", FieldValue::Flag(true))])).as_deref(),
        Some("name")
    );
}

#[test]
fn a_name_of_a_field_is_taken_up_to_its_limit() {
    assert!(is_own(&"x".repeat(63)));
    assert!(!is_own(&"x".repeat(64)));
}

#[test]
fn a_deal_has_its_title_its_amount_and_a_stage_that_can_be_reached() {
    let fields = [
        Field::text("title", "Chat"),
        Field::new("amount", FieldValue::Number(1500.5)),
        Field::text("stage", "lost"),
        Field::text("comment", "two\nlines\u{0}"),
        Field::text("pipeline", "no place"),
        Field::text("name", "no place"),
    ];
    let amount = json!({ "__class__": "Decimal", "decimal": "1500.5" });
    let values = json!({ "description": "Chat", "amount": amount, "comment": "two\nlines" });
    assert_eq!(deal_of(&fields), json!({ "stage": "lost", "values": values }));
    assert_eq!(
        deal_of(&[Field::new("title", FieldValue::Empty)]),
        json!({ "values": { "description": null } })
    );
    for stage in ["won", "converted", "new"] {
        assert_eq!(
            problem_of(deal(&[Field::text("stage", stage)])).as_deref(),
            Some("stage"),
            "{stage}"
        );
    }
}

proptest! {
    #[test]
    fn the_mappings_are_total_and_answer_json(
        keys in proptest::collection::vec("[a-z_-]{0,12}|name|phone|email|amount|stage|title", 0..6),
        text in ".{0,40}",
        number in proptest::num::f64::ANY,
    ) {
        let mut fields = Vec::new();
        for key in &keys {
            for value in [FieldValue::Text(text.clone()), FieldValue::Number(number), FieldValue::Empty] {
                fields.push(Field::new(key.clone(), value));
            }
        }
        let client = [Identifier::Phone(text.clone()), Identifier::Email(text.clone()), Identifier::external(text.clone(), text)];
        for native in [contact(&client, &fields), deal(&fields)].into_iter().flatten() {
            let record: Value = serde_json::from_str(&native).unwrap();
            prop_assert!(record.is_object());
        }
    }
}
