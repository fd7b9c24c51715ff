//! Finding, making and changing contacts.

use patchbay_sdk::types::{Error, Field, Value as FieldValue};
use patchbay_sdk::{Adapter, Contacts};
use serde_json::json;

use super::stage::{EMAIL, PHONE, anna, card, crm, crm_with_keys, email, phone, visitor, with};
use crate::HubSpot;

fn texts(key: &str, texts: &[&str]) -> Field {
    Field::new(key, FieldValue::Texts(texts.iter().map(|it| (*it).to_owned()).collect()))
}

#[test]
fn the_manifest_is_the_same_at_every_call_and_hides_the_secrets() {
    let manifest = HubSpot::describe();
    assert_eq!(manifest, HubSpot::describe());
    let secret: Vec<_> =
        manifest.settings.iter().filter(|it| it.secret).map(|it| it.key.as_str()).collect();
    assert_eq!(secret, ["token", "client-secret"]);
    assert!(manifest.settings.iter().all(|it| !it.required));
    assert_eq!(manifest.egress, ["setting:api-url"]);
}

#[test]
fn a_comment_is_a_text_and_no_html() {
    let crm = crm();
    let made = crm.upsert(None, &anna(), &[Field::text("comment", "a <b>")], "k").unwrap();
    assert_eq!(made.field("comment"), Some(&FieldValue::Text("a <b>".to_owned())));
}

#[test]
fn a_hit_becomes_a_card() {
    let crm =
        with(&[("line-fields", r#"[["lifecyclestage", "Lifecycle"], ["company", "Company"]]"#)]);
    crm.sim().add(
        "contacts",
        &[
            ("firstname", "Anna"),
            ("lastname", "Test"),
            ("email", EMAIL),
            ("phone", PHONE),
            ("mobilephone", "+380501112233"),
            ("hs_additional_emails", "second@example.test"),
            ("hubspot_owner_id", "700"),
            ("lifecyclestage", "lead"),
            ("country", "Ukraine"),
        ],
    );
    let found = crm.lookup(&[email("ANNA.test@example.test"), phone("+48111111111")]);
    let [card] = found.as_slice() else { panic!("one card: {found:?}") };
    assert_eq!((card.id.as_str(), card.matched.len()), ("51", 1));
    let address = "https://app-eu1.hubspot.com/contacts/123456/record/0-1/51";
    assert_eq!(card.url.as_deref(), Some(address));
    let manager = card.manager.as_ref().unwrap();
    assert_eq!(manager.name.as_deref(), Some("Olha Manager"));
    assert_eq!(card.field("name").and_then(FieldValue::as_text), Some("Anna Test"));
    assert_eq!(card.field("phone").unwrap().texts(), [PHONE, "+380501112233"]);
    assert_eq!(card.field("email").unwrap().texts(), [EMAIL, "second@example.test"]);
    assert_eq!(card.lines.len(), 1);
    assert_eq!(card.lines[0].text, "lead");
}

#[test]
fn a_number_is_found_however_a_person_wrote_it() {
    let crm = crm();
    for written in ["+380 67 123-45-67", "380671234567", "067 123 45 67", "+380 (50) 111 22 33"] {
        crm.sim().add("contacts", &[("firstname", "Anna"), ("phone", written)]);
    }
    crm.sim().add("contacts", &[("firstname", "Anna"), ("mobilephone", "+380-67-1234567")]);
    // The same number of another country.
    crm.sim().add("contacts", &[("firstname", "Anna"), ("phone", "+48671234567")]);
    let ids: Vec<_> = crm.lookup(&[phone(PHONE)]).into_iter().map(|card| card.id).collect();
    assert_eq!(ids, ["51", "52", "53", "55"]);
}

#[test]
fn a_contact_is_found_by_an_additional_e_mail_and_by_a_merged_id() {
    let crm = crm();
    let old = crm.sim().add("contacts", &[("firstname", "Anna")]);
    let id = crm.sim().add(
        "contacts",
        &[("email", EMAIL), ("hs_additional_emails", "b@example.test;c@example.test")],
    );
    crm.sim().merge(&old, &id);
    for asked in [email("C@example.test"), card(&old), card(&id)] {
        let found = crm.lookup(std::slice::from_ref(&asked));
        assert_eq!(found.len(), 1, "{asked:?}");
        assert_eq!((found[0].id.as_str(), &found[0].matched), (id.as_str(), &vec![asked]));
    }
}

#[test]
fn who_matches_most_stands_first_and_no_more_than_20_are_answered() {
    let crm = crm();
    for _ in 0..21 {
        crm.sim().add("contacts", &[("firstname", "Anna"), ("phone", PHONE)]);
    }
    let best = crm.sim().add("contacts", &[("phone", PHONE), ("email", EMAIL)]);
    crm.sim().page_max = 4;
    let found = crm.lookup(&[phone(PHONE), email(EMAIL)]);
    // Three pages of four, and the best is not among them.
    assert_eq!(found.len(), 12);
    crm.sim().page_max = 500;
    let found = crm.lookup(&[phone(PHONE), email(EMAIL)]);
    assert_eq!(
        (found.len(), found[0].id.as_str(), found[1].id.as_str()),
        (20, best.as_str(), "51")
    );
}

#[test]
fn nobody_is_an_empty_list_and_nothing_to_ask_is_no_request() {
    let crm = crm();
    assert_eq!(crm.lookup(&anna()), []);
    let (found, asked) = crm.asked(|| HubSpot::lookup_client(vec![card("../1"), phone("12")]));
    assert_eq!((found, asked.len()), (Ok(Vec::new()), 0));
    assert_eq!(crm.lookup(&[card("404")]), []);
}

#[test]
fn a_client_without_a_name_is_called_by_the_number() {
    let crm = crm();
    crm.upsert(None, &[phone(PHONE)], &[], "k1").unwrap();
    crm.upsert(None, &[], &[], "k2").unwrap();
    let names: Vec<_> = crm.contacts().iter().map(|it| it["firstname"].clone()).collect();
    assert_eq!(names, [json!(PHONE), json!("Client")]);
}

#[test]
fn an_update_fills_free_places_and_takes_nothing_away() {
    let crm = crm();
    let id = crm.sim().add(
        "contacts",
        &[
            ("email", "old@example.test"),
            ("phone", "+380501112233"),
            ("city", "Lviv"),
            ("patchbay_id", "jivo:1"),
        ],
    );
    let card = crm.upsert(Some(&id), &anna(), &[Field::text("city", "Kyiv")], "k").unwrap();
    let contact = crm.contacts().remove(0);
    let held = ["email", "hs_additional_emails", "phone", "mobilephone", "city", "patchbay_id"]
        .map(|name| contact[name].as_str().unwrap().to_owned());
    let expected = ["old@example.test", EMAIL, "+380501112233", PHONE, "Kyiv", "jivo:1"];
    assert_eq!(held, expected);
    assert_eq!(card.field("email").unwrap().texts(), ["old@example.test", EMAIL]);
    // Both places are taken: a third number has none.
    crm.upsert(Some(&id), &[phone("+380990000000")], &[], "k").unwrap();
    assert_eq!(crm.contacts().remove(0)["mobilephone"], PHONE);
}

#[test]
fn a_list_of_numbers_and_addresses_fills_every_place() {
    let crm = crm();
    let fields = [
        Field::text("name", "Anna  Maria Test"),
        texts("phone", &[PHONE, "+380501112233", "+380990000000"]),
        texts("email", &[EMAIL, "B@example.test", "c@example.test"]),
        texts("interests", &["tea", "cake"]),
        Field::new("vip", FieldValue::Flag(true)),
        Field::new("birthday", FieldValue::Instant("1990-03-01T00:00:00Z".to_owned())),
        Field::text("manager", "700"),
    ];
    let made = crm.upsert(None, &[], &fields, "k").unwrap();
    let contact = crm.contacts().remove(0);
    let expected = json!({
        "firstname": "Anna", "lastname": "Maria Test", "phone": PHONE, "mobilephone": "+380501112233",
        "email": EMAIL, "hs_additional_emails": "b@example.test;c@example.test",
        "interests": "tea;cake", "vip": "true", "birthday": "1990-03-01", "hubspot_owner_id": "700",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&contact[name], value, "{name}");
    }
    assert_eq!(made.manager.unwrap().name.as_deref(), Some("Olha Manager"));
}

#[test]
fn further_e_mails_that_cannot_be_written_fail_nothing() {
    let crm = crm();
    crm.sim().make_read_only("contacts", "hs_additional_emails");
    let id = crm.sim().add("contacts", &[("email", "old@example.test")]);
    let updated = crm.upsert(Some(&id), &anna(), &[Field::text("city", "Kyiv")], "k").unwrap();
    assert_eq!(updated.field("email").unwrap().texts(), ["old@example.test"]);
    assert_eq!(crm.contacts().remove(0)["city"], "Kyiv");
    let two = [texts("email", &["x@example.test", "y@example.test"])];
    let made = crm.upsert(None, &[], &two, "k2").unwrap();
    assert_eq!(made.field("email").unwrap().texts(), ["x@example.test"]);
    let bad = [texts("email", &["x@example.test", "y@example.test"]), Field::text("nope", "1")];
    let Err(Error::Invalid(problems)) = crm.upsert(None, &[], &bad, "k3") else {
        panic!("refused")
    };
    assert!(problems.iter().any(|it| it.field.as_deref() == Some("nope")));
}

#[test]
fn nothing_is_written_where_nothing_would_change() {
    let crm = crm().warm();
    let id =
        crm.sim().add("contacts", &[("firstname", "Anna"), ("phone", PHONE), ("city", "Kyiv")]);
    let fields = [Field::text("city", "Kyiv"), Field::text("name", "Anna")];
    let (card, asked) = crm.asked(|| {
        let native = HubSpot::map_fields(vec![phone(PHONE)], fields.to_vec()).unwrap();
        HubSpot::upsert_contact(Some(id.clone()), native, "k".to_owned())
    });
    assert_eq!(
        (card.unwrap().id, asked),
        (id.clone(), vec![format!("GET /crm/v3/objects/contacts/{id}")])
    );
}

#[test]
fn properties_that_are_not_shown_are_compared_and_cleared_too() {
    let crm = crm().warm();
    let id = crm.sim().add("contacts", &[("firstname", "Anna"), ("company", "Shop")]);
    let upsert =
        |fields: &[Field]| crm.asked(|| crm.upsert(Some(&id), &[], fields, "k").unwrap()).1;
    assert_eq!(upsert(&[Field::text("company", "Shop")]).len(), 1);
    assert_eq!(upsert(&[Field::new("company", FieldValue::Empty)]).len(), 2);
    assert_eq!(crm.contacts().remove(0).get("company"), None);
    assert_eq!(upsert(&[Field::new("company", FieldValue::Empty)]).len(), 1);
}

#[test]
fn an_e_mail_of_another_contact_is_a_conflict_that_names_it() {
    let crm = crm();
    crm.sim().add("contacts", &[("email", EMAIL)]);
    let other = crm.sim().add("contacts", &[("firstname", "Olha")]);
    let conflict = Err(Error::Conflict(Some("51".to_owned())));
    assert_eq!(crm.upsert(None, &anna(), &[], "k1"), conflict);
    assert_eq!(crm.upsert(Some(&other), &[], &[Field::text("email", EMAIL)], "k2"), conflict);
    // What the client is merely known by is no reason to leave the rest unwritten.
    let updated = crm.upsert(Some(&other), &anna(), &[Field::text("city", "Kyiv")], "k3").unwrap();
    assert_eq!((updated.field("email"), updated.field("city").is_some()), (None, true));
    let (alone, asked) = crm.asked(|| crm.upsert(Some(&other), &[email(EMAIL)], &[], "k4"));
    assert_eq!((alone.unwrap().id, asked.len()), (other, 2));
    assert_eq!(crm.contacts().len(), 2);
}

#[test]
fn a_refused_record_names_canonical_keys_and_no_values() {
    let crm = crm();
    let fields = [
        Field::text("nope", "secret one"),
        Field::text("manager", "999"),
        Field::text("lifecyclestage", "secret two"),
    ];
    let Err(Error::Invalid(problems)) = crm.upsert(None, &anna(), &fields, "k") else {
        panic!("must be refused")
    };
    let keys: Vec<_> = problems.iter().filter_map(|it| it.field.as_deref()).collect();
    assert_eq!(keys, ["manager", "lifecyclestage", "nope"]);
    assert!(!format!("{problems:?}").contains("secret"));
    assert!(crm.contacts().is_empty());
}

#[test]
fn faulty_keys_and_records_are_refused_before_anything_is_sent() {
    let crm = crm();
    let upsert = |native: &str, key: &str| {
        let (native, key) = (native.to_owned(), key.to_owned());
        crm.asked(|| HubSpot::upsert_contact(None, native, key))
    };
    for (native, key) in [
        ("{}", ""),
        ("{}", "a b"),
        ("{}", "k".repeat(129).as_str()),
        ("[]", "k"),
        ("x", "k"),
        (r#"{"properties":{"a":1}}"#, "k"),
    ] {
        let (answer, asked) = upsert(native, key);
        assert!(matches!(answer, Err(Error::Invalid(_))), "{native} {key}: {answer:?}");
        assert!(asked.is_empty());
    }
    assert!(upsert("{}", &"k".repeat(128)).0.is_ok());
}

#[test]
fn fields_are_described_under_canonical_keys() {
    let crm = crm_with_keys();
    crm.sim().make_read_only("contacts", "company");
    let specs = crm.run(HubSpot::describe_fields).unwrap();
    let spec = |key: &str| specs.iter().find(|spec| spec.key == key);
    for key in ["name", "phone", "email", "site", "region", "comment", "manager", "patchbay_id"] {
        assert!(spec(key).is_some(), "{key}");
    }
    for key in ["company", "firstname", "mobilephone", "createdate", "patchbay_key", "hs_is_closed"]
    {
        assert!(spec(key).is_none(), "{key}");
    }
    assert!(spec("phone").unwrap().repeated && spec("email").unwrap().repeated);
    assert!(spec("interests").unwrap().repeated && !spec("lifecyclestage").unwrap().repeated);
    assert_eq!(spec("lifecyclestage").unwrap().choices.len(), 3);
    // Owners are told elsewhere.
    assert_eq!(spec("manager").unwrap().type_, patchbay_sdk::types::FieldType::Text);
    crm.sim().make_read_only("contacts", "hs_additional_emails");
    let specs = crm.run(HubSpot::describe_fields).unwrap();
    assert!(specs.iter().any(|spec| spec.key == "email" && !spec.repeated));
}

#[test]
fn the_external_id_has_no_place_without_its_property() {
    let crm = with(&[]);
    crm.upsert(None, &[visitor("2746"), phone(PHONE)], &[], "k").unwrap();
    assert_eq!(crm.lookup(&[visitor("2746")]), []);
    assert_eq!(crm.lookup(&[visitor("2746"), phone(PHONE)]).len(), 1);
}

#[test]
fn ids_with_capitals_are_found_and_compared_exactly() {
    let crm = crm();
    crm.sim().add("contacts", &[("firstname", "Anna"), ("patchbay_id", "jivo:aBc")]);
    let found = crm.lookup(&[visitor("aBc"), visitor("xyZ")]);
    assert_eq!((found.len(), found[0].matched.len()), (1, 1));
    assert_eq!(crm.lookup(&[visitor("abc"), visitor("xyZ")]), []);
}
