//! Conditions of a search: Tryton's domains, and how they stand in a URL.

use patchbay_sdk::phone;
use serde_json::{Value, json};

/// Digits of a phone number that are searched for: fewer than a national number has anywhere, so
/// that it is found with and without its country.
const SEARCHED_DIGITS: usize = 7;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Any of the conditions; `None` where there is none.
pub(crate) fn any(mut conditions: Vec<Value>) -> Option<Value> {
    match conditions.len() {
        0 => None,
        1 => conditions.pop(),
        _ => {
            conditions.insert(0, json!("OR"));
            Some(Value::Array(conditions))
        }
    }
}

/// A pattern that finds the number in every notation: its last digits, with anything in between.
///
/// Tryton compares numbers by their letters unless its server has the library `phonenumbers`.
pub(crate) fn phone(number: &str) -> Option<String> {
    let digits = phone::digits(&phone::searched(number)?);
    let start = digits.len().saturating_sub(SEARCHED_DIGITS);
    let mut pattern = String::new();
    for digit in digits.get(start..)?.chars() {
        pattern.push('%');
        pattern.push(digit);
    }
    Some(pattern)
}

/// The text as a pattern that matches nothing else.
pub(crate) fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

/// JSON in the URL-safe alphabet, its padding escaped for a query.
pub(crate) fn encoded(value: &Value) -> String {
    let mut text = String::new();
    for chunk in value.to_string().as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = usize::try_from(bits >> (18 - 6 * place) & 63).ok();
            match letter.and_then(|letter| ALPHABET.get(letter)) {
                Some(letter) if place <= chunk.len() => text.push(char::from(*letter)),
                _ => text.push_str("%3D"),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_stands_in_a_url_as_tryton_decodes_it() {
        for (value, expected) in [
            (json!([]), "W10%3D"),
            (json!([1]), "WzFd"),
            (json!("ab?>"), "ImFiPz4i"),
            (json!("ж"), "ItC2Ig%3D%3D"),
            (json!(["~~", 7]), "WyJ-fiIsN10%3D"),
        ] {
            assert_eq!(encoded(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_number_is_searched_for_by_its_last_seven_digits() {
        assert_eq!(phone("+380 67 123-45-67").as_deref(), Some("%1%2%3%4%5%6%7"));
        assert_eq!(phone("102").as_deref(), Some("%1%0%2"));
        assert_eq!(phone("anonymous"), None);
    }

    #[test]
    fn wildcards_in_a_text_are_none() {
        assert_eq!(literal("a_b%c\\d"), "a\\_b\\%c\\\\d");
    }

    #[test]
    fn one_condition_needs_no_or() {
        assert_eq!(any(vec![]), None);
        assert_eq!(any(vec![json!(["id", "=", 1])]), Some(json!(["id", "=", 1])));
        assert_eq!(any(vec![json!([1]), json!([2])]), Some(json!(["OR", [1], [2]])));
    }
}
