//! Contacts in the simulated CRM.

use patchbay_sdk::Managers;
use patchbay_sdk::types::FieldType;
use serde_json::json;

use super::*;

fn found(host: &Host, any_of: &[Identifier]) -> Vec<String> {
    let cards = host.run(|| AmoCrm::lookup_client(any_of.to_vec())).unwrap();
    cards.into_iter().map(|card| card.id).collect()
}

fn contact(name: &str, phones: &[&str]) -> Value {
    let values: Vec<Value> =
        phones.iter().map(|phone| json!({ "value": phone, "enum_code": "MOB" })).collect();
    json!({ "name": name, "custom_fields_values": [{ "field_code": "PHONE", "values": values }] })
}

#[test]
fn what_is_known_of_a_new_client_stands_in_the_card() {
    let (host, crm) = simulated();
    let fields =
        [text("name", "Anna Test"), text("city", "Kyiv"), text("tag", "vip"), text("manager", "8")];
    let card = upsert(&host, None, "k", &anna(), &fields).unwrap();
    assert_eq!(crm.borrow().crm.contacts().len(), 1);
    assert_eq!(card.field("city"), Some(&FieldValue::Text("Kyiv".to_owned())));
    assert_eq!(card.field("tag"), Some(&FieldValue::Text("vip".to_owned())));
    assert_eq!(card.manager.unwrap().id.as_deref(), Some("8"));
}

#[test]
fn a_card_that_was_written_is_the_card_that_is_found() {
    let (host, _) = simulated();
    let fields = [
        text("name", "Anna Test"),
        text("comment", "one\ntwo"),
        text("POSITION", "Buyer"),
        text("cf_107", "Retail"),
        texts("cf_108", &["Tea", "Cocoa"]),
        Field::new("cf_109", FieldValue::Flag(true)),
        texts("tag", &["vip", "chat"]),
    ];
    let written = upsert(&host, None, "k", &anna(), &fields).unwrap();
    let lines: Vec<_> =
        written.lines.iter().map(|it| (it.title.as_str(), it.text.as_str())).collect();
    assert_eq!(lines, [("Likes", "Tea, Cocoa")]);
    let found = host.run(|| AmoCrm::lookup_client(anna().to_vec())).unwrap().remove(0);
    assert_eq!(found.matched, anna());
    let sorted = |card: &Card| {
        let mut fields = card.fields.clone();
        fields.sort_by(|one, other| one.key.cmp(&other.key));
        fields
    };
    assert_eq!(sorted(&written), sorted(&found));
    assert_eq!((written.id, written.url), (found.id, found.url));
}

#[test]
fn people_write_numbers_in_many_ways_and_hits_are_compared_by_digits() {
    let (host, crm) = simulated();
    let ids: Vec<String> = ["+380671234567", "380671234567", "0671234567"]
        .iter()
        .map(|number| {
            crm.borrow_mut()
                .crm
                .add_contact(&contact("Anna", &["+48111111111", number]))
                .to_string()
        })
        .collect();
    // The same ten digits of another country, and the same digits in another field.
    crm.borrow_mut().crm.add_contact(&contact("Anna", &["+990671234567"]));
    crm.borrow_mut().crm.add_contact(&json!({ "name": "0671234567" }));
    assert_eq!(found(&host, &[phone("+380671234567")]), ids);
}

#[test]
fn the_most_matches_come_first_and_at_most_twenty() {
    let (host, crm) = simulated();
    for _ in 0..22 {
        crm.borrow_mut().crm.add_contact(&contact("Anna", &["+380671234567"]));
    }
    let best = upsert(&host, None, "k", &anna(), &[]).unwrap().id;
    let found = found(&host, &anna());
    assert_eq!((found.len(), found.first()), (20, Some(&best)));
}

#[test]
fn removed_contacts_are_not_found() {
    let (host, crm) = simulated();
    let mut gone = contact("Anna", &["+380671234567"]);
    gone["is_deleted"] = json!(true);
    let id = crm.borrow_mut().crm.add_contact(&gone).to_string();
    assert_eq!(
        found(&host, &[phone("+380671234567"), Identifier::Card(id.clone())]),
        Vec::<String>::new()
    );
    assert!(matches!(upsert(&host, Some(&id), "k", &anna(), &[]), Err(Error::NotFound(_))));
}

#[test]
fn an_update_keeps_every_phone_with_its_kind() {
    let (host, crm) = simulated();
    let id =
        crm.borrow_mut().crm.add_contact(&contact("Anna", &["+380501112233", "067 123 45 67"]));
    let fields = [texts("phone", &["+380501112233", "+380671234567", "+380931112233"])];
    let card = upsert(&host, Some(&id.to_string()), "k", &anna(), &fields).unwrap();
    let crm = crm.borrow();
    let contact = crm.crm.contacts()[0].clone();
    let entries = contact["custom_fields_values"].as_array().unwrap();
    let values: Vec<_> = entries[0]["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| (value["value"].as_str().unwrap(), value["enum_code"].as_str().unwrap()))
        .collect();
    // The number that is there in another notation stays as a person wrote it.
    let expected = [("+380501112233", "MOB"), ("067 123 45 67", "MOB"), ("+380931112233", "WORK")];
    assert_eq!(values, expected);
    assert_eq!(card.field("email"), Some(&FieldValue::Text("anna.test@example.test".to_owned())));
}

#[test]
fn an_update_that_changes_nothing_writes_nothing() {
    let (host, _) = simulated();
    let fields = [text("name", "Anna"), text("tag", "vip")];
    let card = upsert(&host, None, "k1", &anna(), &fields).unwrap();
    // Who looks after the card is asked once.
    host.run(AmoCrm::list_managers).unwrap();
    let (again, requests) = cost(&host, || {
        AmoCrm::upsert_contact(Some(card.id.clone()), map(&anna(), &fields), "k2".to_owned())
    });
    assert_eq!((again.unwrap().id, requests), (card.id, 1));
}

#[test]
fn tags_and_ids_of_other_systems_are_added_to_those_that_are_there() {
    let (host, crm) = simulated();
    let card = upsert(&host, None, "k1", &anna(), &[text("tag", "vip")]).unwrap();
    let other = [Identifier::external("telegram", "77")];
    let card = upsert(&host, Some(&card.id), "k2", &other, &[text("tag", "chat")]).unwrap();
    assert_eq!(card.field("tag"), Some(&texts("tag", &["vip", "chat"]).value));
    assert_eq!(found(&host, &anna()[2..]), std::slice::from_ref(&card.id));
    assert_eq!(found(&host, &other), [card.id]);
    assert_eq!(crm.borrow().crm.contacts().len(), 1);
}

#[test]
fn a_field_is_emptied_and_a_new_contact_has_nothing_to_empty() {
    let (host, crm) = simulated();
    let empty = Field::new("city", FieldValue::Empty);
    let card = upsert(&host, None, "k1", &anna(), std::slice::from_ref(&empty)).unwrap();
    assert_eq!(card.field("city"), None);
    assert!(!String::from_utf8_lossy(&host.requests()[0].body).contains("null"));
    upsert(&host, Some(&card.id), "k2", &[], &[text("city", "Kyiv")]).unwrap();
    let card = upsert(&host, Some(&card.id), "k3", &[], &[empty]).unwrap();
    assert_eq!(card.field("city"), None);
    let crm = crm.borrow();
    let fields = crm.crm.contacts()[0]["custom_fields_values"].as_array().unwrap();
    assert!(fields.iter().all(|field| field["field_id"] != 104), "{fields:?}");
}

#[test]
fn what_the_crm_refuses_is_named_by_its_key() {
    let (host, _) = simulated();
    let long = "x".repeat(257);
    for (field, key) in [
        (text("city", &long), "city"),
        (text("manager", "777"), "manager"),
        (text("cf_999", "x"), "cf_999"),
        (text("UNKNOWN_CODE", "x"), "UNKNOWN_CODE"),
        (text("cf_107", "Nobody"), "cf_107"),
    ] {
        let Err(Error::Invalid(problems)) =
            upsert(&host, None, key, &anna(), std::slice::from_ref(&field))
        else {
            panic!("{key} must be refused")
        };
        assert_eq!(problems[0].field.as_deref(), Some(key));
        assert!(!problems[0].message.contains(&long));
    }
}

#[test]
fn every_page_of_users_and_contacts_is_read() {
    let (host, crm) = simulated();
    for id in 100..450 {
        crm.borrow_mut().crm.add_user(id, "Seller", "seller@example.test", true);
    }
    for number in 0..300 {
        let mut contact = contact("Anna", &["+380671234567"]);
        contact["responsible_user_id"] = json!(if number % 2 == 0 { 7 } else { 9 });
        crm.borrow_mut().crm.add_contact(&contact);
    }
    let managers = host.run(AmoCrm::list_managers).unwrap();
    assert_eq!(managers.len(), 353);
    assert_eq!(managers.iter().filter(|person| !person.active).count(), 1);
    assert_eq!(managers[1].email.as_deref(), Some("petro@example.test"));
    let (first, next) = host.run(|| AmoCrm::list_assignments(None)).unwrap();
    assert_eq!(next.as_deref(), Some("2"));
    let (second, end) = host.run(|| AmoCrm::list_assignments(next)).unwrap();
    assert_eq!(end, None);
    let cards: usize = first.iter().chain(&second).map(|assignment| assignment.cards.len()).sum();
    assert_eq!(cards, 300);
    let names: Vec<_> =
        first.iter().map(|it| (it.manager.name.as_deref(), it.manager.active)).collect();
    assert_eq!(names, [(Some("Olha Manager"), true), (Some("Gone Colleague"), false)]);
    assert_eq!(host.run(|| AmoCrm::list_assignments(Some("9".to_owned()))), Ok((vec![], None)));
    for token in ["0", "-1", "next"] {
        let refused = host.run(|| AmoCrm::list_assignments(Some(token.to_owned())));
        assert!(matches!(refused, Err(Error::Invalid(_))), "{token}");
    }
}

/// The manager of Anna's card, and what the lookup has cost.
fn manager(host: &Host) -> (Option<patchbay_sdk::types::Person>, usize) {
    let (cards, requests) = cost(host, || AmoCrm::lookup_client(vec![phone("+380671234567")]));
    (cards.unwrap().remove(0).manager, requests)
}

#[test]
fn who_looks_after_a_card_is_asked_once_and_told_by_name() {
    let (host, crm) = simulated();
    let id = crm.borrow_mut().crm.add_contact(&contact("Anna", &["+380671234567"]));
    let (olha, requests) = manager(&host);
    let olha = olha.unwrap();
    assert_eq!(
        (olha.name.as_deref(), olha.email.as_deref(), requests),
        (Some("Olha Manager"), Some("olha@example.test"), 2)
    );
    assert_eq!(manager(&host), (Some(olha), 1));
    // A colleague who came later is asked for, one who was removed is not asked for twice.
    crm.borrow_mut().crm.add_user(10, "New Colleague", "new@example.test", true);
    upsert(&host, Some(&id.to_string()), "k", &[], &[text("manager", "10")]).unwrap();
    let (new, requests) = manager(&host);
    assert_eq!((new.unwrap().name.as_deref(), requests), (Some("New Colleague"), 1));
    crm.borrow_mut().crm.add_contact(
        &json!({ "name": "x", "responsible_user_id": 777, "custom_fields_values": [
        { "field_code": "EMAIL", "values": [{ "value": "x@example.test" }] },
    ] }),
    );
    for expected in [2, 1] {
        let (cards, requests) =
            cost(&host, || AmoCrm::lookup_client(vec![email("x@example.test")]));
        let gone = cards.unwrap().remove(0).manager.unwrap();
        assert_eq!(
            (gone.id.as_deref(), gone.name, gone.active, requests),
            (Some("777"), None, false, expected)
        );
    }
}

#[test]
fn a_token_that_may_not_list_users_finds_cards_all_the_same() {
    let (host, crm) = simulated();
    crm.borrow_mut().crm.add_contact(&contact("Anna", &["+380671234567"]));
    crm.borrow_mut().fail_next("/users", Fault::Answer(Response::empty(503)));
    crm.borrow_mut().fail_next("/users", Fault::Answer(Response::json(403, "{}")));
    // The first failure passes, the second one is remembered.
    for expected in [2, 2, 1] {
        let (person, requests) = manager(&host);
        let person = person.unwrap();
        assert_eq!(
            (person.id.as_deref(), person.name, person.active, requests),
            (Some("7"), None, true, expected)
        );
    }
    host.run(AmoCrm::list_managers).unwrap();
    assert_eq!(manager(&host).0.unwrap().name.as_deref(), Some("Olha Manager"));
}

#[test]
fn fields_are_offered_that_can_be_written_and_the_operators_places_by_their_names() {
    let (host, _) = simulated();
    let specs = host.run(AmoCrm::describe_fields).unwrap();
    let keys: Vec<_> = specs.iter().map(|spec| spec.key.as_str()).collect();
    let canonical = ["name", "phone", "email", "tag", "manager", "POSITION", "city", "comment"];
    let own = ["cf_107", "cf_108", "cf_109", "cf_110", "cf_111"];
    assert_eq!(keys, [&canonical[..], &own[..]].concat());
    let spec = |key: &str| specs.iter().find(|spec| spec.key == key).unwrap();
    assert!(spec("phone").repeated && spec("cf_108").repeated && !spec("cf_107").repeated);
    assert_eq!(spec("cf_107").choices[0], ("Retail".to_owned(), "Retail".to_owned()));
    let types = ["cf_109", "cf_110", "cf_111"].map(|key| spec(key).type_);
    assert_eq!(types, [FieldType::Flag, FieldType::Instant, FieldType::Number]);
}
