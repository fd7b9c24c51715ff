//! A real Tryton, started on a free port.

use patchbay_sdk::notes::Note;
use patchbay_sdk::testing::host::Loss;
use patchbay_sdk::types::{Error, Field, FieldType, Subject, Value};
use patchbay_sdk::{Contacts, Deals, Notes};
use patchbay_test_tryton::Address;

use super::bench::{self, named, phone};
use super::{recorded, scenario};
use crate::Tryton;

#[test]
fn a_real_tryton_answers_as_it_was_recorded() {
    let server = patchbay_test_tryton::start();
    let (host, exchanges) = bench::recording(&server.at);
    scenario::play(&host);
    let tape = recorded::tape(&exchanges);
    if tape != recorded::read() {
        let folder = std::env::temp_dir().join("patchbay-tryton-tape");
        recorded::write(&tape, &folder);
        panic!("Tryton answers otherwise than in fixtures/tape: look at {}", folder.display());
    }
}

#[test]
fn a_real_tryton_describes_its_fields_and_refuses_what_is_wrong() {
    let server = patchbay_test_tryton::start();
    let (host, _) = bench::recording(&server.at);
    let specs = host.run(Tryton::describe_fields).unwrap();
    let keys: Vec<&str> = specs.iter().map(|spec| spec.key.as_str()).collect();
    assert_eq!(
        keys,
        ["name", "phone", "email", "site", "sale_invoice_method", "sale_shipment_method"]
    );
    let specs = host.run(Tryton::describe_deal_fields).unwrap();
    let described = |key: &str| specs.iter().find(|spec| spec.key == key).map(|spec| spec.type_);
    assert_eq!(described("amount"), Some(FieldType::Number));
    assert_eq!(described("conversion_probability"), Some(FieldType::Number));
    assert_eq!(described("comment"), Some(FieldType::Text));
    assert_eq!((described("state"), described("reference")), (None, None));

    let create = |fields: Vec<Field>, key: &str| {
        let native = Tryton::map_fields(vec![phone("+380671234567")], fields).unwrap();
        Tryton::upsert_contact(None, native, key.to_owned())
    };
    let refused = host.run(|| create(vec![Field::text("no_such_field", "x")], "unknown"));
    assert_eq!(refused, Err(Error::invalid("no_such_field", "is no field that this Tryton has")));
    let method = |method: &str| vec![Field::text("sale_invoice_method", method)];
    let refused = host.run(|| create(method("never"), "wrong"));
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    host.run(|| create(method("order"), "right")).unwrap();

    let chance = vec![Field::new("conversion_probability", Value::Number(0.75))];
    let native = Tryton::map_deal_fields(chance).unwrap();
    let card = host.run(|| create(named("Anna Test"), "with-deal")).unwrap();
    host.run(|| Tryton::upsert_deal(None, card.id, native, None, "deal".to_owned())).unwrap();

    let at = |database: &'static str, key: &'static str| {
        bench::recording(&Address { database, key, ..server.at.clone() }).0
    };
    let asked = || Tryton::lookup_client(vec![phone("+380671234567")]);
    let wrong_key = at(server.at.database, "wrong").run(asked);
    assert!(matches!(wrong_key, Err(Error::Unauthorized(_))), "{wrong_key:?}");
    let wrong_database = at("nowhere", server.at.key).run(asked);
    let Err(Error::Invalid(problems)) = wrong_database else { panic!("{wrong_database:?}") };
    assert_eq!(problems[0].field.as_deref(), Some("database"));
}

#[test]
fn a_real_tryton_keeps_a_long_note_in_parts_whatever_answer_is_lost() {
    let server = patchbay_test_tryton::start();
    let (host, _) = bench::recording(&server.at);
    let native = Tryton::map_fields(vec![phone("+380671234567")], named("Anna Test")).unwrap();
    let create = || Tryton::upsert_contact(None, native.clone(), "contact".to_owned());
    let card = host.run(create).unwrap();
    let text = "Добрий день!\n".repeat(40 * 1024);
    let add = |key: &str| {
        let note = Note::Text(text.clone());
        Tryton::add_note(Subject::Card(card.id.clone()), note, key.to_owned())
    };
    // A look-up and three parts; each answer is lost once.
    for lost in 0..4 {
        let key = format!("lost-{lost}");
        host.lose_after(lost, Loss::Answer);
        assert!(host.run(|| add(&key)).is_err(), "{lost}");
        let first = host.run(|| add(&key)).unwrap();
        assert_eq!(host.run(|| add(&key)).unwrap(), first, "{lost}");
    }
    let mut notes = bench::all(&server.at, "ir.note?f=message");
    notes.sort_by_key(|note| note["id"].as_u64());
    for lost in 0..4 {
        let of_key = format!("[patchbay:lost-{lost}");
        let messages = notes.iter().map(|note| note["message"].as_str().unwrap());
        let parts: Vec<&str> = messages.filter(|it| it.contains(&of_key)).collect();
        let told: Vec<&str> = parts.iter().filter_map(|it| it.lines().next()).collect();
        assert_eq!(told, ["Part 1/3", "Part 2/3", "Part 3/3"], "{lost}");
        let whole = parts.concat();
        assert_eq!(whole.matches("Добрий день!\n").count(), 40 * 1024, "{lost}");
    }
}
