//! JSON as PHP and hand-made senders write it: `null`, `""`, `[]` and `{}` all mean "nothing", an id
//! is a text or a number, a list may be an object with numbers for keys.
//!
//! Everything here reads any value at all, in one pass, and borrows its texts from the body. What is of
//! another kind than expected says nothing, so that one odd member never costs the whole webhook.
//! [`tolerant!`](crate::tolerant) makes structs of such members; a type that is read in a way of its
//! own implements [`Tolerant`].

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

mod list;
mod text;

pub use list::{Item, List, Members};
pub use text::{Flag, Seconds, Text};

/// Structs whose members are all optional: a repeated member counts as its last, unknown ones are
/// skipped. They and their members are as visible as they are said to be.
///
/// A text or a number in the place of a struct reads as the member named after `or`, where one is;
/// anything else that is not an object reads as an object without members.
///
/// ```
/// use patchbay_sdk::json::tolerant::{List, Text};
/// use patchbay_sdk::tolerant;
///
/// tolerant! {
///     /// The body.
///     pub(crate) struct Webhook<'a> {
///         "id" => id: Text<'a>,
///         "topic" => topic: Topic<'a>,
///         "tags" => tags: List<Text<'a>, 100>,
///     }
///
///     pub(crate) struct Topic<'a> or title {
///         "title" => title: Text<'a>,
///     }
/// }
///
/// let body = r#"{"id": 7, "topic": "Delivery", "tags": {"1": "new", "2": ""}, "more": [1]}"#;
/// let webhook: Webhook<'_> = serde_json::from_str(body).unwrap();
/// assert_eq!((webhook.id.get(), webhook.topic.title.get()), (Some("7"), Some("Delivery")));
/// assert_eq!(webhook.tags.items.len(), 1);
///
/// let webhook: Webhook<'_> = serde_json::from_str(r#"{"id": null, "topic": [], "tags": ""}"#).unwrap();
/// assert_eq!((webhook.id.get(), webhook.topic.title.get()), (None, None));
/// ```
#[macro_export]
macro_rules! tolerant {
    ($($(#[$meta:meta])* $vis:vis struct $name:ident<$life:lifetime> $(or $alone:ident)? {
        $($key:literal => $field:ident: $type:ty),+ $(,)?
    })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $name<$life> { $($vis $field: $type),+ }

        impl<'de> $crate::json::tolerant::Tolerant<'de> for $name<'de> {
            fn member<A: $crate::export::serde::de::MapAccess<'de>>(
                &mut self,
                name: $crate::json::tolerant::Text<'de>,
                map: &mut A,
            ) -> ::std::result::Result<(), A::Error> {
                match name.as_received() {
                    $($key => self.$field = map.next_value()?,)+
                    _ => { map.next_value::<$crate::export::serde::de::IgnoredAny>()?; }
                }
                ::std::result::Result::Ok(())
            }

            $(fn alone<E>(
                text: impl ::std::ops::FnOnce() -> ::std::result::Result<$crate::json::tolerant::Text<'de>, E>,
            ) -> ::std::result::Result<Self, E> {
                let mut value = Self::default();
                value.$alone = text()?;
                ::std::result::Result::Ok(value)
            })?
        }

        impl<'de> $crate::export::serde::Deserialize<'de> for $name<'de> {
            fn deserialize<D: $crate::export::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                $crate::json::tolerant::read(deserializer)
            }
        }
    )+};
}

/// Read from any value at all. What is not said otherwise means nothing: the default.
///
/// ```
/// use patchbay_sdk::json::tolerant::{self, Text, Tolerant};
/// use serde::de::{Deserialize, Deserializer, MapAccess};
///
/// /// A text, or `{"body": "text"}`.
/// #[derive(Default)]
/// struct Said<'a>(Text<'a>);
///
/// impl<'de> Tolerant<'de> for Said<'de> {
///     fn member<A: MapAccess<'de>>(&mut self, name: Text<'de>, map: &mut A) -> Result<(), A::Error> {
///         let value = map.next_value()?;
///         if name.as_received() == "body" {
///             self.0 = value;
///         }
///         Ok(())
///     }
///
///     fn alone<E>(text: impl FnOnce() -> Result<Text<'de>, E>) -> Result<Self, E> {
///         text().map(Said)
///     }
/// }
///
/// impl<'de> Deserialize<'de> for Said<'de> {
///     fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
///         tolerant::read(deserializer)
///     }
/// }
///
/// for json in ["\"yes\"", r#"{"body": "yes", "more": 1}"#] {
///     assert_eq!(serde_json::from_str::<Said<'_>>(json).unwrap().0.get(), Some("yes"));
/// }
/// ```
pub trait Tolerant<'de>: Default {
    /// One member of an object. Has to take the value, be it as [`IgnoredAny`].
    fn member<A: MapAccess<'de>>(&mut self, name: Text<'de>, map: &mut A) -> Result<(), A::Error>;

    /// The items of an array: skipped, unless this says otherwise. Has to take all of them.
    fn items<A: SeqAccess<'de>>(&mut self, seq: A) -> Result<(), A::Error> {
        skip_items(seq)
    }

    /// A text or a number. Asked for, a number fails where its digits were lost.
    fn alone<E>(text: impl FnOnce() -> Result<Text<'de>, E>) -> Result<Self, E> {
        drop(text);
        Ok(Self::default())
    }
}

/// Reads a [`Tolerant`] type: the body of its `deserialize`.
pub fn read<'de, T: Tolerant<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Any(PhantomData))
}

/// Reads an array to its end.
pub fn skip_items<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Reads an object to its end.
fn skip_members<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Tolerant<'de>> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut value = T::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            value.member(name, &mut map)?;
        }
        Ok(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        let mut value = T::default();
        value.items(seq)?;
        Ok(value)
    }

    fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<T, E> {
        T::alone(|| text::Any.visit_borrowed_str(v))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<T, E> {
        T::alone(|| text::Any.visit_str(v))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<T, E> {
        T::alone(|| text::Any.visit_u64(v))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<T, E> {
        T::alone(|| text::Any.visit_i64(v))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<T, E> {
        T::alone(|| text::Any.visit_f64(v))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    tolerant! {
        /// A struct that nothing stands for.
        struct Visitor<'a> {
            "name" => name: Text<'a>,
            "topic" => topic: Topic<'a>,
        }

        struct Topic<'a> or title { "title" => title: Text<'a>, "more" => more: Flag }
    }

    #[track_caller]
    fn check(json: &str, name: Option<&str>, title: Option<&str>) {
        let visitor: Visitor<'_> = serde_json::from_str(json).unwrap();
        assert_eq!((visitor.name.get(), visitor.topic.title.get()), (name, title), "{json}");
    }

    #[test]
    fn of_a_repeated_member_the_last_counts_and_unknown_ones_are_skipped() {
        check(r#"{"x":{"name":"no"},"name":"a","y":[[1]],"name":"b"}"#, Some("b"), None);
        check(r#"{"n\u0061me":7}"#, Some("7"), None);
    }

    #[test]
    fn whatever_is_no_object_has_no_members() {
        for json in ["null", "true", "7", "-7", "1e300", "\"name\"", "\"\\n\"", "[\"name\"]", "[]"]
        {
            check(json, None, None);
        }
    }

    #[test]
    fn a_text_or_a_number_stands_for_the_member_that_is_named() {
        check(r#"{"topic":"a"}"#, None, Some("a"));
        check(r#"{"topic":"a\/b"}"#, None, Some("a/b"));
        check(r#"{"topic":-5}"#, None, Some("-5"));
        check(r#"{"topic":{"title":5,"more":1}}"#, None, Some("5"));
        for nothing in ["null", "false", "[\"a\"]", "\" \""] {
            check(&format!(r#"{{"topic":{nothing}}}"#), None, None);
        }
        let too_long = serde_json::from_str::<Visitor<'_>>(r#"{"topic":1e300}"#);
        assert!(too_long.is_err(), "digits would be lost");
        assert!(!serde_json::from_str::<Topic<'_>>("1").unwrap().more.0);
    }
}
