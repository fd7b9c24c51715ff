//! A record as Odoo answers it: `false` for whatever is empty, `[2, "Administrator"]` for another record.

use serde_json::{Map, Value};

/// A record of any model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub id: u64,
    values: Map<String, Value>,
}

/// Records of an answer; `None` where it is not a list of records with ids.
pub(crate) fn records(answer: Value) -> Option<Vec<Record>> {
    let Value::Array(rows) = answer else { return None };
    rows.into_iter()
        .map(|row| match row {
            Value::Object(values) => Some(Record { id: values.get("id")?.as_u64()?, values }),
            _ => None,
        })
        .collect()
}

/// The number that Odoo gave a record.
pub(crate) fn id(text: &str) -> Option<u64> {
    // Odoo numbers records with 32-bit integers; a larger one is an error of its database.
    text.parse::<u32>().ok().filter(|id| 0 < *id && i32::try_from(*id).is_ok()).map(u64::from)
}

/// The id of what a method has made: `[57]`, `57`, or `mail.activity(57,)` where an older Odoo
/// answers a record that it cannot write as JSON.
pub(crate) fn made(answer: &Value) -> Option<u64> {
    match answer {
        Value::Array(ids) => ids.first()?.as_u64(),
        Value::String(text) => {
            let (_, ids) = text.split_once('(')?;
            id(ids.split([',', ')']).next()?.trim())
        }
        id => id.as_u64(),
    }
}

impl Record {
    pub(crate) fn value(&self, field: &str) -> Option<&Value> {
        self.values.get(field)
    }

    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.value(field)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    pub(crate) fn flag(&self, field: &str) -> Option<bool> {
        self.value(field)?.as_bool()
    }

    /// Whether nothing is in the field, or it was not asked for.
    pub(crate) fn is_empty(&self, field: &str) -> bool {
        match self.value(field) {
            None | Some(Value::Null | Value::Bool(false)) => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            Some(_) => false,
        }
    }

    /// The id and the name of the record that a field refers to.
    pub(crate) fn reference(&self, field: &str) -> Option<(u64, Option<&str>)> {
        let [id, name] = self.value(field)?.as_array()?.as_slice() else { return None };
        Some((id.as_u64()?, name.as_str().filter(|name| !name.trim().is_empty())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_made_is_read_in_every_shape() {
        for answer in
            [json!([57]), json!(57), json!("mail.activity(57,)"), json!("mail.message(57)")]
        {
            assert_eq!(made(&answer), Some(57), "{answer}");
        }
        for answer in [json!([]), json!(false), json!("mail.activity()"), json!(null), json!({})] {
            assert_eq!(made(&answer), None, "{answer}");
        }
    }

    #[test]
    fn an_id_is_a_whole_number_within_31_bits() {
        assert_eq!(id("2147483647"), Some(2_147_483_647));
        for wrong in ["0", "-1", "2147483648", "1.0", "", "x"] {
            assert_eq!(id(wrong), None, "{wrong}");
        }
    }
}
