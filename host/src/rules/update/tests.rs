//! Which of two values wins.

use super::*;
use crate::{
    account::PhoneRule,
    rules::tests::samples::{spec, text, texts},
};

fn standard() -> Standard {
    Standard::compile(&PhoneRule { country: Some("UA".to_owned()), digits: None }).unwrap()
}

#[track_caller]
fn check(update: Update, new: &Field, held: &[Field], is_repeated: bool, expected: &[Field]) {
    let wanted = [Wanted { field: new.clone(), update }];
    let specs = [
        spec("phone", FieldType::Phone, false, is_repeated),
        spec("EMAIL", FieldType::Email, false, is_repeated),
        spec("UF_TEL", FieldType::Phone, false, is_repeated),
        spec("tag", FieldType::Text, false, is_repeated),
    ];
    assert_eq!(changes(&wanted, held, &specs, &standard()), expected, "{new:?} on {held:?}");
}

const ALL_UPDATES: [Update; 3] = [Update::OnlyEmpty, Update::All, Update::NewOnly];

#[test]
fn what_is_empty_is_filled_in_unless_new_cards_alone_have_it() {
    let new = text("name", "New");
    for held in [vec![], vec![text("name", " ")], vec![texts("name", &["", " "])]] {
        check(Update::OnlyEmpty, &new, &held, false, std::slice::from_ref(&new));
        check(Update::All, &new, &held, false, std::slice::from_ref(&new));
        check(Update::NewOnly, &new, &held, false, &[]);
    }
}

#[test]
fn the_policy_says_who_wins() {
    let (new, held) = (text("name", "New"), [text("name", "Old")]);
    check(Update::OnlyEmpty, &new, &held, false, &[]);
    check(Update::All, &new, &held, false, std::slice::from_ref(&new));
    check(Update::NewOnly, &new, &held, false, &[]);
}

#[test]
fn what_is_equal_is_never_written() {
    let number = Field { key: "n".to_owned(), value: Value::Number(7.0) };
    let flag = Field { key: "n".to_owned(), value: Value::Flag(true) };
    for update in ALL_UPDATES {
        for is_repeated in [false, true] {
            let check = |new, held| check(update, &new, &[held], is_repeated, &[]);
            check(text("name", "Same"), text("name", " Same "));
            check(text("phone", "+380440000001"), text("phone", "8 (044) 000-00-01"));
            check(text("phone", "+380440000001"), texts("phone", &["1", "380440000001"]));
            check(text("UF_TEL", "+380440000001"), text("UF_TEL", "0440000001"));
            check(text("email", "a@example.com"), text("email", "A@Example.com"));
            check(texts("tag", &["b", "a"]), texts("tag", &["a", "b", "c"]));
            check(number.clone(), text("n", "7"));
            check(flag.clone(), text("n", "true"));
        }
    }
}

#[test]
fn a_phone_that_loses_is_kept_where_there_is_room() {
    let (new, held) = (text("phone", "+380440000002"), [text("phone", "044 000 00 01")]);
    check(Update::OnlyEmpty, &new, &held, false, &[]);
    check(Update::All, &new, &held, false, std::slice::from_ref(&new));
    let kept_last = texts("phone", &["044 000 00 01", "+380440000002"]);
    check(Update::OnlyEmpty, &new, &held, true, &[kept_last]);
    let kept_first = texts("phone", &["+380440000002", "044 000 00 01"]);
    check(Update::All, &new, &held, true, &[kept_first]);
    check(Update::NewOnly, &new, &held, true, &[]);
}

#[test]
fn a_card_that_shows_two_values_has_room() {
    let new = text("email", "c@example.com");
    let held = [text("email", "a@example.com"), text("email", "b@example.com")];
    let all = texts("email", &["a@example.com", "b@example.com", "c@example.com"]);
    check(Update::OnlyEmpty, &new, &held, false, &[all]);
}

#[test]
fn tags_add_up_only_where_the_event_wins() {
    let (new, held) = (text("tag", "b"), [text("tag", "a")]);
    check(Update::OnlyEmpty, &new, &held, true, &[]);
    check(Update::All, &new, &held, true, &[texts("tag", &["b", "a"])]);
    check(Update::All, &new, &held, false, std::slice::from_ref(&new));
}
