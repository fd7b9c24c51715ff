//! Multi-fields in all their shapes.

use proptest::prelude::*;

use super::*;

fn contact(fm: &Value) -> Record {
    Record::of(json!({ "id": 1, "fm": fm })).unwrap()
}

fn wanted(first: &[&str], also: &[&str]) -> Contact {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let phones = Addresses { first: owned(first), also: owned(also) };
    Contact { phones, ..Contact::default() }
}

fn phone(id: u64, value: &str) -> Value {
    json!({ "id": id, "typeId": "PHONE", "valueType": "MOBILE", "value": value })
}

#[test]
fn entries_come_as_a_list_or_an_object_and_are_in_order() {
    let list = json!([phone(9, "+380509"), { "id": "7", "typeId": "PHONE", "value": "+380507" }, phone(8, ""), null, 5]);
    let values = |fm: &Value| -> Vec<String> {
        entries(&contact(fm), Kind::Phone).into_iter().map(|entry| entry.value).collect()
    };
    assert_eq!(values(&list), ["+380507", "+380509"]);
    assert_eq!(values(&json!({ "9": phone(9, "+380509") })), ["+380509"]);
    for nothing in [json!(null), json!([]), json!({}), json!("")] {
        assert_eq!(values(&nothing), [""; 0], "{nothing}");
    }
}

#[test]
fn without_the_list_the_first_values_are_known() {
    let flat = Record::of(json!({ "id": 1, "phone": "+380671234567", "email": "" })).unwrap();
    assert_eq!(entries(&flat, Kind::Phone).len(), 1);
    assert_eq!(entries(&flat, Kind::Email).len(), 0);
    // It has no id to be changed by: the new one is added behind it.
    let changes = changes(&flat, &wanted(&["+380501112233"], &[]));
    assert_eq!(changes.keys().collect::<Vec<_>>(), ["n0"]);
}

#[test]
fn a_change_names_ids_and_types() {
    let held = contact(&json!([phone(5, "067 123-45-67"), phone(6, "+380500000000")]));
    let change =
        |first: &[&str], also: &[&str]| Value::Object(changes(&held, &wanted(first, also)));
    assert_eq!(change(&[], &[]), json!({}));
    assert_eq!(change(&["+380671234567"], &["+380500000000"]), json!({}));
    let work = |value: &str| json!({ "typeId": "PHONE", "valueType": "WORK", "value": value });
    let mobile = |value: &str| json!({ "typeId": "PHONE", "valueType": "MOBILE", "value": value });
    assert_eq!(
        change(&[], &["+380501112233", "+380501112233"]),
        json!({ "n0": work("+380501112233") })
    );
    let expected = json!({
        "5": work("+380501112233"),
        "6": mobile("067 123-45-67"),
        "n0": mobile("+380500000000"),
    });
    assert_eq!(change(&["+380501112233"], &[]), expected);
    // The notation that a person has given a number stays.
    let swapped = json!({ "5": mobile("+380500000000"), "6": mobile("067 123-45-67") });
    assert_eq!(change(&["+380500000000", "+380671234567"], &[]), swapped);
}

#[test]
fn a_new_contact_has_each_address_once() {
    let mut contact =
        wanted(&["+380671234567", "0671234567"], &["+380 67 123 45 67", "+380501112233"]);
    contact.emails.also = vec!["A@example.test".to_owned(), "a@EXAMPLE.test".to_owned()];
    let values: Vec<_> =
        for_new(&contact).into_iter().map(|entry| entry["value"].clone()).collect();
    assert_eq!(values, [json!("+380671234567"), json!("+380501112233"), json!("A@example.test")]);
}

proptest! {
    #[test]
    fn no_phone_is_ever_lost(
        held in proptest::collection::vec("[+]?[0-9]{3,12}", 0..5),
        first in proptest::collection::vec("[+]?[0-9]{3,12}", 0..4),
        also in proptest::collection::vec("[+]?[0-9]{3,12}", 0..4),
    ) {
        let entries: Vec<Value> =
            held.iter().zip(1..).map(|(value, id)| phone(id, value)).collect();
        let contact = contact(&json!(entries));
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        let also: Vec<&str> = also.iter().map(String::as_str).collect();
        let changes = changes(&contact, &wanted(&first, &also));
        let mut after = held.clone();
        for (key, entry) in &changes {
            let value = entry["value"].as_str().unwrap().to_owned();
            match key.parse::<usize>() {
                Ok(id) => after[id - 1] = value,
                Err(_) => after.push(value),
            }
        }
        for number in held.iter().map(String::as_str).chain(first).chain(also) {
            prop_assert!(after.iter().any(|held| Kind::Phone.is_same(held, number)), "{} {:?}", number, after);
        }
    }
}
