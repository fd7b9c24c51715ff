//! Makes JSON of what is nearly JSON: half emoji, raw control characters, numbers too long to keep.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::CharIndices;

/// An `f64` keeps this many characters of any number; a longer one becomes a text.
const MAX_NUMBER_CHARS: usize = 15;

/// Rewrites strings and numbers that a strict parser refuses or rounds; the structure stays as it is.
///
/// What is already strict JSON means the same afterwards, except that long numbers are texts.
///
/// ```
/// use patchbay_sdk::json::repair;
///
/// let mended = repair("{\"id\": 12345678901234567890, \"text\": \"half \\ud83d\"}");
/// assert_eq!(mended, "{\"id\": \"12345678901234567890\", \"text\": \"half \u{fffd}\"}");
/// ```
pub fn repair(text: &str) -> String {
    let mut repaired = String::with_capacity(text.len() + text.len() / 8);
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        match c {
            '"' => {
                repaired.push('"');
                repair_string(&mut chars, &mut repaired);
            }
            '-' | '0'..='9' => {
                while chars
                    .next_if(|&(_, c)| matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-'))
                    .is_some()
                {}
                let end = chars.peek().map_or(text.len(), |&(end, _)| end);
                repair_number(text.get(start..end).unwrap_or_default(), &mut repaired);
            }
            c => repaired.push(c),
        }
    }
    repaired
}

fn repair_number(number: &str, repaired: &mut String) {
    if MAX_NUMBER_CHARS < number.len() || number.contains(['e', 'E']) {
        repaired.push('"');
        repaired.push_str(number);
        repaired.push('"');
    } else {
        repaired.push_str(number);
    }
}

/// Goes on behind the opening quote and ends behind the closing one.
fn repair_string(chars: &mut Peekable<CharIndices<'_>>, repaired: &mut String) {
    while let Some((_, c)) = chars.next() {
        match c {
            '"' => {
                repaired.push('"');
                return;
            }
            '\\' => repair_escape(chars, repaired),
            c if c.is_ascii_control() => push_escape(u32::from(c), repaired),
            c => repaired.push(c),
        }
    }
}

fn repair_escape(chars: &mut Peekable<CharIndices<'_>>, repaired: &mut String) {
    match chars.next() {
        Some((_, 'u')) => repair_unicode_escape(chars, repaired),
        Some((_, c @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't'))) => {
            repaired.push('\\');
            repaired.push(c);
        }
        // An escape that JSON does not know, such as `\'`: the character itself was meant.
        Some((_, c)) if c.is_ascii_control() => push_escape(u32::from(c), repaired),
        Some((_, c)) => repaired.push(c),
        None => repaired.push('\\'),
    }
}

/// Keeps a code unit or a whole pair of surrogates; half a pair becomes U+FFFD.
fn repair_unicode_escape(chars: &mut Peekable<CharIndices<'_>>, repaired: &mut String) {
    match take_hex(chars) {
        Some(high @ 0xD800..=0xDBFF) => {
            let mut ahead = chars.clone();
            let follows = ahead.next().is_some_and(|(_, c)| c == '\\')
                && ahead.next().is_some_and(|(_, c)| c == 'u');
            match if follows { take_hex(&mut ahead) } else { None } {
                Some(low @ 0xDC00..=0xDFFF) => {
                    push_escape(high, repaired);
                    push_escape(low, repaired);
                    *chars = ahead;
                }
                _ => repaired.push(char::REPLACEMENT_CHARACTER),
            }
        }
        Some(0xDC00..=0xDFFF) | None => repaired.push(char::REPLACEMENT_CHARACTER),
        Some(unit) => push_escape(unit, repaired),
    }
}

/// Takes four hexadecimal digits, or as many as there are and then tells `None`.
fn take_hex(chars: &mut Peekable<CharIndices<'_>>) -> Option<u32> {
    (0..4).try_fold(0, |value, _| {
        let digit = chars.next_if(|&(_, c)| c.is_ascii_hexdigit())?.1.to_digit(16)?;
        Some(value * 16 + digit)
    })
}

fn push_escape(unit: u32, repaired: &mut String) {
    write!(repaired, "\\u{unit:04x}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_is_broken_changes() {
        let cases = [
            (
                r#"{"a":"b\/\n\"\\","c":[1,-2.5,null,true]}"#,
                r#"{"a":"b\/\n\"\\","c":[1,-2.5,null,true]}"#,
            ),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d""#, "\"\u{fffd}\""),
            (r#""\ud83d\ud83d\ude00""#, "\"\u{fffd}\\ud83d\\ude00\""),
            (r#""\ud83dx""#, "\"\u{fffd}x\""),
            (r#""\ud83d\n""#, "\"\u{fffd}\\n\""),
            (r#""\ude00""#, "\"\u{fffd}\""),
            (r#""\u12""#, "\"\u{fffd}\""),
            (r#""it\'s""#, r#""it's""#),
            ("\"a\nb\"", r#""a\u000ab""#),
            ("\"a\\\nb\"", r#""a\u000ab""#),
            ("[1e400]", r#"["1e400"]"#),
            ("[123456789012345]", "[123456789012345]"),
            ("[1234567890123456]", r#"["1234567890123456"]"#),
            (r#""1e400 12345678901234567890""#, r#""1e400 12345678901234567890""#),
        ];
        for (broken, expected) in cases {
            assert_eq!(repair(broken), expected, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_borne(text in ".*", json in r#"[\[\]{}",:\\ud8e0-9.+\x00-\x1f-]*"#) {
            repair(&text);
            repair(&json);
        }

        #[test]
        fn any_string_literal_becomes_readable(inside in r"([a-z]|\\u[dD][89abc-f][0-9]{2}|\\n|\\'|[\x00-\x1f])*") {
            let repaired = repair(&format!("\"{inside}\""));
            prop_assert!(serde_json::from_str::<String>(&repaired).is_ok(), "{}", repaired);
        }
    }
}
