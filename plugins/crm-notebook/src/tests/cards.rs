//! Cards: found by every identifier, and never two of one client.

use super::*;

#[test]
fn what_is_known_of_a_new_client_stands_in_the_card() {
    let client = [
        phone("+79000000001"),
        email("alina.testova@example.com"),
        Identifier::external("jivo", "visitor-1"),
    ];
    let fields = [Field::text("name", "Alina Testova"), Field::text("city", "Kazan")];
    let card = create(&Host::new(), "k1", &client, &fields);
    assert_eq!(card.url.as_deref(), Some("https://notebook.invalid/cards/1"));
    assert_eq!(card.field("name").and_then(Value::as_text), Some("Alina Testova"));
    assert_eq!(card.field("phone").and_then(Value::as_text), Some("+79000000001"));
}

#[test]
fn a_repeated_upsert_changes_nothing() {
    let host = Host::new();
    let card = create(&host, "k1", &[phone("+79000000001")], &[Field::text("name", "Alina")]);
    let before = host.store();
    let again = create(&host, "k1", &[phone("+79000000002")], &[Field::text("name", "Olga")]);
    assert_eq!(again, card);
    assert_eq!(host.store(), before);
}

#[test]
fn of_two_creations_of_one_phone_the_second_is_a_conflict() {
    let host = Host::new();
    let first = create(&host, "k1", &[phone("+79000000001")], &[]);
    let second = host.run(|| {
        Notebook::upsert_contact(None, map(&[phone("0079000000001")], &[]), "k2".to_owned())
    });
    assert_eq!(second, Err(Error::Conflict(Some(first.id))));
}

#[test]
fn a_card_made_between_reading_and_writing_is_a_conflict() {
    let host = Host::new();
    host.before_next_commit(|host| {
        create(host, "k1", &[phone("+79000000001")], &[]);
    });
    let late = host.run(|| {
        Notebook::upsert_contact(None, map(&[phone("+79000000001")], &[]), "k2".to_owned())
    });
    assert_eq!(late, Err(Error::Conflict(Some("1".to_owned()))));
    assert_eq!(host.store().keys().filter(|key| key.starts_with("card/")).count(), 1);
}

#[test]
fn another_client_made_between_reading_and_writing_only_costs_a_retry() {
    let host = Host::new();
    host.before_next_commit(|host| {
        create(host, "k1", &[phone("+79000000001")], &[]);
    });
    let card = create(&host, "k2", &[phone("+79000000002")], &[]);
    assert_eq!(card.id, "2");
    assert_eq!(found(&host, &[phone("+79000000001")]), ["1"]);
    assert_eq!(found(&host, &[phone("+79000000002")]), ["2"]);
}

#[test]
fn a_change_made_between_reading_and_writing_is_not_lost() {
    let host = Host::new();
    let card = create(&host, "k1", &[phone("+79000000001")], &[]);
    host.before_next_commit(|host| {
        change(host, "1", "k2", &[], &[Field::text("city", "Kazan")]).unwrap();
    });
    let card = change(&host, &card.id, "k3", &[], &[Field::text("name", "Alina")]).unwrap();
    assert_eq!(card.field("city").and_then(Value::as_text), Some("Kazan"));
    assert_eq!(card.field("name").and_then(Value::as_text), Some("Alina"));
}

#[test]
fn every_phone_of_a_card_finds_it() {
    let host = Host::new();
    let phones = texts("phone", &["+79000000001", "8 (800) 000-00-02", "+7 900 000 00 01"]);
    let card = create(&host, "k1", &[phone("+79000000003")], &[phones]);
    let all = ["+79000000001", "8 (800) 000-00-02", "+79000000003"].map(str::to_owned);
    assert_eq!(card.field("phone"), Some(&Value::Texts(all.to_vec())));
    for text in ["+79000000001", "88000000002", "0079000000003"] {
        assert_eq!(found(&host, &[phone(text)]), [card.id.as_str()], "{text}");
    }
}

#[test]
fn a_changed_phone_moves_the_index() {
    let host = Host::new();
    let card = create(&host, "k1", &[], &[Field::text("phone", "+79000000001")]);
    change(&host, &card.id, "k2", &[], &[Field::text("phone", "+79000000002")]).unwrap();
    assert!(found(&host, &[phone("+79000000001")]).is_empty());
    assert_eq!(found(&host, &[phone("+79000000002")]), [card.id.as_str()]);
    let freed = create(&host, "k3", &[phone("+79000000001")], &[]);
    assert_eq!(found(&host, &[phone("+79000000001")]), [freed.id]);
}

#[test]
fn identifiers_of_a_client_are_added_and_take_nothing_away() {
    let host = Host::new();
    let card = create(&host, "k1", &[phone("+79000000001")], &[]);
    let card = change(&host, &card.id, "k2", &[phone("+79000000002"), email("A@example.com")], &[])
        .unwrap();
    for asked in [phone("+79000000001"), phone("+79000000002"), email("a@example.com")] {
        assert_eq!(found(&host, &[asked]), [card.id.as_str()]);
    }
}

#[test]
fn a_phone_of_another_card_cannot_be_taken() {
    let host = Host::new();
    create(&host, "k1", &[phone("+79000000001")], &[]);
    create(&host, "k2", &[phone("+79000000002")], &[]);
    let taken = change(&host, "2", "k3", &[], &[Field::text("phone", "+79000000001")]);
    assert_eq!(taken, Err(Error::Conflict(Some("1".to_owned()))));
}

#[test]
fn an_empty_value_clears_a_field_and_its_index() {
    let host = Host::new();
    create(&host, "k1", &[phone("+79000000001")], &[Field::text("city", "Kazan")]);
    let card = change(
        &host,
        "1",
        "k2",
        &[],
        &[Field::new("city", Value::Empty), Field::new("phone", Value::Empty)],
    );
    assert!(card.unwrap().fields.is_empty());
    assert!(found(&host, &[phone("+79000000001")]).is_empty());
}

#[test]
fn more_matches_come_first_and_then_the_older_card() {
    let host = Host::new();
    create(&host, "k1", &[phone("+79000000001")], &[]);
    create(&host, "k2", &[phone("+79000000002")], &[]);
    create(&host, "k3", &[phone("+79000000003"), email("c@example.com")], &[]);
    let asked = [
        phone("+79000000002"),
        phone("+79000000003"),
        Identifier::Card("1".to_owned()),
        email("c@example.com"),
        phone("+79990000000"),
    ];
    assert_eq!(found(&host, &asked), ["3", "1", "2"]);
    let cards = host.run(|| Notebook::lookup_client(asked.to_vec())).unwrap();
    assert_eq!(cards[0].matched, [phone("+79000000003"), email("c@example.com")]);
}

#[test]
fn an_unknown_id_is_not_found() {
    let host = Host::new();
    create(&host, "k1", &[], &[]);
    for id in ["2", "01", "+1", "", "x", "../1"] {
        let result = change(&host, id, "k2", &[], &[]);
        assert!(matches!(result, Err(Error::NotFound(_))), "{id}: {result:?}");
    }
}

#[test]
fn values_come_back_as_they_were_given() {
    let host = Host::new();
    let fields = [
        Field::new("tag", Value::Texts(vec!["vip".to_owned(), "b2b".to_owned()])),
        Field::new("score", Value::Number(4.5)),
        Field::new("vip", Value::Flag(true)),
        Field::new("extra", Value::Json("{\"a\":[1]}".to_owned())),
    ];
    let card = create(&host, "k1", &[], &fields);
    for field in &fields {
        assert_eq!(card.field(&field.key), Some(&field.value));
    }
}
