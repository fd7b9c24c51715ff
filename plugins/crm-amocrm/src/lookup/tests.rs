//! Tests of `lookup`.

use super::*;

#[test]
fn a_phone_is_searched_by_its_last_ten_digits() {
    for (number, expected) in [
        ("+380671234567", Some("0671234567")),
        ("+7 (916) 123-45-67", Some("9161234567")),
        ("0038 067 123", Some("38067123")),
        ("102", Some("102")),
        ("12", None),
        ("anonymous", None),
    ] {
        assert_eq!(searched(number).as_deref(), expected, "{number}");
    }
}

#[test]
fn each_identifier_is_searched_once_and_at_most_fifteen_are() {
    let phone = |number: usize| Identifier::Phone(format!("+38067{number:07}"));
    let external = Identifier::external("jivo", "1");
    let asked = [
        phone(1),
        Identifier::Phone("067 000 00 01".to_owned()),
        Identifier::Email(" Anna@Example.test ".to_owned()),
        Identifier::Email(String::new()),
        external.clone(),
        Identifier::Card("3".to_owned()),
        Identifier::Card("x".to_owned()),
    ];
    let text = |text: &str| Search::Text(text.to_owned());
    let without = searches(&asked, &Places::default());
    assert_eq!(without, [text("0670000001"), text("anna@example.test"), Search::Card(3)]);
    let places = Places { external: Some(9), ..Places::default() };
    assert!(searches(&[external], &places).contains(&text("jivo:1")));
    let many: Vec<Identifier> = (0..16).map(phone).collect();
    assert_eq!(searches(&many, &places).len(), 15);
}
