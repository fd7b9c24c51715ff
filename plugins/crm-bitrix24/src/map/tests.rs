//! Every input has an answer, and the same one each time.

use patchbay_sdk::testing::Host;
use proptest::prelude::*;

use super::*;

fn text(key: &str, text: &str) -> Field {
    Field::text(key, text)
}

#[test]
fn canonical_fields_have_their_places() {
    let client = [
        Identifier::Phone("+380671234567".to_owned()),
        Identifier::Phone("+380501112233".to_owned()),
        Identifier::Email("anna@example.test".to_owned()),
        Identifier::external("jivo", "1"),
        Identifier::external("telegram", "2"),
        Identifier::Card("7".to_owned()),
    ];
    let fields = [
        text("name", " Anna "),
        text("phone", "+380671234567"),
        text("site", "shop.example.test"),
        text("comment", "[c]"),
        text("source", "[chat]"),
        text("utm-campaign", "sale"),
        text("country", "left out"),
        Field::new("manager", FieldValue::Number(6.0)),
        Field::new("post", FieldValue::Empty),
        Field::new("opened", FieldValue::Flag(false)),
    ];
    let native: Value = serde_json::from_str(&contact(&client, &fields).unwrap()).unwrap();
    let expected = json!({
        "fields": {
            "name": "Anna", "secondName": "", "lastName": "", "comments": "[\u{200b}c]", "sourceDescription": "[chat]",
            "utmCampaign": "sale", "post": "", "opened": "N",
        },
        "new": { "assignedById": 6 },
        "phones": { "first": ["+380671234567"], "also": ["+380501112233"] },
        "emails": { "also": ["anna@example.test"] },
        "sites": { "first": ["shop.example.test"] },
        "origin": "jivo:1",
    });
    assert_eq!(native, expected);
}

#[test]
fn a_deal_has_its_title_its_stage_and_its_amount() {
    let fields = [
        text("title", "Chat"),
        text("stage", "C1:NEW"),
        text("pipeline", "1"),
        text("comment", "c"),
        text("phone", "of the contact"),
        Field::new("opportunity", FieldValue::Number(1500.5)),
    ];
    let native: Value = serde_json::from_str(&deal(&fields).unwrap()).unwrap();
    let expected = json!({ "fields": {
        "title": "Chat", "stageId": "C1:NEW", "categoryId": 1, "comments": "c", "opportunity": 1500.5,
        "isManualOpportunity": "Y",
    } });
    assert_eq!(native, expected);
    let empty = [Field::new("title", FieldValue::Empty), Field::new("stage", FieldValue::Empty)];
    assert_eq!(deal(&empty), Ok("{}".to_owned()));
}

#[test]
fn nothing_to_write_is_an_empty_record() {
    assert_eq!(contact(&[], &[]), Ok("{}".to_owned()));
    assert_eq!(
        contact(&[Identifier::Card("7".to_owned())], &[text("tag", "x")]),
        Ok("{}".to_owned())
    );
    assert_eq!(deal(&[]), Ok("{}".to_owned()));
}

#[test]
fn all_faults_are_told_at_once() {
    let fields = [
        text("UF_CRM_1", "x"),
        text("id", "7"),
        Field::new("comment", FieldValue::Flag(true)),
        text("manager", "Olha"),
        text("name", "good"),
    ];
    let problems = contact(&[], &fields).unwrap_err();
    let keys: Vec<_> = problems.iter().filter_map(|problem| problem.field.as_deref()).collect();
    assert_eq!(keys, ["UF_CRM_1", "id", "comment", "manager"]);
    assert!(deal(&[text("pipeline", "Sales")]).is_err());
}

#[test]
fn only_records_of_this_adapter_are_read() {
    for wrong in ["", "[]", "7", r#"{"vals":{}}"#, r#"{"fields":[]}"#, r#"[{"fields":{}}]"#] {
        assert!(matches!(read::<Contact>(wrong), Err(Error::Invalid(_))), "{wrong}");
        assert!(matches!(read::<Deal>(wrong), Err(Error::Invalid(_))), "{wrong}");
    }
    assert_eq!(read::<Contact>("{}").unwrap(), Contact::default());
}

#[test]
fn an_id_of_another_system_fits_into_its_column() {
    let of =
        |length: usize| origin(&ExternalId { system: "jivo".to_owned(), id: "x".repeat(length) });
    assert_eq!(of(250).unwrap().len(), 255);
    assert_eq!(of(251), None);
    assert_eq!(origin(&ExternalId { system: " ".to_owned(), id: "1".to_owned() }), None);
}

fn any_value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        Just(FieldValue::Empty),
        any::<String>().prop_map(FieldValue::Text),
        any::<f64>().prop_map(FieldValue::Number),
        any::<bool>().prop_map(FieldValue::Flag),
        any::<String>().prop_map(FieldValue::Instant),
        proptest::collection::vec(any::<String>(), 0..4).prop_map(FieldValue::Texts),
        prop_oneof![Just("[1,{\"a\":null}]".to_owned()), any::<String>()]
            .prop_map(FieldValue::Json),
    ]
}

fn any_key() -> impl Strategy<Value = String> {
    let known = [
        "name",
        "phone",
        "email",
        "site",
        "comment",
        "manager",
        "stage",
        "pipeline",
        "title",
        "ufCrm_1",
        "opportunity",
        "tag",
    ];
    prop_oneof![proptest::sample::select(known.to_vec()).prop_map(str::to_owned), any::<String>()]
}

fn any_identifier() -> impl Strategy<Value = Identifier> {
    prop_oneof![
        any::<String>().prop_map(Identifier::Phone),
        any::<String>().prop_map(Identifier::Email),
        any::<String>().prop_map(Identifier::Card),
        any::<(String, String)>().prop_map(|(system, id)| Identifier::external(system, id)),
    ]
}

proptest! {
    #[test]
    fn mapping_is_total_and_pure(
        client in proptest::collection::vec(any_identifier(), 0..5),
        fields in proptest::collection::vec((any_key(), any_value()), 0..6),
    ) {
        let fields: Vec<Field> = fields.into_iter().map(|(key, value)| Field::new(key, value)).collect();
        let host = Host::new().pure();
        let of_contact = host.run(|| contact(&client, &fields));
        prop_assert_eq!(&of_contact, &contact(&client, &fields));
        if let Ok(native) = of_contact {
            prop_assert!(read::<Contact>(&native).is_ok());
        }
        let of_deal = host.run(|| deal(&fields));
        prop_assert_eq!(&of_deal, &deal(&fields));
        if let Ok(native) = of_deal {
            prop_assert!(read::<Deal>(&native).is_ok());
        }
    }
}
