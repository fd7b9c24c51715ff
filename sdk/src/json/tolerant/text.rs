//! Values that stand for themselves: texts, flags, moments.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{skip_items, skip_members};
use crate::instant;

/// From here on an `f64` cannot tell neighbouring integers apart: 2^53.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// A text or a number, borrowed from the body wherever it stands there without escapes.
///
/// `null`, flags, lists and objects in its place say nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    /// Trimmed; `None` where nothing is left.
    #[inline]
    pub fn get(&self) -> Option<&str> {
        let trimmed = self.0.trim();
        (!trimmed.is_empty()).then_some(trimmed)
    }

    /// As [`get`](Text::get), and one's own.
    #[inline]
    pub fn owned(&self) -> Option<String> {
        self.get().map(str::to_owned)
    }

    /// As [`owned`](Text::owned), cut after the last letter that ends within so many bytes: for what
    /// is repeated, so that a small body makes no large answer.
    pub fn cut(&self, bytes: usize) -> Option<String> {
        let text = self.get()?;
        let end = text.floor_char_boundary(bytes);
        text.get(..end).map(str::trim_end).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// As [`owned`](Text::owned); `None` where it has more bytes than that: half an id or an address
    /// is another one's.
    pub fn owned_within(&self, bytes: usize) -> Option<String> {
        self.get().filter(|text| text.len() <= bytes).map(str::to_owned)
    }

    /// With the blanks around it; empty where there was nothing.
    #[inline]
    pub fn as_received(&self) -> &str {
        &self.0
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(text)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

/// Reads any value as a text.
pub(super) struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(v)))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(v.to_owned())))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(v.to_string())))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(v.to_string())))
    }

    /// Fails where digits were lost, because half an id is another one's; a mended body has such a
    /// number in quotes.
    fn visit_f64<E: Error>(self, v: f64) -> Result<Text<'de>, E> {
        if v.abs() < EXACT_BELOW {
            Ok(Text(Cow::Owned(v.to_string())))
        } else {
            Err(E::custom("a number with more digits than can be kept"))
        }
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Text<'de>, A::Error> {
        skip_items(seq)?;
        Ok(Text::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text<'de>, A::Error> {
        skip_members(map)?;
        Ok(Text::default())
    }
}

/// A flag: `true`, `1`, `"1"` and `"true"` are set, everything else is not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyFlag)
    }
}

struct AnyFlag;

impl<'de> Visitor<'de> for AnyFlag {
    type Value = Flag;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<Flag, E> {
        Ok(Flag(v))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Flag, E> {
        Ok(Flag(v == 1))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Flag, E> {
        Ok(Flag(false))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Flag, E> {
        Ok(Flag(false))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Flag, E> {
        Ok(Flag(v == "1" || v.eq_ignore_ascii_case("true")))
    }

    fn visit_unit<E: Error>(self) -> Result<Flag, E> {
        Ok(Flag(false))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Flag, A::Error> {
        skip_items(seq)?;
        Ok(Flag(false))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Flag, A::Error> {
        skip_members(map)?;
        Ok(Flag(false))
    }
}

/// A moment in Unix seconds; milliseconds are told by their size and fractions dropped. `None` for 0
/// and what is before it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Option<i64>);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        let milliseconds = text.get().and_then(instant::unix_ms);
        Ok(Self(milliseconds.map(|milliseconds| milliseconds / 1_000)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Option<String> {
        serde_json::from_str::<Text<'_>>(json).unwrap().owned()
    }

    #[test]
    fn a_long_text_is_cut_between_letters_or_left_out() {
        let text = Text::from(" яя a ");
        let cut = |bytes: usize| text.cut(bytes);
        assert_eq!(cut(6).as_deref(), Some("яя a"));
        assert_eq!(cut(5).as_deref(), Some("яя"), "no blanks at the end");
        assert_eq!(cut(3).as_deref(), Some("я"));
        assert_eq!((cut(1), Text::from("  ").cut(9)), (None, None));
        assert_eq!(text.owned_within(6).as_deref(), Some("яя a"));
        assert_eq!(text.owned_within(5), None);
    }

    #[test]
    fn whatever_php_means_by_nothing_is_nothing() {
        for json in
            ["null", "\"\"", "\"  \"", "[]", "{}", "[1,[2]]", "{\"a\":{\"b\":1}}", "false", "true"]
        {
            assert_eq!(text(json), None, "{json}");
        }
    }

    #[test]
    fn numbers_read_as_the_texts_they_are() {
        let cases = [
            ("4397", "4397"),
            ("-1", "-1"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.5", "1.5"),
        ];
        for (json, expected) in cases {
            assert_eq!(text(json).as_deref(), Some(expected));
        }
        assert!(
            serde_json::from_str::<Text<'_>>("18446744073709551616").is_err(),
            "digits would be lost"
        );
    }

    #[test]
    fn a_text_without_escapes_is_borrowed() {
        assert!(matches!(serde_json::from_str("\"abc\"").unwrap(), Text(Cow::Borrowed("abc"))));
        assert!(matches!(serde_json::from_str("\"a\\/b\"").unwrap(), Text(Cow::Owned(_))));
    }

    #[test]
    fn moments_are_seconds_or_milliseconds() {
        let cases = [
            ("1760000000", Some(1_760_000_000)),
            ("\"1760000000\"", Some(1_760_000_000)),
            ("1760000000.75", Some(1_760_000_000)),
            ("1760000000123", Some(1_760_000_000)),
            ("100000000000", Some(100_000_000_000)),
            ("100000000001", Some(100_000_000)),
            ("0", None),
            ("-5", None),
            ("null", None),
            ("[]", None),
            ("\"yesterday\"", None),
        ];
        for (json, expected) in cases {
            assert_eq!(serde_json::from_str::<Seconds>(json).unwrap().0, expected, "{json}");
        }
    }

    #[test]
    fn flags_are_set_in_four_ways() {
        for json in ["true", "1", "\"1\"", "\"True\""] {
            assert!(serde_json::from_str::<Flag>(json).unwrap().0, "{json}");
        }
        for json in ["false", "0", "\"\"", "null", "[]", "{}", "-1", "1.0", "\"no\""] {
            assert!(!serde_json::from_str::<Flag>(json).unwrap().0, "{json}");
        }
    }
}
