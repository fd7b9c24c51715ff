//! Tests of `map`.

use patchbay_sdk::testing::Host;

use super::*;

fn field(key: &str, value: FieldValue) -> HostField {
    HostField::new(key, value)
}

fn text_field(key: &str, text: &str) -> HostField {
    HostField::text(key, text)
}

fn map_contact(client: &[Identifier], fields: &[HostField]) -> Result<Contact, Vec<Problem>> {
    let host = Host::new()
        .pure()
        .setting("external-field", "9")
        .setting("contact-fields", r#"{"city":7}"#);
    host.run(|| contact(client, fields)).map(|native| parse(&native).unwrap())
}

fn map_lead(fields: &[HostField]) -> Result<Lead, Vec<Problem>> {
    let host = Host::new().pure().setting("deal-fields", r#"{"source":8,"utm-term":9}"#);
    host.run(|| lead(fields)).map(|native| parse(&native).unwrap())
}

#[test]
fn nothing_is_an_empty_record() {
    let host = Host::new().pure();
    assert_eq!(host.run(|| contact(&[], &[])).as_deref(), Ok("{}"));
    assert_eq!(host.run(|| lead(&[])).as_deref(), Ok("{}"));
    // What has no place says nothing either.
    let homeless =
        [text_field("city", "Kyiv"), text_field("utm-source", "google"), text_field("name", " ")];
    let external = [Identifier::external("jivo", "1"), Identifier::Card("3".to_owned())];
    assert_eq!(host.run(|| contact(&external, &homeless)).as_deref(), Ok("{}"));
}

#[test]
fn identifiers_are_kept_apart_from_what_the_fields_name() {
    let client = [
        Identifier::Phone("+380671234567".to_owned()),
        Identifier::Email("anna@example.test".to_owned()),
        Identifier::external("jivo", "27 46"),
        Identifier::external("jivo", "2746"),
    ];
    let contact = map_contact(&client, &[text_field("phone", "+380501112233")]).unwrap();
    assert_eq!(contact.phones.as_deref(), Some(&["+380501112233".to_owned()][..]));
    assert_eq!(contact.found_by.phones, ["+380671234567"]);
    assert_eq!(contact.found_by.emails, ["anna@example.test"]);
    // One with a blank in it could not be told from two.
    assert_eq!(contact.found_by.external, ["jivo:2746"]);
}

#[test]
fn the_operators_place_comes_first_and_the_last_value_counts() {
    let contact =
        map_contact(&[], &[text_field("city", "Kyiv"), text_field("city", "Lviv")]).unwrap();
    assert_eq!(contact.custom, [json!({ "field_id": 7, "values": [{ "value": "Lviv" }] })]);
    let lead = map_lead(&[
        text_field("utm-term", "tea"),
        text_field("utm-source", "google"),
        text_field("source", "jivo"),
    ]);
    assert_eq!(
        lead.unwrap().custom,
        [
            json!({ "field_id": 9, "values": [{ "value": "tea" }] }),
            json!({ "field_code": "UTM_SOURCE", "values": [{ "value": "google" }] }),
            json!({ "field_id": 8, "values": [{ "value": "jivo" }] }),
        ]
    );
}

#[test]
fn a_name_has_255_characters_at_most() {
    let (long, longest) = ("я".repeat(256), "я".repeat(255));
    let contact = map_contact(&[], &[text_field("name", &long)]).unwrap();
    assert_eq!(contact.name.unwrap().chars().count(), NAME_CHARS_MAX);
    assert_eq!(
        map_lead(&[text_field("title", &long)]).unwrap().title.unwrap().chars().count(),
        NAME_CHARS_MAX
    );
    assert_eq!(map_contact(&[], &[text_field("name", &longest)]).unwrap().name.unwrap(), longest);
}

#[test]
fn a_name_is_never_emptied_and_a_phone_is() {
    let empty = |key: &str| field(key, FieldValue::Empty);
    let contact = map_contact(&[], &[empty("name"), empty("phone"), empty("manager")]).unwrap();
    assert_eq!((contact.name, contact.phones, contact.manager), (None, Some(vec![]), None));
}

#[test]
fn a_price_is_an_amount_that_is_not_negative() {
    let price = |value: FieldValue| map_lead(&[field("price", value)]).map(|lead| lead.price);
    assert_eq!(price(FieldValue::Number(1500.0)), Ok(Some(json!(1500))));
    assert_eq!(price(FieldValue::Text("99,5".to_owned())), Ok(Some(json!(99.5))));
    assert_eq!(price(FieldValue::Empty), Ok(Some(json!(0))));
    for wrong in [
        FieldValue::Number(-1.0),
        FieldValue::Text("much".to_owned()),
        FieldValue::Number(f64::INFINITY),
    ] {
        assert!(price(wrong).is_err());
    }
}

#[test]
fn every_fault_is_named_by_its_key_and_without_its_value() {
    let fields = [
        text_field("manager", "Olha"),
        text_field("town", "Kyiv"),
        field("name", FieldValue::Flag(true)),
        field("cf_1", FieldValue::Json("{}".to_owned())),
    ];
    let problems = map_contact(&[], &fields).unwrap_err();
    let keys: Vec<_> = problems.iter().filter_map(|problem| problem.field.as_deref()).collect();
    assert_eq!(keys, ["manager", "town", "name", "cf_1"]);
    assert!(problems.iter().all(|it| !it.message.contains("Olha") && !it.message.contains("Kyiv")));
    let problems =
        map_lead(&[text_field("stage", "won"), text_field("pipeline", "-1")]).unwrap_err();
    assert_eq!(problems.len(), 2);
}

#[test]
fn a_wrong_setting_is_a_problem_of_the_mapping() {
    let host = Host::new().pure().setting("contact-fields", "{");
    let problems = host.run(|| contact(&[], &[])).unwrap_err();
    assert_eq!(problems[0].field.as_deref(), Some("contact-fields"));
}

#[test]
fn ids_are_plain_numbers() {
    assert_eq!(number("3"), Some(3));
    assert_eq!(number("9223372036854775807"), Some(9_223_372_036_854_775_807));
    for id in ["", "0", "-1", "+1", "1.0", " 1", "9223372036854775808", "x"] {
        assert_eq!(number(id), None, "{id}");
    }
    assert!(parse::<Contact>(r#"{"unknown":1}"#).is_err());
}
