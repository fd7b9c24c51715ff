//! A record as Bitrix24 answers it, read without trust in its shapes: numbers are texts at times, and
//! what is empty is `null`, `""`, `0`, `[]` or `{}`.

use serde_json::{Map, Value};

/// A contact, a deal, a user, a comment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Record {
    values: Map<String, Value>,
}

impl Record {
    /// `None` for what is no object.
    pub(crate) fn of(value: Value) -> Option<Self> {
        match value {
            Value::Object(values) => Some(Self { values }),
            _ => None,
        }
    }

    /// The member `item` of an answer.
    pub(crate) fn item(mut answer: Value) -> Option<Self> {
        Self::of(answer.get_mut("item")?.take()).filter(|record| record.id().is_some())
    }

    /// The records of a list, which stands alone or under `items`; an object of records is a list too.
    pub(crate) fn list(mut answer: Value) -> Vec<Self> {
        let list = match answer.get_mut("items") {
            Some(items) => items.take(),
            None => answer,
        };
        match list {
            Value::Array(items) => items.into_iter().filter_map(Self::of).collect(),
            Value::Object(members) => {
                members.into_iter().filter_map(|(_, item)| Self::of(item)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The record's number, in either spelling.
    pub(crate) fn id(&self) -> Option<u64> {
        self.number("id").or_else(|| self.number("ID"))
    }

    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        self.values.get(field)
    }

    /// A number above zero.
    pub(crate) fn number(&self, field: &str) -> Option<u64> {
        number(self.values.get(field)?)
    }

    /// A text that is not blank, or a number as one.
    pub(crate) fn text(&self, field: &str) -> Option<String> {
        text(self.values.get(field)?)
    }

    /// `true`, `"Y"`, `1` and `"1"`.
    pub(crate) fn flag(&self, field: &str) -> Option<bool> {
        match self.values.get(field)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => match text.as_str() {
                "Y" | "1" | "true" => Some(true),
                "N" | "0" | "false" => Some(false),
                _ => None,
            },
            Value::Number(number) => Some(number.as_u64() != Some(0)),
            _ => None,
        }
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.values.iter()
    }
}

/// A number above zero, also where it came as a text.
pub(crate) fn number(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| 0 < *number)
}

pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The id of a record as the contract has it; `None` for what no record of Bitrix24 can have.
pub(crate) fn id_of(id: &str) -> Option<u64> {
    let is_plain = !id.is_empty() && id.len() <= 18 && id.bytes().all(|byte| byte.is_ascii_digit());
    id.parse().ok().filter(|id| is_plain && 0 < *id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_is_empty_is_absent() {
        for empty in [json!(null), json!(""), json!(" "), json!([]), json!({}), json!(false)] {
            let record = Record::of(json!({ "id": 1, "f": empty })).unwrap();
            assert_eq!((record.number("f"), record.text("f")), (None, None), "{empty}");
        }
        let record = Record::of(json!({ "ID": "12", "zero": 0, "none": "0" })).unwrap();
        assert_eq!(
            (record.id(), record.number("zero"), record.number("none")),
            (Some(12), None, None)
        );
    }

    #[test]
    fn a_list_comes_in_three_shapes() {
        let ids = |answer: Value| -> Vec<u64> {
            Record::list(answer).iter().filter_map(Record::id).collect()
        };
        assert_eq!(ids(json!({ "items": [{ "id": 1 }, { "id": "2" }] })), [1, 2]);
        assert_eq!(ids(json!([{ "ID": "3" }, null, 7])), [3]);
        assert_eq!(ids(json!({ "a": { "ID": 4 } })), [4]);
        assert_eq!(ids(json!([])), [0_u64; 0]);
        assert_eq!(ids(json!(null)), [0_u64; 0]);
    }

    #[test]
    fn flags_are_spelled_in_many_ways() {
        let record =
            Record::of(json!({ "a": true, "b": "Y", "c": "N", "d": 1, "e": {}, "f": "0" }))
                .unwrap();
        let flags: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|field| record.flag(field)).into();
        assert_eq!(flags, [Some(true), Some(true), Some(false), Some(true), None, Some(false)]);
    }

    #[test]
    fn ids_are_digits_and_nothing_else() {
        assert_eq!(id_of("2653"), Some(2653));
        for wrong in ["", "0", "+1", "-1", "1 ", "C_1", "1e3", "1234567890123456789"] {
            assert_eq!(id_of(wrong), None, "{wrong}");
        }
        assert_eq!(id_of(&"9".repeat(18)), Some(999_999_999_999_999_999));
    }
}
