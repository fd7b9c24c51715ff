//! What the CRM refuses to store. Each fault has a code and the path to its place.

use serde_json::Value;

/// Longest text of a field of the type `text`, in characters; the browser lets longer ones through.
const TEXT_CHARS_MAX: usize = 256;

pub(super) type Fault = (&'static str, String);

const NOT_A_CHOICE: &str = "NotSupportedChoice";

/// Faults of the custom fields of a record.
pub(super) fn custom(record: &Value, fields: &[Value]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let entries = match record.get("custom_fields_values") {
        None | Some(Value::Null) => return faults,
        Some(Value::Array(entries)) => entries,
        Some(_) => return vec![("InvalidType", "custom_fields_values".to_owned())],
    };
    for (at, entry) in entries.iter().enumerate() {
        let path = format!("custom_fields_values.{at}");
        let Some(field) = field(entry, fields) else {
            let named = if entry.get("field_id").is_some() { "field_id" } else { "field_code" };
            faults.push((NOT_A_CHOICE, format!("{path}.{named}")));
            continue;
        };
        match &entry["values"] {
            Value::Null => {}
            Value::Array(values) => {
                faults.extend(values.iter().enumerate().filter_map(|(index, value)| {
                    let (code, member) = value_fault(value, field)?;
                    Some((code, format!("{path}.values.{index}.{member}")))
                }));
            }
            _ => faults.push(("InvalidType", format!("{path}.values"))),
        }
    }
    faults
}

/// The description of the field that an entry names.
pub(super) fn field<'a>(entry: &Value, fields: &'a [Value]) -> Option<&'a Value> {
    fields.iter().find(|field| match entry.get("field_id") {
        Some(id) => field["id"] == *id,
        None => field["code"].is_string() && field["code"] == entry["field_code"],
    })
}

/// The choice that a value names by its number or its words.
pub(super) fn choice<'a>(value: &Value, field: &'a Value) -> Option<&'a Value> {
    field["enums"].as_array()?.iter().find(|choice| match value.get("enum_id") {
        Some(id) => choice["id"] == *id,
        None => choice["value"] == value["value"],
    })
}

fn value_fault(value: &Value, field: &Value) -> Option<(&'static str, &'static str)> {
    let held = &value["value"];
    match field["type"].as_str().unwrap_or_default() {
        "text" | "tracking_data" => match held {
            Value::String(text) if TEXT_CHARS_MAX < text.chars().count() => {
                Some(("TooLong", "value"))
            }
            Value::String(_) | Value::Number(_) => None,
            _ => Some(("InvalidType", "value")),
        },
        "textarea" | "url" => (!held.is_string()).then_some(("InvalidType", "value")),
        "numeric" => {
            let is_number =
                held.is_number() || held.as_str().is_some_and(|text| text.parse::<f64>().is_ok());
            (!is_number).then_some(("InvalidType", "value"))
        }
        "checkbox" => (!held.is_boolean()).then_some(("InvalidType", "value")),
        "select" | "multiselect" => {
            choice(value, field).is_none().then_some((NOT_A_CHOICE, "value"))
        }
        "birthday" => (!held.is_u64() && !held.is_string()).then_some(("InvalidType", "value")),
        "multitext" => {
            if held.as_str().is_none_or(str::is_empty) {
                return Some(("NotBlank", "value"));
            }
            let code = value.get("enum_code").filter(|code| !code.is_null());
            let is_known = |code: &Value| {
                field["enums"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one["value"] == *code))
            };
            (!code.is_none_or(is_known)).then_some((NOT_A_CHOICE, "enum_code"))
        }
        _ => Some(("NotSupportedField", "value")),
    }
}

/// Whether the member is absent or one of these ids.
pub(super) fn names_one_of(
    record: &Value,
    member: &str,
    mut ids: impl Iterator<Item = u64>,
) -> bool {
    match record.get(member) {
        None | Some(Value::Null) => true,
        Some(id) => ids.any(|known| *id == known),
    }
}

/// A fault of a member that names none of the ids.
pub(super) fn reference(
    record: &Value,
    member: &'static str,
    ids: impl Iterator<Item = u64>,
) -> Option<Fault> {
    (!names_one_of(record, member, ids)).then(|| (NOT_A_CHOICE, member.to_owned()))
}

/// Numbers of records.
pub(super) fn ids(records: &[Value]) -> impl Iterator<Item = u64> {
    records.iter().filter_map(|record| record["id"].as_u64())
}
