//! What is written into contacts: nothing that a person has written is lost.

use patchbay_sdk::Contacts;
use patchbay_sdk::types::{Field, Identifier, Value as FieldValue};
use serde_json::{Value, json};

use super::bench::{Bench, email, phone, text, texts};

fn contact(bench: &Bench) -> (String, Vec<String>, Vec<String>) {
    let portal = bench.portal();
    let (id, item) = portal.contacts.iter().next().unwrap();
    let values = |kind| item.values(kind).into_iter().map(str::to_owned).collect();
    (id.to_string(), values("PHONE"), values("EMAIL"))
}

fn field(bench: &Bench, name: &str) -> Option<Value> {
    bench.portal().contacts.values().next().unwrap().fields.get(name).cloned()
}

#[test]
fn a_phone_more_is_added_and_the_first_stays_first() {
    let bench = Bench::new();
    let id = bench.portal().put_contact(&json!({}), &["+380671234567"], &["old@example.test"]);
    let fields = [texts("phone", &["+380671234567", "+380501112233"])];
    let client = [email("new@example.test"), phone("067 123 45 67")];
    bench.upsert(Some(&id.to_string()), &client, &fields, "k").unwrap();
    let (_, phones, emails) = contact(&bench);
    assert_eq!(phones, ["+380671234567", "+380501112233"]);
    assert_eq!(emails, ["old@example.test", "new@example.test"]);
    // Again it changes nothing.
    bench.upsert(Some(&id.to_string()), &client, &fields, "k").unwrap();
    assert_eq!(contact(&bench).1.len(), 2);
    assert_eq!(bench.last_called()[0].0, "crm.item.get");
}

#[test]
fn a_phone_that_wins_takes_the_first_place_and_the_other_is_kept() {
    let bench = Bench::new();
    let old = ["+380671234567", "+380500000000"];
    let id = bench.portal().put_contact(&json!({}), &old, &[]);
    let fields = [texts("phone", &["+380501112233", "+380671234567", "+380500000000"])];
    let card = bench.upsert(Some(&id.to_string()), &[], &fields, "k").unwrap();
    let expected = ["+380501112233", "+380671234567", "+380500000000"];
    assert_eq!(contact(&bench).1, expected);
    let expected = expected.map(str::to_owned).to_vec();
    assert_eq!(card.field("phone"), Some(&FieldValue::Texts(expected)));
    // One that is named alone is added before the rest, and none is lost.
    bench.upsert(Some(&id.to_string()), &[], &[text("phone", "+48111111111")], "k").unwrap();
    let phones = contact(&bench).1;
    assert_eq!(phones.len(), 4);
    assert_eq!(phones[0], "+48111111111");
}

#[test]
fn empty_removes_no_phone_and_empties_a_text() {
    let bench = Bench::new();
    let fields = json!({ "comments": "old", "name": "Anna" });
    let id = bench.portal().put_contact(&fields, &["+380671234567"], &["a@example.test"]);
    let empty = |key: &str| Field::new(key, FieldValue::Empty);
    let fields = [empty("phone"), empty("email"), empty("comment")];
    bench.upsert(Some(&id.to_string()), &[], &fields, "k").unwrap();
    let (_, phones, emails) = contact(&bench);
    assert_eq!((phones.len(), emails.len()), (1, 1));
    assert_eq!(field(&bench, "comments"), Some(json!("")));
    assert_eq!(field(&bench, "name"), Some(json!("Anna")));
}

#[test]
fn the_whole_name_is_the_name() {
    let bench = Bench::new();
    let id = bench.portal().put_contact(&json!({ "name": "Ann", "lastName": "Tset" }), &[], &[]);
    let id = id.to_string();
    let card = bench.upsert(Some(&id), &[], &[text("name", "Anna Test")], "k").unwrap();
    assert_eq!(card.field("name"), Some(&FieldValue::Text("Anna Test".to_owned())));
    let parts = [text("name", "Anna"), text("lastName", "Test")];
    let card = bench.upsert(Some(&id), &[], &parts, "k").unwrap();
    assert_eq!(card.field("name"), Some(&FieldValue::Text("Anna Test".to_owned())));
    assert_eq!(field(&bench, "name"), Some(json!("Anna")));
}

#[test]
fn the_id_of_another_system_goes_only_where_there_is_none() {
    let bench = Bench::new();
    let jivo = |id: &str| Identifier::external("jivo", id);
    let id = bench.portal().put_contact(&json!({}), &["+380671234567"], &[]).to_string();
    bench.upsert(Some(&id), &[jivo("1")], &[], "k").unwrap();
    assert_eq!(field(&bench, "originId"), Some(json!("jivo:1")));
    assert_eq!(field(&bench, "originatorId"), Some(json!("plughost")));
    bench.upsert(Some(&id), &[jivo("2")], &[], "k").unwrap();
    assert_eq!(field(&bench, "originId"), Some(json!("jivo:1")));
    assert_eq!(bench.lookup(&[jivo("1")]).len(), 1);
    assert!(bench.lookup(&[jivo("2")]).is_empty());
    // The same id from another integration is another client.
    let other = json!({ "originatorId": "1c", "originId": "jivo:3" });
    bench.portal().put_contact(&other, &[], &[]);
    assert!(bench.lookup(&[jivo("3")]).is_empty());
}

#[test]
fn a_manager_is_set_on_new_contacts_only() {
    let bench = Bench::new();
    let fields = [text("name", "Anna"), text("manager", "6")];
    let card = bench.upsert(None, &[], &fields, "k1").unwrap();
    assert_eq!(card.manager.unwrap().name.as_deref(), Some("Ivan Seller"));
    let fields = [text("name", "Anna"), text("manager", "1")];
    let card = bench.upsert(Some(&card.id), &[], &fields, "k2").unwrap();
    assert_eq!(card.manager.unwrap().id.as_deref(), Some("6"));
}

#[test]
fn own_fields_are_written_and_dropped_ones_are_told() {
    let bench = Bench::new();
    let described = json!({ "type": "string", "isMultiple": true, "title": "Cities" });
    bench.portal().own_fields.insert("ufCrm_1".to_owned(), described);
    let fields =
        [texts("ufCrm_1", &["Kyiv", "Lviv"]), text("ufCrm_2", "lost"), text("post", "Buyer")];
    let card = bench.upsert(None, &[phone("+380671234567")], &fields, "k").unwrap();
    let cities = ["Kyiv", "Lviv"].map(str::to_owned).to_vec();
    assert_eq!(card.field("ufCrm_1"), Some(&FieldValue::Texts(cities)));
    assert_eq!(card.field("post"), Some(&FieldValue::Text("Buyer".to_owned())));
    let lines = bench.host.log_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].1.contains("`ufCrm_2`") && !lines[0].1.contains("lost"), "{lines:?}");
}

#[test]
fn a_contact_without_anything_is_made_once_by_its_key() {
    let bench = Bench::new();
    let made = bench.upsert(None, &[], &[], "k1").unwrap();
    assert_eq!(field(&bench, "originId"), Some(json!("key:k1")));
    assert_eq!(bench.upsert(None, &[], &[], "k1").unwrap().id, made.id);
    assert_ne!(bench.upsert(None, &[], &[], "k2").unwrap().id, made.id);
}

#[test]
fn a_change_whose_answer_lacks_the_phones_reads_them() {
    let bench = Bench::new();
    bench.portal().answers_fm = false;
    let id = bench.portal().put_contact(&json!({}), &["+380671234567"], &[]).to_string();
    let native =
        |client: &[Identifier]| crate::map::contact(client, &[text("comment", "vip")]).unwrap();
    let change = |native: String| {
        bench
            .counted(|| {
                crate::Bitrix24::upsert_contact(Some(id.clone()), native, "k".to_owned()).unwrap()
            })
            .1
    };
    assert_eq!(change(native(&[phone("+380671234567")])), 2);
    assert_eq!(change(native(&[phone("+380501112233")])), 3);
    assert_eq!(contact(&bench).1, ["+380671234567", "+380501112233"]);
}
