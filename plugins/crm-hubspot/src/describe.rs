//! The properties of contacts and deals that can be written, under canonical keys where they have one.

use patchbay_sdk::types::{Error, FieldSpec, FieldType};
use serde_json::Value;

use crate::account::Account;
use crate::association::DEALS;
use crate::contact::CONTACTS;
use crate::names;
use crate::pipeline::{self, Pipeline};
use crate::request::Call;
use crate::server::Server;

/// Most choices told of one property.
const CHOICES_MAX: usize = 500;

pub(crate) fn contact_fields(server: &Server) -> Result<Vec<FieldSpec>, Error> {
    let described = described(server, CONTACTS)?;
    Account::refresh(server)?;
    Ok(contact_specs(&described, server))
}

pub(crate) fn deal_fields(server: &Server) -> Result<Vec<FieldSpec>, Error> {
    let described = described(server, DEALS)?;
    Ok(deal_specs(&described, &pipeline::read(server)?, server))
}

fn described(server: &Server, kind: &str) -> Result<Vec<Value>, Error> {
    let path = format!("/crm/v3/properties/{kind}?archived=false");
    Call::get(path).send(server, |answer| answer.get("results")?.as_array().cloned())
}

fn contact_specs(described: &[Value], server: &Server) -> Vec<FieldSpec> {
    let more_emails = described.iter().any(|it| name(it) == names::MORE_EMAILS && is_writable(it));
    let mut specs = vec![spec("name", "Name", FieldType::Text)];
    for property in described.iter().filter(|property| is_offered(property, server)) {
        let own = name(property);
        let Some(mut spec) = of_property(property) else { continue };
        match own {
            // The second place of `phone`, and the halves of `name`, are told under their canonical keys.
            names::MOBILE | names::FIRST_NAME | names::LAST_NAME | names::MORE_EMAILS => continue,
            names::PHONE => {
                spec = FieldSpec {
                    type_: FieldType::Phone,
                    repeated: true,
                    choices: Vec::new(),
                    ..spec
                };
            }
            names::EMAIL => {
                spec = FieldSpec { type_: FieldType::Email, repeated: more_emails, ..spec };
            }
            "website" => spec.type_ = FieldType::Url,
            _ => {}
        }
        spec.key = canonical(&names::CONTACT, own);
        specs.push(spec);
    }
    specs
}

fn deal_specs(described: &[Value], pipelines: &[Pipeline], server: &Server) -> Vec<FieldSpec> {
    let mut specs = Vec::new();
    for property in described.iter().filter(|property| is_offered(property, server)) {
        let own = name(property);
        let Some(mut spec) = of_property(property) else { continue };
        let choices = match own {
            "pipeline" => {
                Some(pipelines.iter().map(|it| (it.id.clone(), it.label.clone())).collect())
            }
            "dealstage" => Some(stages(pipelines)),
            _ => None,
        };
        if let Some(choices) = choices {
            spec = FieldSpec { type_: FieldType::Choice, repeated: false, choices, ..spec };
        }
        spec.key = canonical(&names::DEAL, own);
        specs.push(spec);
    }
    specs
}

fn stages(pipelines: &[Pipeline]) -> Vec<(String, String)> {
    let of = |pipeline: &Pipeline| {
        let title = |label: &str| match pipelines {
            [_] => label.to_owned(),
            _ => format!("{}: {label}", pipeline.label),
        };
        let stages = pipeline.stages.iter();
        stages.map(|stage| (stage.id.clone(), title(&stage.label))).collect::<Vec<_>>()
    };
    pipelines.iter().flat_map(of).collect()
}

fn canonical(table: &[(&str, &str)], own: &str) -> String {
    table.iter().find(|(_, name)| *name == own).map_or(own, |(key, _)| *key).to_owned()
}

/// Not what HubSpot fills, nor what this adapter fills.
fn is_offered(property: &Value, server: &Server) -> bool {
    let own = name(property);
    let is_ours = server.key_property.as_deref() == Some(own);
    let is_hidden = flag(property, "hidden") && own != "pipeline";
    names::is_name(own)
        && !names::OWN.contains(&own)
        && !is_ours
        && !is_hidden
        && is_writable(property)
}

fn is_writable(property: &Value) -> bool {
    let read_only =
        property.get("modificationMetadata").is_some_and(|it| flag(it, "readOnlyValue"));
    !read_only && !flag(property, "calculated")
}

/// `None` for a type that is not written.
fn of_property(property: &Value) -> Option<FieldSpec> {
    let text = |key: &str| property.get(key).and_then(Value::as_str).unwrap_or_default();
    let (kind, shown_as) = (text("type"), text("fieldType"));
    let type_ = match kind {
        "string" if shown_as == "phonenumber" => FieldType::Phone,
        "string" => FieldType::Text,
        "phone_number" => FieldType::Phone,
        "number" => FieldType::Number,
        "bool" => FieldType::Flag,
        "enumeration" if shown_as == "booleancheckbox" => FieldType::Flag,
        "enumeration" => FieldType::Choice,
        "date" | "datetime" => FieldType::Instant,
        _ => return None,
    };
    let title = Some(text("label")).filter(|label| !label.is_empty()).unwrap_or(name(property));
    let repeated = type_ == FieldType::Choice && shown_as == "checkbox";
    let choices = if type_ == FieldType::Choice { choices(property) } else { Vec::new() };
    // The choices of some properties, owners among them, are kept elsewhere.
    let is_open = type_ == FieldType::Choice && choices.is_empty();
    let type_ = if is_open { FieldType::Text } else { type_ };
    Some(FieldSpec { repeated, choices, ..spec(name(property), title, type_) })
}

fn choices(property: &Value) -> Vec<(String, String)> {
    let options = property.get("options").and_then(Value::as_array).into_iter().flatten();
    let options = options.filter(|option| !flag(option, "hidden"));
    let choice = |option: &Value| {
        let value = option.get("value")?.as_str()?.to_owned();
        let label = option.get("label").and_then(Value::as_str).unwrap_or(&value).to_owned();
        Some((value, label))
    };
    options.filter_map(choice).take(CHOICES_MAX).collect()
}

fn spec(key: &str, title: &str, type_: FieldType) -> FieldSpec {
    let (key, title) = (key.to_owned(), title.to_owned());
    FieldSpec { key, title, type_, required: false, repeated: false, choices: Vec::new() }
}

fn name(property: &Value) -> &str {
    property.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool) == Some(true)
}
