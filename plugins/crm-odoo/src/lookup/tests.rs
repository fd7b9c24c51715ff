//! Tests of `lookup`.

use super::*;
use crate::server;

fn phone(number: &str) -> Identifier {
    Identifier::Phone(number.to_owned())
}

fn email(address: &str) -> Identifier {
    Identifier::Email(address.to_owned())
}

fn external(system: &str, id: &str) -> Identifier {
    Identifier::External(ExternalId { system: system.to_owned(), id: id.to_owned() })
}

fn card_of(id: &str) -> Identifier {
    Identifier::Card(id.to_owned())
}

fn partners(rows: Value) -> Vec<Partner> {
    card::partners(rows).unwrap()
}

#[test]
fn all_identifiers_are_asked_for_in_one_domain() {
    let any_of = [
        phone("+380671234567"),
        email(" Anna.TEST@example.test "),
        external("jivo", "2746"),
        card_of("6"),
    ];
    assert_eq!(
        domain(&server::example(), &any_of),
        Some(json!([
            "|",
            "|",
            "|",
            "|",
            "|",
            ["phone_mobile_search", "=", "+380671234567"],
            ["phone_sanitized", "=", "+380671234567"],
            ["email_normalized", "=", "anna.test@example.test"],
            ["email", "ilike", ", anna.test@example.test"],
            ["ref", "=", "jivo:2746"],
            ["id", "=", 6],
        ]))
    );
}

#[test]
fn one_condition_needs_no_operator_and_a_repeated_one_is_asked_once() {
    assert_eq!(
        domain(&server::example(), &[email("a@b.test"), email("A@B.test")]),
        Some(json!(["|", ["email_normalized", "=", "a@b.test"], ["email", "ilike", ", a@b.test"]]))
    );
    assert_eq!(
        domain(&server::example(), &[phone("067 123 45 67")]),
        Some(json!([["phone_mobile_search", "=", "0671234567"]]))
    );
}

#[test]
fn nothing_to_search_for_is_no_search() {
    let nothing = [
        phone("no number"),
        phone("12"),
        email(" "),
        external("jivo", " "),
        card_of("x"),
        card_of("-1"),
    ];
    assert_eq!(domain(&server::example(), &nothing), None);
    assert_eq!(domain(&server::example(), &[]), None);
}

#[test]
fn the_most_matches_come_first_then_the_older_partner() {
    let any_of = [phone("+380671234567"), email("anna.test@example.test")];
    let rows = json!([
        { "id": 9, "phone": "+380 67 123 45 67", "email": false },
        { "id": 3, "phone": false, "email": "Anna.Test@example.test", "email_normalized": "anna.test@example.test" },
        { "id": 12, "phone": "+380671234567", "email": "anna.test@example.test" },
    ]);
    let cards = ranked(&server::example(), partners(rows), &any_of, &[]);
    let ids: Vec<_> = cards.iter().map(|card| (card.id.as_str(), card.matched.len())).collect();
    assert_eq!(ids, [("12", 2), ("3", 1), ("9", 1)]);
    assert_eq!(cards[1].matched, [email("anna.test@example.test")]);
}

#[test]
fn a_hit_that_matches_nothing_is_dropped() {
    let any_of =
        [phone("+380671234567"), email("anna@example.test"), external("jivo", "27"), card_of("7")];
    let rows = json!([
        { "id": 1, "phone": "+48671234567", "email": "other-anna@example.test", "ref": "jivo:2746" },
        { "id": 2, "phone": false, "email": null, "ref": "" },
        { "id": 3, "ref": "jivo:27" },
        { "id": 7 },
    ]);
    let ids: Vec<_> = ranked(&server::example(), partners(rows), &any_of, &[])
        .into_iter()
        .map(|card| card.id)
        .collect();
    assert_eq!(ids, ["3", "7"]);
}

#[test]
fn at_most_twenty_cards_are_answered() {
    for (rows, cards) in [(20, 20), (21, 20)] {
        let rows: Vec<_> = (1..=rows).map(|id| json!({ "id": id, "email": "a@b.test" })).collect();
        assert_eq!(
            ranked(&server::example(), partners(Value::Array(rows)), &[email("a@b.test")], &[])
                .len(),
            cards
        );
    }
}

#[test]
fn a_further_phone_is_searched_in_its_own_field() {
    let server = Server { phone_fields: vec!["x_phone_2".to_owned()], ..server::example() };
    assert_eq!(
        domain(&server, &[phone("0671234567")]),
        Some(json!([
            "|",
            ["phone_mobile_search", "=", "0671234567"],
            ["x_phone_2", "=", "0671234567"]
        ]))
    );
    let rows = json!([
        { "id": 1, "phone": "+48111111111", "phone_sanitized": "+48111111111", "x_phone_2": "+380671234567" },
        { "id": 2, "phone": "067 123-45-67", "phone_sanitized": "+48671234567", "x_phone_2": false },
    ]);
    let cards = ranked(&server, partners(rows), &[phone("+380671234567")], &[]);
    assert_eq!(cards.iter().map(|card| card.id.as_str()).collect::<Vec<_>>(), ["1"]);
}
