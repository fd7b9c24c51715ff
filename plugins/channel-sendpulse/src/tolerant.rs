//! JSON values as PHP sends them: `null`, `""`, `[]` and `{}` all mean "nothing", an id is a string or a number.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// From here on an `f64` cannot tell neighbouring integers apart: 2^53.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// The visits that mean "nothing here" for everything but an object.
macro_rules! nothing_but_objects {
    ($value:expr) => {
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}

/// Structs whose members are all optional: a repeated member counts as its last, unknown ones are skipped.
///
/// A value that is not an object reads as an object without members.
macro_rules! tolerant {
    ($($(#[$meta:meta])* struct $name:ident<$life:lifetime> {
        $($key:literal => $field:ident: $type:ty),+ $(,)?
    })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(crate) struct $name<$life> { $(pub(crate) $field: $type),+ }

        impl<'de> serde::Deserialize<'de> for $name<'de> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;

                impl<'de> serde::de::Visitor<'de> for Members {
                    type Value = $name<'de>;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str("any value")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut value = $name::default();
                        while let Some(key) = map.next_key::<crate::tolerant::Text<'de>>()? {
                            match key.as_received() {
                                $($key => value.$field = map.next_value()?,)+
                                _ => { map.next_value::<serde::de::IgnoredAny>()?; }
                            }
                        }
                        Ok(value)
                    }

                    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                        crate::tolerant::skip_seq(seq)?;
                        Ok($name::default())
                    }

                    crate::tolerant::nothing_but_objects!($name::default());
                }

                deserializer.deserialize_any(Members)
            }
        }
    )+};
}

pub(crate) use {nothing_but_objects, tolerant};

/// A text, borrowed from the body wherever it stands there without escapes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Text<'a>(Cow<'a, str>);

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

impl Text<'_> {
    /// Trimmed; `None` where nothing is left.
    pub(crate) fn get(&self) -> Option<&str> {
        let trimmed = self.0.trim();
        (!trimmed.is_empty()).then_some(trimmed)
    }

    pub(crate) fn owned(&self) -> Option<String> {
        self.get().map(str::to_owned)
    }

    pub(crate) fn as_received(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
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

    /// Fails where digits were lost; the repaired body has such a number in quotes.
    fn visit_f64<E: Error>(self, v: f64) -> Result<Text<'de>, E> {
        if v.abs() < EXACT_BELOW {
            Ok(Text(Cow::Owned(v.to_string())))
        } else {
            Err(E::custom("a v with more digits than can be kept"))
        }
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Text<'de>, A::Error> {
        skip_seq(seq)?;
        Ok(Text::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text<'de>, A::Error> {
        skip_map(map)?;
        Ok(Text::default())
    }
}

/// A flag: `true`, `1`, `"1"` and `"true"` are set, everything else is not.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Flag(pub(crate) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FlagVisitor;

        impl<'de> Visitor<'de> for FlagVisitor {
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
                skip_seq(seq)?;
                Ok(Flag(false))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Flag, A::Error> {
                skip_map(map)?;
                Ok(Flag(false))
            }
        }

        deserializer.deserialize_any(FlagVisitor)
    }
}

/// What a [`List`] holds.
pub(crate) trait Item {
    /// Says nothing, so it is not kept.
    fn is_blank(&self) -> bool;
}

impl Item for Text<'_> {
    fn is_blank(&self) -> bool {
        self.get().is_none()
    }
}

/// An array, or PHP's object with numbers for keys: the first `MAX` items that say anything.
#[derive(Debug)]
pub(crate) struct List<T, const MAX: usize> {
    pub(crate) items: Vec<T>,
    /// How many more there were.
    pub(crate) left_out: usize,
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self { items: Vec::new(), left_out: 0 }
    }
}

impl<T: Item, const MAX: usize> List<T, MAX> {
    fn add(&mut self, item: T) {
        if item.is_blank() {
            return;
        }
        if self.items.len() < MAX {
            self.items.push(item);
        } else {
            self.left_out += 1;
        }
    }
}

impl<'de, T: Deserialize<'de> + Item, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Item, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
    type Value = List<T, MAX>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = List::default();
        while let Some(item) = seq.next_element()? {
            list.add(item);
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut list = List::default();
        while map.next_key::<IgnoredAny>()?.is_some() {
            list.add(map.next_value()?);
        }
        Ok(list)
    }

    nothing_but_objects!(List::default());
}

pub(crate) fn skip_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Option<String> {
        serde_json::from_str::<Text<'_>>(json).unwrap().owned()
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
    fn flags_are_set_in_four_ways() {
        for json in ["true", "1", "\"1\"", "\"True\""] {
            assert!(serde_json::from_str::<Flag>(json).unwrap().0, "{json}");
        }
        for json in ["false", "0", "\"\"", "null", "[]", "{}", "-1", "1.0", "\"no\""] {
            assert!(!serde_json::from_str::<Flag>(json).unwrap().0, "{json}");
        }
    }

    #[test]
    fn lists_are_arrays_or_numbered_objects_and_are_capped() {
        let cases = [
            ("[1,null,\"b\"]", 2, 0),
            ("{\"0\":\"a\",\"2\":\"c\"}", 2, 0),
            ("[1,2,3]", 3, 0),
            ("[1,2,3,4]", 3, 1),
            ("null", 0, 0),
            ("\"a\"", 0, 0),
        ];
        for (json, kept, left_out) in cases {
            let list = serde_json::from_str::<List<Text<'_>, 3>>(json).unwrap();
            assert_eq!((list.items.len(), list.left_out), (kept, left_out), "{json}");
        }
    }
}
