//! Texts, ids, moments and flags as the chat server sends them: a string, a number, or `null` for nothing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// From here on an `f64` cannot tell neighbouring integers apart: 2^53.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// One value that stands for itself, borrowed from the body where it can be.
///
/// A list or an object in its place says nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    /// Trimmed; `None` where nothing is left.
    pub(crate) fn get(&self) -> Option<&str> {
        let trimmed = self.0.trim();
        (!trimmed.is_empty()).then_some(trimmed)
    }

    pub(crate) fn owned(&self) -> Option<String> {
        self.get().map(str::to_owned)
    }

    /// Set by `true` alone.
    pub(crate) fn is_true(&self) -> bool {
        self.0 == "true"
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
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

    /// Fails where digits were lost, because half an id is another one's.
    fn visit_f64<E: Error>(self, v: f64) -> Result<Text<'de>, E> {
        if v.abs() < EXACT_BELOW {
            Ok(Text(Cow::Owned(v.to_string())))
        } else {
            Err(E::custom("a number with more digits than can be kept"))
        }
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(if v { "true" } else { "false" })))
    }

    fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_the_texts_they_are() {
        let cases = [
            ("\" a \"", Some("a")),
            ("21", Some("21")),
            ("-1", Some("-1")),
            ("18446744073709551615", Some("18446744073709551615")),
            ("1.5", Some("1.5")),
            ("true", Some("true")),
            ("null", None),
            ("\"\"", None),
            ("[1,[2]]", None),
            ("{\"a\":{}}", None),
        ];
        for (json, expected) in cases {
            assert_eq!(serde_json::from_str::<Text<'_>>(json).unwrap().get(), expected, "{json}");
        }
        let too_long = serde_json::from_str::<Text<'_>>("18446744073709551616");
        assert!(too_long.is_err(), "digits would be lost");
    }

    #[test]
    fn a_text_without_escapes_is_borrowed() {
        let text = |json: &'static str| serde_json::from_str::<Text<'_>>(json).unwrap().0;
        assert!(matches!(text("\"abc\""), Cow::Borrowed("abc")));
        assert!(matches!(text("\"a\\/b\""), Cow::Owned(_)));
    }
}
