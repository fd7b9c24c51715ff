//! What phones become, with a country and without.

use serde::Deserialize;

use super::*;

#[track_caller]
fn check(text: &str, expected: Option<&str>) {
    assert_eq!(e164(text).as_deref(), expected, "{text}");
    assert_eq!(Standard::default().e164(text).as_deref(), expected, "{text}");
}

fn standard(country: &str, digits: Option<u8>) -> Standard {
    let rule = PhoneRule { country: Some(country.to_owned()), digits };
    Standard::compile(&rule).unwrap()
}

#[track_caller]
fn check_in(country: &str, digits: Option<u8>, text: &str, expected: Option<&str>) {
    assert_eq!(standard(country, digits).e164(text).as_deref(), expected, "{text} in {country}");
}

#[derive(Deserialize)]
struct Line {
    r#in: String,
    out: String,
}

fn table(json: &str, country: &str, digits: u8) {
    let lines: Vec<Line> = serde_json::from_str(json).unwrap();
    assert!(5 <= lines.len());
    for Line { r#in, out } in lines {
        check_in(country, Some(digits), &r#in, Some(&out));
        check_in(country, None, &r#in, Some(&out));
    }
}

#[test]
fn every_ukrainian_notation_of_the_acceptance_table_is_one_number() {
    table(include_str!("../fixtures/phones.ua.json"), "UA", 12);
}

#[test]
fn every_russian_notation_of_the_acceptance_table_is_one_number() {
    table(include_str!("../fixtures/phones.ru.json"), "RU", 11);
}

#[test]
fn international_notations_become_one() {
    check("+7 900 000-00-03", Some("+79000000003"));
    check("0038 (044) 000.00.71", Some("+380440000071"));
    check(" +380440000071 ", Some("+380440000071"));
}

#[test]
fn what_names_no_country_or_is_no_phone_is_left_alone() {
    check("8 900 000-00-03", None);
    check("0440000071", None);
    check("+7 call me", None);
    check("", None);
    check("+", None);
}

#[test]
fn the_length_is_checked_at_its_edges() {
    check("+123456", None);
    check("+1234567", Some("+1234567"));
    check("+123456789012345", Some("+123456789012345"));
    check("+1234567890123456", None);
    check("+0123456789", None);
}

#[test]
fn words_and_extensions_are_left_out_where_a_country_is_set() {
    check_in("UA", None, "моб: +38 044 000 00 07 доб. 12", Some("+380440000007"));
    check_in("UA", None, "044 000 00 07x12", Some("+380440000007"));
    check_in("UA", None, "(044) 000-00-07, 12", Some("+380440000007"));
    check_in("US", None, "(201) 555-0123 ext. 5", Some("+12015550123"));
    check_in("US", None, "1-201-555-0123", Some("+12015550123"));
}

#[test]
fn what_is_no_phone_of_the_country_is_kept_as_received() {
    for text in [
        "call me",
        "",
        "12345",
        "123456789",
        "044 000 00 0",
        "044 000 00 071",
        "0440000001, 0440000002",
        "order0440000007",
        "0440000007@example.com",
        "++++",
        "+",
        "\u{661}\u{662}",
    ] {
        check_in("UA", Some(12), text, None);
    }
    check_in("UA", None, &format!("{:>256}", "0440000007"), Some("+380440000007"));
    check_in("UA", None, &format!("{:>257}", "0440000007"), None);
}

#[test]
fn a_number_of_another_country_fits_only_where_no_digits_are_asked_for() {
    check_in("UA", None, "+7 900 000-00-03", Some("+79000000003"));
    check_in("UA", Some(12), "+7 900 000-00-03", None);
    check_in("UA", None, "+38044000007", None);
}

#[test]
fn one_number_in_two_notations_is_the_same() {
    let ua = standard("UA", None);
    assert!(ua.is_same("044 000 00 07", "+380440000007"));
    assert!(ua.is_same("call me", "call me "));
    assert!(!ua.is_same("call me", "tell me"));
    assert!(!ua.is_same("044 000 00 07", "044 000 00 08"));
    assert!(!Standard::default().is_same("044 000 00 07", "+380440000007"));
    assert!(Standard::default().is_same("044 000 00 07", "0440000007"));
}

#[track_caller]
fn check_refused(country: Option<&str>, digits: Option<u8>, field: &str) {
    let rule = PhoneRule { country: country.map(str::to_owned), digits };
    let problems = Standard::compile(&rule).unwrap_err();
    let fields: Vec<Option<&str>> = problems.iter().map(|it| it.field.as_deref()).collect();
    assert_eq!(fields, [Some(field)]);
}

#[test]
fn countries_and_digits_are_checked() {
    check_refused(Some("XX"), None, "rules.phone.country");
    check_refused(Some("ua"), None, "rules.phone.country");
    check_refused(Some(""), None, "rules.phone.country");
    check_refused(Some("001"), None, "rules.phone.country");
    check_refused(Some("UA"), Some(11), "rules.phone.digits");
    check_refused(None, Some(6), "rules.phone.digits");
    check_refused(None, Some(16), "rules.phone.digits");
    for digits in [7, 15] {
        Standard::compile(&PhoneRule { country: None, digits: Some(digits) }).unwrap();
    }
}
