//! Tests of `values`.

use proptest::prelude::*;

use super::*;

#[test]
fn custom_fields_are_named_by_number_or_by_code() {
    assert_eq!(Field::own("cf_101"), Some(Field::Id(101)));
    assert_eq!(Field::own("POSITION"), Some(Field::Code("POSITION".to_owned())));
    assert_eq!(Field::own("UTM_2"), Some(Field::Code("UTM_2".to_owned())));
    for key in ["cf_", "cf_0", "cf_x", "cf_-1", "city", "", "_A", "POSITION-2", &"A".repeat(65)] {
        assert_eq!(Field::own(key), None, "{key}");
    }
}

#[test]
fn a_field_has_the_key_that_writes_it() {
    let places = Places { fields: [("city".to_owned(), 7)].into(), ..Places::default() };
    let key = |id, code| key(id, code, Some(&places)).unwrap();
    assert_eq!(key(Some(7), Some("TOWN")), "city");
    assert_eq!(key(Some(8), Some("PHONE")), "phone");
    assert_eq!(key(Some(8), Some("UTM_SOURCE")), "utm-source");
    assert_eq!(key(Some(8), Some("POSITION")), "POSITION");
    assert_eq!(key(Some(8), Some("made-by-hand")), "cf_8");
    assert_eq!(key(Some(8), None), "cf_8");
}

#[test]
fn values_are_written_as_the_field_wants_them() {
    let written = |value: FieldValue| written(&value).unwrap();
    assert_eq!(written(FieldValue::Empty), Some(Value::Null));
    assert_eq!(written(FieldValue::Text(" a\0 ".to_owned())), Some(json!([{ "value": "a" }])));
    assert_eq!(written(FieldValue::Text(" ".to_owned())), None);
    let texts = FieldValue::Texts(vec!["a".to_owned(), String::new(), "b".to_owned()]);
    assert_eq!(written(texts), Some(json!([{ "value": "a" }, { "value": "b" }])));
    assert_eq!(written(FieldValue::Texts(Vec::new())), None);
    assert_eq!(written(FieldValue::Number(-0.0)), Some(json!([{ "value": 0 }])));
    assert_eq!(written(FieldValue::Number(1.5)), Some(json!([{ "value": 1.5 }])));
    assert_eq!(written(FieldValue::Flag(true)), Some(json!([{ "value": true }])));
    let moment = FieldValue::Instant("2025-10-09T12:01:00+03:00".to_owned());
    assert_eq!(written(moment), Some(json!([{ "value": 1_760_000_460 }])));
}

#[test]
fn what_no_field_can_hold_is_refused() {
    for value in [
        FieldValue::Number(f64::NAN),
        FieldValue::Instant("soon".to_owned()),
        FieldValue::Json("{}".to_owned()),
    ] {
        assert!(written(&value).is_err(), "{value:?}");
    }
}

#[test]
fn values_are_read_by_the_type_of_their_field() {
    let shown = |kind, value: Value| shown(Some(kind), &[json!({ "value": value })]);
    assert_eq!(shown("text", json!(" a ")), Some(FieldValue::Text("a".to_owned())));
    assert_eq!(shown("text", json!(" ")), None);
    assert_eq!(shown("numeric", json!("415949")), Some(FieldValue::Number(415_949.0)));
    assert_eq!(shown("numeric", json!("many")), Some(FieldValue::Text("many".to_owned())));
    assert_eq!(shown("checkbox", json!(true)), Some(FieldValue::Flag(true)));
    assert_eq!(shown("checkbox", json!("0")), Some(FieldValue::Flag(false)));
    let day = FieldValue::Instant("2025-10-09T08:53:20Z".to_owned());
    assert_eq!(shown("date", json!(1_760_000_000)), Some(day));
    assert_eq!(shown("file", json!({ "file_uuid": "x" })), None);
    assert_eq!(shown("select", json!(null)), None);
    let many = [json!({ "value": "a" }), json!({ "value": 2 }), json!({})];
    let many = super::shown(Some("multiselect"), &many);
    assert_eq!(many, Some(FieldValue::Texts(vec!["a".to_owned(), "2".to_owned()])));
}

#[test]
fn changed_fields_keep_their_type_and_new_ones_are_added() {
    let mut held =
        vec![json!({ "field_id": 1, "field_code": "A", "field_type": "date", "values": [] })];
    overlay(
        &mut held,
        &[
            Field::Code("A".to_owned()).entry(json!([{ "value": 1 }])),
            Field::Id(2).entry(Value::Null),
        ],
    );
    assert_eq!(held[0]["values"][0]["value"], 1);
    assert_eq!(held[0]["field_type"], "date");
    assert_eq!(held[1], json!({ "field_id": 2, "values": null }));
}

proptest! {
    #[test]
    fn any_key_and_any_text_have_an_answer(key in ".*", text in ".*") {
        Field::own(&key);
        written(&FieldValue::Text(text.clone())).unwrap();
        let is_bad = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
        prop_assert!(!cleaned(&text).unwrap_or_default().contains(is_bad));
    }
}
