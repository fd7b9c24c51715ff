//! The fields of a partner that can be written.

use std::collections::BTreeMap;

use patchbay_sdk::types::{Error, FieldSpec, FieldType};
use serde::Deserialize;
use serde_json::Value;

use crate::client;
use crate::server::{self, Server};

/// What `fields_get` tells of one field.
#[derive(Debug, Deserialize)]
struct Described {
    #[serde(default)]
    string: Value,
    r#type: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    readonly: bool,
    #[serde(default)]
    selection: Value,
}

pub(crate) fn describe(server: &Server) -> Result<Vec<FieldSpec>, Error> {
    client::send(server, &client::fields_get(), specs)
}

fn specs(answer: Value) -> Option<Vec<FieldSpec>> {
    let fields: BTreeMap<String, Described> = serde_json::from_value(answer).ok()?;
    Some(fields.into_iter().filter_map(|(name, field)| spec(name, &field)).collect())
}

/// `None` for a field that is computed, or of a type that `map-fields` does not write.
fn spec(name: String, field: &Described) -> Option<FieldSpec> {
    let by_type = match field.r#type.as_str() {
        "char" | "text" | "html" => FieldType::Text,
        // A `many2one` is written as the id of the record referred to.
        "integer" | "float" | "monetary" | "many2one" => FieldType::Number,
        "boolean" => FieldType::Flag,
        "date" | "datetime" => FieldType::Instant,
        "selection" => FieldType::Choice,
        _ => return None,
    };
    if field.readonly || !server::is_name(&name) || name == "id" {
        return None;
    }
    let (key, type_) = match name.as_str() {
        "phone" => (name, FieldType::Phone),
        "email" => (name, FieldType::Email),
        // The canonical name of it.
        "website" => ("site".to_owned(), FieldType::Url),
        _ => (name, by_type),
    };
    let title = field.string.as_str().filter(|title| !title.is_empty()).unwrap_or(&key).to_owned();
    Some(FieldSpec {
        key,
        title,
        type_,
        required: field.required,
        repeated: false,
        choices: choices(&field.selection),
    })
}

fn choices(selection: &Value) -> Vec<(String, String)> {
    let pairs = selection.as_array().into_iter().flatten();
    pairs
        .filter_map(|pair| match pair.as_array()?.as_slice() {
            [value, title] => Some((shown(value)?, shown(title)?)),
            _ => None,
        })
        .collect()
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_written_is_not_offered() {
        let specs = specs(json!({
            "name": { "string": "Name", "type": "char" },
            "website": { "string": "Website Link", "type": "char", "required": false },
            "user_id": { "string": "Salesperson", "type": "many2one", "relation": "res.users" },
            "category_id": { "string": "Tags", "type": "many2many" },
            "credit": { "string": "Receivable", "type": "monetary", "readonly": true },
            "lang": { "string": false, "type": "selection", "required": true, "selection": [["en_US", "English"], [false, "?"]] },
            "image_1920": { "string": "Image", "type": "binary" },
            "id": { "string": "ID", "type": "integer" },
        }))
        .unwrap();
        let keys: Vec<_> =
            specs.iter().map(|spec| (spec.key.as_str(), spec.type_, spec.title.as_str())).collect();
        assert_eq!(
            keys,
            [
                ("lang", FieldType::Choice, "lang"),
                ("name", FieldType::Text, "Name"),
                ("user_id", FieldType::Number, "Salesperson"),
                ("site", FieldType::Url, "Website Link"),
            ]
        );
        assert_eq!(specs[0].choices, [("en_US".to_owned(), "English".to_owned())]);
        assert!(specs[0].required);
    }
}
