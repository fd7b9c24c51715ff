//! Contacts in a simulated Odoo.

use patchbay_sdk::Contacts;
use patchbay_sdk::types::{Error, Field, Value as FieldValue};
use patchbay_sims::odoo::Odoo as Sim;
use serde_json::json;

use super::stage::{EMAIL, PHONE, anna, crm, email, phone, with};
use crate::Odoo;

fn text(key: &str, text: &str) -> Field {
    Field::text(key, text)
}

fn texts(key: &str, texts: &[&str]) -> Field {
    Field::new(key, FieldValue::Texts(texts.iter().map(|text| (*text).to_owned()).collect()))
}

#[test]
fn an_update_does_not_write_over_what_the_client_was_known_by() {
    let crm = crm();
    let held = crm.add_partner(&json!({ "name": "Anna", "ref": "A-17" }));
    crm.upsert(Some(&held), &anna(), &[text("city", "Kyiv")], "k").unwrap();
    let partner = &crm.partners()[0];
    assert_eq!((&partner["ref"], &partner["phone"]), (&json!("A-17"), &json!(PHONE)));
    assert_eq!((&partner["email"], &partner["city"]), (&json!(EMAIL), &json!("Kyiv")));
}

#[test]
fn partners_that_people_made_are_found_however_they_wrote_the_number() {
    let crm = crm();
    let ids = ["+380 67 123-45-67", "00380671234567", "+380 (50) 111 22 33"]
        .map(|phone| crm.add_partner(&json!({ "name": "Anna", "phone": phone })));
    let national =
        crm.add_partner(&json!({ "name": "Anna", "phone": "067 123 45 67", "country_id": 229 }));
    let found: Vec<_> = crm.lookup(&[phone(PHONE)]).into_iter().map(|card| card.id).collect();
    assert_eq!(found, [ids[0].clone(), ids[1].clone(), national]);
}

#[test]
fn archived_partners_are_not_found_and_nothing_is_made_of_them() {
    let crm = crm();
    crm.add_partner(&json!({ "name": "Anna", "phone": PHONE, "active": false }));
    assert_eq!(crm.lookup(&anna()), []);
}

#[test]
fn the_salesperson_is_written_and_shown() {
    let crm = crm();
    let card =
        crm.upsert(None, &anna(), &[text("name", "Anna"), text("manager", "7")], "k").unwrap();
    let manager = card.manager.unwrap();
    assert_eq!((manager.id.as_deref(), manager.name.as_deref()), (Some("7"), Some("Olha Manager")));
    let Err(Error::Invalid(problems)) = crm.upsert(None, &anna(), &[text("manager", "99")], "k2")
    else {
        panic!("there is no such user")
    };
    assert_eq!(problems[0].field.as_deref(), Some("manager"));
    assert_eq!(crm.partners().len(), 1);
}

#[test]
fn further_phones_go_into_the_fields_that_the_operator_names_and_are_found_there() {
    let mut sim = Sim::default();
    sim.define("res.partner", "x_phone_2", "char", false);
    let crm = with(sim, &[("phone-fields", "x_phone_2")]);
    let card = crm.upsert(None, &[], &[texts("phone", &[PHONE, "+380501112233"])], "k").unwrap();
    assert_eq!(card.field("phone"), Some(&texts("phone", &[PHONE, "+380501112233"]).value));
    for number in [PHONE, "+380501112233"] {
        assert_eq!(crm.lookup(&[phone(number)])[0].id, card.id, "{number}");
    }
    let specs = crm.run(Odoo::describe_fields).unwrap();
    let phone = specs.iter().find(|spec| spec.key == "phone").unwrap();
    assert!(phone.repeated);
}

#[test]
fn several_addresses_share_the_one_field_and_each_finds_the_card() {
    let crm = crm();
    let both = [texts("email", &[EMAIL, "second@example.test"])];
    let card = crm.upsert(None, &[], &both, "k").unwrap();
    assert_eq!(crm.partners()[0]["email"], "anna.test@example.test, second@example.test");
    for address in [EMAIL, "Second@example.test"] {
        assert_eq!(crm.lookup(&[email(address)])[0].id, card.id, "{address}");
    }
}

#[test]
fn own_fields_are_read_so_that_only_empty_ones_are_filled() {
    let crm = crm();
    crm.sim().define("res.partner", "x_budget", "float", false);
    crm.add_partner(&json!({ "name": "Anna", "phone": PHONE, "x_budget": 7.5 }));
    let card = crm.lookup(&[phone(PHONE)]).remove(0);
    assert_eq!(card.field("x_budget"), Some(&FieldValue::Number(7.5)));
}

#[test]
fn an_own_field_that_is_gone_is_not_asked_for_again() {
    let crm = crm();
    crm.host.put("fields/res.partner", r#"["x_gone"]"#);
    let asked = crm.run(|| Odoo::lookup_client(vec![phone(PHONE)]));
    assert!(matches!(asked, Err(Error::Invalid(_))));
    assert_eq!(crm.lookup(&[phone(PHONE)]), []);
}

#[test]
fn only_an_own_field_without_a_default_is_required() {
    let crm = crm();
    crm.sim().define("res.partner", "x_code", "char", true);
    crm.sim().define("res.partner", "x_note", "char", false);
    let required = |specs: Vec<patchbay_sdk::types::FieldSpec>| -> Vec<String> {
        specs.into_iter().filter(|spec| spec.required).map(|spec| spec.key).collect()
    };
    assert_eq!(required(crm.run(Odoo::describe_fields).unwrap()), ["x_code"]);
    crm.answer_next("default_get", 200, &json!({ "x_code": "A" }));
    assert!(required(crm.run(Odoo::describe_fields).unwrap()).is_empty());
    crm.answer_next("default_get", 500, &json!({ "name": "builtins.TypeError", "message": "" }));
    assert!(required(crm.run(Odoo::describe_fields).unwrap()).is_empty());
    // Odoo requires a name; the adapter always has one.
    assert!(
        required(crm.run(<Odoo as patchbay_sdk::Deals>::describe_deal_fields).unwrap()).is_empty()
    );
}

#[test]
fn tags_are_written_as_ids() {
    let crm = crm();
    let vip = [texts("category_id", &["3"])];
    let card = crm.upsert(None, &anna(), &vip, "k").unwrap();
    crm.upsert(Some(&card.id), &[], &vip, "k2").unwrap();
    assert_eq!(crm.partners()[0]["category_id"], json!([3]));
}

#[test]
fn a_repeat_of_a_finished_write_changes_nothing() {
    let crm = crm().warm();
    let write = || crm.upsert(None, &anna(), &[text("city", "Kyiv")], "k").unwrap();
    let card = write();
    crm.sim().set("res.partner", card.id.parse().unwrap(), "city", json!("Lviv"));
    let (again, asked) = crm.asked(write);
    assert_eq!((again.id.as_str(), asked.len()), (card.id.as_str(), 1));
    assert_eq!(crm.partners()[0]["city"], "Lviv");
}

#[test]
fn titles_are_asked_for_in_the_language_of_the_account() {
    let crm = with(Sim::default(), &[("lang", "uk_UA")]);
    crm.run(Odoo::describe_fields).unwrap();
    assert_eq!(super::stage::body(&crm.host.requests()[0])["context"]["lang"], "uk_UA");
    let crm = with(Sim::default(), &[("lang", "xx_XX")]);
    let Err(Error::Invalid(problems)) = crm.run(Odoo::describe_fields) else {
        panic!("no such language")
    };
    assert_eq!(problems[0].field.as_deref(), Some("lang"));
}
