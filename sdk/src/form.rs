//! Forms and query strings as pairs and as JSON, in UTF-8 or windows-1251, and what a body is by its looks.
//!
//! Senders that are set up by hand send whatever their form editor makes: `+` and percent signs,
//! `a[b][]=x`, another encoding than they say, JSON under the content type of a form. This module
//! reads all of it, loses no parameter, and never panics.
//!
//! ```
//! use patchbay_sdk::form;
//!
//! let pairs = form::pairs(b"name=%D0%90%D0%BD%D0%BD%D0%B0+K&tags[]=a&tags[]=b", None).unwrap();
//! assert_eq!(pairs[0], ("name".to_owned(), "\u{410}\u{43d}\u{43d}\u{430} K".to_owned()));
//! assert_eq!(form::json(&pairs), "{\"name\":\"\u{410}\u{43d}\u{43d}\u{430} K\",\"tags\":[\"a\",\"b\"]}");
//! ```

use std::borrow::Cow;
use std::collections::BTreeSet;

mod charset;
mod sniff;
pub(crate) mod tree;

pub use charset::Charset;
pub use sniff::{Shape, parameter, shape, without_mark};
pub use tree::json;

/// A name and its value, decoded.
pub type Pair = (String, String);

/// More pairs than this are refused: each costs memory that the bytes of the body do not show.
pub const PAIRS_MAX: usize = 10_000;

/// A form has more than [`PAIRS_MAX`] pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyPairs;

/// The pairs of a form or of a query string (without the question mark), in their order.
///
/// A pair without `=` has an empty value; empty pairs are left out. Without a charset it is guessed
/// once for the whole form, see [`Charset::guess`]. A percent sign without two digits stays one.
pub fn pairs(encoded: &[u8], charset: Option<Charset>) -> Result<Vec<Pair>, TooManyPairs> {
    let pieces = || encoded.split(|&byte| byte == b'&').filter(|piece| !piece.is_empty());
    if PAIRS_MAX < pieces().count() {
        return Err(TooManyPairs);
    }
    let decoded: Vec<_> = pieces()
        .map(|piece| {
            let mut halves = piece.splitn(2, |&byte| byte == b'=');
            let mut half = || decode(halves.next().unwrap_or_default());
            (half(), half())
        })
        .collect();
    let charset = charset.unwrap_or_else(|| {
        let texts = decoded.iter().flat_map(|(name, value)| [name.as_ref(), value.as_ref()]);
        Charset::guess(&texts.collect::<Vec<_>>())
    });
    let text = |bytes: &[u8]| charset.decode(bytes).into_owned();
    Ok(decoded.iter().map(|(name, value)| (text(name), text(value))).collect())
}

/// Adds those of the others whose names are not among the pairs: the query's to a form's.
pub fn add_missing(pairs: &mut Vec<Pair>, others: &[Pair]) {
    let missing: Vec<Pair> = {
        let names: BTreeSet<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        others.iter().filter(|(name, _)| !names.contains(name.as_str())).cloned().collect()
    };
    pairs.extend(missing);
}

/// A text as a part of a URL or as a value of a form, with nothing in it that would end it: letters,
/// digits and `-_.~` stay (RFC 3986, 2.3), of all else each byte of its UTF-8 becomes `%XX`.
///
/// ```
/// assert_eq!(patchbay_sdk::form::encoded("a/b c"), "a%2Fb%20c");
/// ```
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_encoded(&mut out, text);
    out
}

/// Adds what [`encoded`] gives to the end of a text.
pub fn push_encoded(out: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |half: u8| DIGITS.get(usize::from(half)).map_or('0', |digit| char::from(*digit));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// `+` and `%41` to the bytes that they stand for.
fn decode(piece: &[u8]) -> Cow<'_, [u8]> {
    if !piece.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(piece);
    }
    let mut decoded = Vec::with_capacity(piece.len());
    let mut rest = piece;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => match escape(tail) {
                Some((byte, after)) => {
                    decoded.push(byte);
                    rest = after;
                }
                None => decoded.push(b'%'),
            },
            byte => decoded.push(byte),
        }
    }
    Cow::Owned(decoded)
}

/// The byte of two hexadecimal digits, and what follows them.
fn escape(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = digits.split_first_chunk()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = u8::try_from(digit(high)? * 16 + digit(low)?).expect("two hexadecimal digits");
    Some((byte, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(encoded: &[u8], expected: &[(&str, &str)]) {
        let pairs = pairs(encoded, None).unwrap();
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn pairs_are_decoded_in_their_order() {
        check(b"b=1&a=2&b=3", &[("b", "1"), ("a", "2"), ("b", "3")]);
        check(b"a+b=c+d%2B%26%3d&&x", &[("a b", "c d+&="), ("x", "")]);
        check(b"a=b=c", &[("a", "b=c")]);
        check(b"=v", &[("", "v")]);
        check(b"", &[]);
        check("и=ї".as_bytes(), &[("и", "ї")]);
    }

    #[test]
    fn what_is_encoded_cannot_end_a_part_of_a_url() {
        assert_eq!(encoded("a-B_1.~"), "a-B_1.~");
        assert_eq!(
            encoded("+38 a@b.test&x=\u{44f}/?#%"),
            "%2B38%20a%40b.test%26x%3D%D1%8F%2F%3F%23%25"
        );
        assert_eq!(encoded(""), "");
    }

    #[test]
    fn a_percent_sign_without_two_digits_stays() {
        check(
            b"a=100%&b=%4&c=%zz&d=%%41",
            &[("a", "100%"), ("b", "%4"), ("c", "%zz"), ("d", "%A")],
        );
    }

    #[test]
    fn a_form_that_is_not_utf8_is_windows_1251() {
        check(
            b"name=%C0%ED%ED%E0&note=%EA%F3%EF%E8%F2%E8",
            &[("name", "Анна"), ("note", "купити")],
        );
        // One broken value among good ones is a cut text, not another encoding.
        check(
            b"name=%D0%90%D0%BD%D0%BD%D0%B0&cut=%D0%90%D0",
            &[("name", "Анна"), ("cut", "А\u{fffd}")],
        );
    }

    #[test]
    fn a_charset_that_is_told_is_not_guessed() {
        let pairs = pairs(b"a=%CD%B3", Some(Charset::Windows1251)).unwrap();
        assert_eq!(pairs, [("a".to_owned(), "Ні".to_owned())]);
    }

    #[test]
    fn only_names_that_are_missing_are_added() {
        let mut form = pairs(b"a=1&b=2", None).unwrap();
        add_missing(&mut form, &pairs(b"b=3&c=4&c=5", None).unwrap());
        assert_eq!(json(&form), r#"{"a":"1","b":"2","c":["4","5"]}"#);
    }

    #[test]
    fn pairs_are_read_up_to_their_limit() {
        let form = |count: usize| "a&".repeat(count).into_bytes();
        assert_eq!(pairs(&form(PAIRS_MAX), None).unwrap().len(), PAIRS_MAX);
        assert_eq!(pairs(&form(PAIRS_MAX + 1), None), Err(TooManyPairs));
    }
}
