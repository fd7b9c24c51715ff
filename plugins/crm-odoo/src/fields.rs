//! The fields of a partner and of a deal that can be written, and the operator's own among them.

use std::collections::BTreeMap;

use patchbay_sdk::kv;
use patchbay_sdk::log;
use patchbay_sdk::types::{Error, Field, FieldSpec, FieldType, Value as FieldValue};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{self, Call, LEAD, PARTNER};
use crate::errors::Effect;
use crate::record::{self, Record};
use crate::server::{self, Server};

/// Most fields of the operator's own that are read with each record.
const OWN_MAX: usize = 100;

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

type Fields = BTreeMap<String, Described>;

pub(crate) fn contact(server: &Server) -> Result<Vec<FieldSpec>, Error> {
    let fields = asked(server, PARTNER)?;
    let needed = needed(server, PARTNER, &fields)?;
    let spec = |(name, field): (String, Described)| {
        let is_needed = needed.contains(&name);
        let spec = spec(PARTNER, name, &field)?;
        let repeated = match spec.key.as_str() {
            "email" => true,
            "phone" => !server.phone_fields.is_empty(),
            _ => spec.repeated,
        };
        Some(FieldSpec { required: is_needed, repeated, ..spec })
    };
    Ok(fields.into_iter().filter_map(spec).collect())
}

/// Three requests: the stages and the teams are the choices of two fields.
pub(crate) fn deal(server: &Server) -> Result<Vec<FieldSpec>, Error> {
    let fields = asked(server, LEAD)?;
    let needed = needed(server, LEAD, &fields)?;
    let stages = names(server, "crm.stage", "sequence, id")?;
    let teams = names(server, "crm.team", "id")?;
    let spec = |(name, field): (String, Described)| {
        let is_needed = needed.contains(&name);
        let spec = spec(LEAD, name, &field)?;
        let spec = match spec.key.as_str() {
            "stage" => FieldSpec { type_: FieldType::Choice, choices: stages.clone(), ..spec },
            "pipeline" => FieldSpec { type_: FieldType::Choice, choices: teams.clone(), ..spec },
            _ => spec,
        };
        Some(FieldSpec { required: is_needed, ..spec })
    };
    Ok(fields.into_iter().filter_map(spec).collect())
}

/// What `fields_get` answers. The operator's own fields are kept: they are read with each record.
fn asked(server: &Server, model: &'static str) -> Result<Fields, Error> {
    let call = client::fields_get(model);
    let fields: Fields = client::send(server, &call, |answer| serde_json::from_value(answer).ok())?;
    let own: Vec<&String> = fields.keys().filter(|name| is_own(name)).take(OWN_MAX).collect();
    let json = serde_json::to_vec(&own).expect("texts are JSON");
    if kv::Batch::new().set(entry(model), json).commit().is_err() {
        log::debug("the names of the own fields could not be kept, and are asked for again");
    }
    Ok(fields)
}

fn entry(model: &str) -> String {
    format!("fields/{model}")
}

/// Fields that the operator or an add-on has made: Odoo has their names begin so.
fn is_own(name: &str) -> bool {
    name.starts_with("x_") && server::is_name(name)
}

/// The operator's own fields; one request where they are not known yet.
pub(crate) fn own(server: &Server, model: &'static str) -> Result<Vec<String>, Error> {
    let kept = kv::get(&entry(model))?;
    if let Some(own) = kept.and_then(|kept| serde_json::from_slice(&kept).ok()) {
        return Ok(own);
    }
    let fields = asked(server, model)?;
    Ok(fields.into_keys().filter(|name| is_own(name)).take(OWN_MAX).collect())
}

/// A field that is no more is not asked for again.
pub(crate) fn forget_after(model: &str, error: &Error) {
    if matches!(error, Error::Invalid(_)) {
        // Kept, it fails the next call in the same words.
        kv::Batch::new().delete(entry(model)).commit().unwrap_or_default();
    }
}

/// The value of one of the operator's own fields; nothing for what is empty, and for lists.
pub(crate) fn value(record: &Record, key: &str) -> Option<Field> {
    let value = match record.value(key)? {
        Value::String(_) => FieldValue::Text(record.text(key)?.to_owned()),
        Value::Number(number) => FieldValue::Number(number.as_f64()?),
        Value::Bool(true) => FieldValue::Flag(true),
        Value::Array(_) => {
            let (id, _) = record.reference(key)?;
            FieldValue::Number(f64::from(u32::try_from(id).ok()?))
        }
        _ => return None,
    };
    Some(Field::new(key, value))
}

/// Own fields that a record is surely refused without: Odoo gives them no value of its own.
///
/// What Odoo brings along and requires, it or this adapter fills in.
fn needed(server: &Server, model: &'static str, fields: &Fields) -> Result<Vec<String>, Error> {
    let required = |(name, field): &(&String, &Described)| {
        is_own(name) && field.required && !field.readonly && field.r#type != "boolean"
    };
    let mut names: Vec<String> =
        fields.iter().filter(required).map(|(name, _)| name.clone()).collect();
    if names.is_empty() {
        return Ok(names);
    }
    let argument =
        if crate::rpc::api(server)? == server::Api::Json2 { "fields" } else { "fields_list" };
    let call = Call::new(model, "default_get", Effect::Read, json!({ argument: names }));
    match client::send(server, &call, |answer| answer.as_object().cloned()) {
        Ok(defaults) => {
            names.retain(|name| !defaults.contains_key(name));
            Ok(names)
        }
        // An Odoo that cannot be asked this way: nothing is sure.
        Err(Error::Invalid(_) | Error::Unsupported(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn names(
    server: &Server,
    model: &'static str,
    order: &str,
) -> Result<Vec<(String, String)>, Error> {
    let call = client::page(model, &json!([]), &["id", "name"], order, client::SEARCH_LIMIT);
    let records = client::send(server, &call, record::records)?;
    let choice = |record: &Record| Some((record.id.to_string(), record.text("name")?.to_owned()));
    Ok(records.iter().filter_map(choice).collect())
}

/// `None` for a field that is computed, or of a type that `map-fields` does not write.
fn spec(model: &str, name: String, field: &Described) -> Option<FieldSpec> {
    let by_type = match field.r#type.as_str() {
        "char" | "text" | "html" => FieldType::Text,
        // Another record is written by its id, a list of them by their ids.
        "integer" | "float" | "monetary" | "many2one" | "many2many" => FieldType::Number,
        "boolean" => FieldType::Flag,
        "date" | "datetime" => FieldType::Instant,
        "selection" => FieldType::Choice,
        _ => return None,
    };
    let is_list = field.r#type == "many2many";
    if field.readonly || !server::is_name(&name) || (is_list && !is_list_name(&name)) {
        return None;
    }
    let (key, type_) = match (model, name.as_str()) {
        (_, "id" | "partner_id") | (LEAD, "type") => return None,
        (_, "phone") => (name, FieldType::Phone),
        (_, "email") | (LEAD, "email_from") => ("email".to_owned(), FieldType::Email),
        // The canonical names of these.
        (_, "website") => ("site".to_owned(), FieldType::Url),
        (_, "user_id") => ("manager".to_owned(), FieldType::Text),
        (LEAD, "name") => ("title".to_owned(), by_type),
        (LEAD, "contact_name") => ("name".to_owned(), by_type),
        (LEAD, "description") => ("comment".to_owned(), by_type),
        (LEAD, "stage_id") => ("stage".to_owned(), by_type),
        (LEAD, "team_id") => ("pipeline".to_owned(), by_type),
        _ => (name, by_type),
    };
    let title = field.string.as_str().filter(|title| !title.is_empty()).unwrap_or(&key).to_owned();
    let choices = choices(&field.selection);
    Some(FieldSpec { key, title, type_, required: false, repeated: is_list, choices })
}

/// Whether `map-fields` takes several texts for ids.
pub(crate) fn is_list_name(name: &str) -> bool {
    name.ends_with("_ids") || name == "category_id"
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
    use super::*;

    fn specs(model: &str, described: Value) -> Vec<FieldSpec> {
        let fields: Fields = serde_json::from_value(described).unwrap();
        fields.into_iter().filter_map(|(name, field)| spec(model, name, &field)).collect()
    }

    #[test]
    fn what_cannot_be_written_is_not_offered() {
        let specs = specs(
            PARTNER,
            json!({
                "name": { "string": "Name", "type": "char" },
                "website": { "string": "Website Link", "type": "char", "required": false },
                "user_id": { "string": "Salesperson", "type": "many2one", "relation": "res.users" },
                "category_id": { "string": "Tags", "type": "many2many" },
                "x_friends": { "string": "Friends", "type": "many2many" },
                "credit": { "string": "Receivable", "type": "monetary", "readonly": true },
                "lang": { "string": false, "type": "selection", "required": true, "selection": [["en_US", "English"], [false, "?"]] },
                "image_1920": { "string": "Image", "type": "binary" },
                "id": { "string": "ID", "type": "integer" },
            }),
        );
        let keys: Vec<_> =
            specs.iter().map(|spec| (spec.key.as_str(), spec.type_, spec.title.as_str())).collect();
        assert_eq!(
            keys,
            [
                ("category_id", FieldType::Number, "Tags"),
                ("lang", FieldType::Choice, "lang"),
                ("name", FieldType::Text, "Name"),
                ("manager", FieldType::Text, "Salesperson"),
                ("site", FieldType::Url, "Website Link"),
            ]
        );
        assert_eq!(specs[1].choices, [("en_US".to_owned(), "English".to_owned())]);
        // Odoo fills it itself.
        assert!(!specs[1].required && specs[0].repeated);
    }

    #[test]
    fn a_deal_is_described_under_canonical_keys() {
        let text = |kind: &str| json!({ "string": "T", "type": kind });
        let specs = specs(
            LEAD,
            json!({
                "name": text("char"), "contact_name": text("char"), "email_from": text("char"), "phone": text("char"),
                "stage_id": text("many2one"), "team_id": text("many2one"), "description": text("html"),
                "partner_id": text("many2one"), "type": text("selection"), "expected_revenue": text("monetary"),
            }),
        );
        let mut keys: Vec<_> = specs.iter().map(|spec| spec.key.as_str()).collect();
        keys.sort_unstable();
        let expected =
            ["comment", "email", "expected_revenue", "name", "phone", "pipeline", "stage", "title"];
        assert_eq!(keys, expected);
    }
}
