//! JSON as vendors send it, read quickly in a fresh instance, with texts that borrow. With the feature
//! `json`.
//!
//! A [`Node`] is a document of any shape as a tree. A body whose members are known is read into structs
//! by [`tolerant!`](crate::tolerant), through [`Body`], which mends what is nearly JSON.
//!
//! ```
//! use patchbay_sdk::json::Node;
//!
//! let node = Node::read(r#"{"id": 7, "name": " Anna ", "note": null}"#).unwrap();
//! assert_eq!(node.get("id").and_then(Node::text).as_deref(), Some("7"));
//! assert_eq!(node.get("name").and_then(Node::text).as_deref(), Some("Anna"));
//! assert_eq!(node.get("note").and_then(Node::text), None);
//! ```

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::form::tree::write_text;

mod body;
mod repair;
pub mod tolerant;

pub use body::{Body, DEPTH_MAX, Source, is_too_deep};
pub use repair::repair;

/// More values than this are refused: a small one in the body is a large one in memory.
pub const VALUES_MAX: usize = 100_000;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<'a> {
    Null,
    Flag(bool),
    Integer(i64),
    /// A number that is no `i64`.
    Number(serde_json::Number),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// In the order of the document. Of a repeated member the last counts.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// Why a body is not read. Tells the place alone: the words of the parser could repeat what stands
/// there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing but blanks.
    Empty,
    /// Does not begin as a JSON object does.
    NotAnObject,
    /// Not JSON, or a [`Node`] nested deeper than 128 levels. Counted from 1.
    NotJson { line: usize, column: usize },
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
    /// More than [`VALUES_MAX`] values.
    TooManyValues,
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::NotJson { line: error.line(), column: error.column() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the body is empty"),
            Self::NotAnObject => f.write_str("the body is not a JSON object"),
            Self::NotJson { line, column } => {
                write!(f, "the body is not JSON at line {line}, column {column}")
            }
            Self::TooDeep => write!(f, "the body is nested deeper than {DEPTH_MAX} levels"),
            Self::TooManyValues => write!(f, "the body has more than {VALUES_MAX} values"),
        }
    }
}

impl<'a> Node<'a> {
    /// Reads one document.
    pub fn read(text: &'a str) -> Result<Self, Fault> {
        let left = Cell::new(VALUES_MAX);
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = Seed(&left).deserialize(&mut deserializer);
        read.and_then(|node| deserializer.end().map(|()| node))
            .map_err(|error| if left.get() == 0 { Fault::TooManyValues } else { error.into() })
    }

    /// The member of an object with exactly this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().rev().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// The members of an object; of anything else none.
    pub fn members(&self) -> &[(Cow<'a, str>, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; of anything else none.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// A text without the blanks around it, a number, or a flag as `true` and `false`.
    ///
    /// `None` for a text that is blank, for `null`, lists and objects.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => {
                let trimmed = text.trim();
                (!trimmed.is_empty()).then_some(Cow::Borrowed(trimmed))
            }
            Self::Integer(number) => Some(Cow::Owned(number.to_string())),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Flag(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Writes the value as JSON.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Integer(number) => {
                write!(out, "{number}").expect("writing to a string cannot fail");
            }
            Self::Number(number) => {
                write!(out, "{number}").expect("writing to a string cannot fail");
            }
            Self::Text(text) => write_text(out, text),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if 0 < index {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (key, node)) in members.iter().enumerate() {
                    if 0 < index {
                        out.push(',');
                    }
                    write_text(out, key);
                    out.push(':');
                    node.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// Counts the values while it reads them.
#[derive(Clone, Copy)]
struct Seed<'c>(&'c Cell<usize>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        let left = self.0.get();
        if left == 0 {
            return Err(D::Error::custom("too many values"));
        }
        self.0.set(left - 1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<Node<'de>, E> {
        Ok(Node::Flag(v))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Node<'de>, E> {
        Ok(Node::Integer(v))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Node<'de>, E> {
        Ok(i64::try_from(v).map_or_else(|_| Node::Number(v.into()), Node::Integer))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Node<'de>, E> {
        Ok(serde_json::Number::from_f64(v).map_or(Node::Null, Node::Number))
    }

    fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(v)))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(v.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            members.push((key, map.next_value_seed(self)?));
        }
        Ok(Node::Object(members))
    }
}

/// A name, borrowed where it stands in the text without escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(v))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        let text = r#"{"a":[1,-2,18446744073709551615,2.5,null,true],"b\n":{"c":"d\"e"},"a":"ж"}"#;
        let node = Node::read(text).unwrap();
        let mut written = String::new();
        node.write(&mut written);
        assert_eq!(written, text);
        assert_eq!(node.get("a").and_then(Node::text).as_deref(), Some("ж"));
    }

    #[test]
    fn nothing_is_none_and_everything_else_a_text() {
        let text = |json: &str| Node::read(json).unwrap().text().map(Cow::into_owned);
        for nothing in ["null", "\" \\n\"", "[]", "{}", "[\"a\"]"] {
            assert_eq!(text(nothing), None, "{nothing}");
        }
        let cases =
            [("\" a \"", "a"), ("0", "0"), ("79000000001", "79000000001"), ("false", "false")];
        for (json, expected) in cases {
            assert_eq!(text(json).as_deref(), Some(expected));
        }
    }

    #[test]
    fn texts_are_borrowed_unless_they_are_escaped() {
        let node = Node::read(r#"["plain","a\/b"]"#).unwrap();
        let is_borrowed = |node: &Node<'_>| matches!(node, Node::Text(Cow::Borrowed(_)));
        assert!(is_borrowed(&node.items()[0]) && !is_borrowed(&node.items()[1]));
    }

    #[test]
    fn a_fault_tells_its_place() {
        assert_eq!(Node::read("{\"a\":").err(), Some(Fault::NotJson { line: 1, column: 5 }));
        assert_eq!(Node::read("{} x").err(), Some(Fault::NotJson { line: 1, column: 4 }));
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Node::read(&deep(100)).is_ok());
        assert!(matches!(Node::read(&deep(100_000)), Err(Fault::NotJson { .. })));
    }

    #[test]
    fn values_are_read_up_to_their_limit() {
        // The list itself is one value.
        let list = |values: usize| format!("[{}0]", "0,".repeat(values - 2));
        assert_eq!(Node::read(&list(VALUES_MAX)).unwrap().items().len(), VALUES_MAX - 1);
        assert_eq!(Node::read(&list(VALUES_MAX + 1)), Err(Fault::TooManyValues));
    }
}
