//! Tests of `search`.

use proptest::prelude::*;

use super::*;

fn server() -> Server {
    Server { external_property: Some("patchbay_id".to_owned()), ..Server::default() }
}

fn phone(number: &str) -> Identifier {
    Identifier::Phone(number.to_owned())
}

fn email(address: &str) -> Identifier {
    Identifier::Email(address.to_owned())
}

/// Property and operator of each group.
fn shape(any_of: &[Identifier]) -> Vec<(String, String)> {
    let text = |filter: &Value, key: &str| filter[key].as_str().unwrap().to_owned();
    let groups = groups(&server(), any_of);
    groups
        .iter()
        .map(|group| &group["filters"][0])
        .map(|filter| (text(filter, "propertyName"), text(filter, "operator")))
        .collect()
}

fn names(shape: &[(String, String)]) -> Vec<&str> {
    shape.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_client_with_everything_fits_into_one_search() {
    let client = [phone("+380671234567"), email("a@b.test"), Identifier::external("jivo", "1")];
    let shape = shape(&client);
    let expected = ["email", "patchbay_id", NATIONAL[0], NATIONAL[1], names::MORE_EMAILS];
    assert_eq!(names(&shape), expected);
}

#[test]
fn numbers_as_typed_fill_what_room_is_left() {
    let expected = [NATIONAL[0], NATIONAL[1], names::PHONE, names::MOBILE];
    assert_eq!(names(&shape(&[phone("+380671234567")])), expected);
    let with_mail = shape(&[phone("+380671234567"), email("a@b.test")]);
    let expected = ["email", NATIONAL[0], NATIONAL[1], names::MORE_EMAILS, names::PHONE];
    assert_eq!(names(&with_mail), expected);
}

#[test]
fn several_of_a_kind_are_one_filter() {
    let shape = shape(&[email("A@b.test "), email("c@d.test"), email("a@B.test"), email(" ")]);
    assert_eq!(shape[0], ("email".to_owned(), "IN".to_owned()));
    assert_eq!(shape.len(), 3);
    let groups = groups(&server(), &[email("A@b.test "), email("c@d.test")]);
    assert_eq!(groups[0]["filters"][0]["values"], json!(["a@b.test", "c@d.test"]));
}

#[test]
fn nothing_is_searched_for_by_a_card_or_a_scrap() {
    let scraps = [Identifier::Card("1".to_owned()), phone("12"), phone("anonymous"), email("")];
    assert!(groups(&server(), &scraps).is_empty());
    assert!(groups(&server(), &[Identifier::external(" ", "1")]).is_empty());
}

#[test]
fn a_number_is_looked_for_with_and_without_its_country() {
    let ukraine = forms("+380 67 123-45-67");
    for form in ["380671234567", "671234567", "0671234567"] {
        assert!(ukraine.contains(&form.to_owned()), "{form}");
    }
    assert!(forms("+79161234567").contains(&"89161234567".to_owned()));
    assert!(forms("+3725123456").contains(&"5123456".to_owned()));
    assert!(forms("0015551234567").contains(&"5551234567".to_owned()));
    assert_eq!(forms("067 123"), ["067123"]);
    assert_eq!(forms("+12"), Vec::<String>::new());
}

proptest! {
    #[test]
    fn every_search_keeps_hubspots_limits(
        numbers in proptest::collection::vec("[+]?[0-9 -]{0,20}", 0..30),
        emails in proptest::collection::vec("[a-zA-Z@. ]{0,20}", 0..30),
    ) {
        let phones = numbers.into_iter().map(Identifier::Phone);
        let any_of: Vec<Identifier> = phones.chain(emails.into_iter().map(Identifier::Email)).collect();
        let groups = groups(&server(), &any_of);
        for groups in groups.chunks(GROUPS_MAX) {
            let filters: Vec<&Value> = groups.iter().flat_map(|it| it["filters"].as_array().unwrap()).collect();
            prop_assert!(filters.len() <= 18);
            for filter in filters {
                let values = filter["values"].as_array().map_or(1, Vec::len);
                prop_assert!((1..=VALUES_MAX).contains(&values));
            }
        }
    }
}
