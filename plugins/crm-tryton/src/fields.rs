//! The fields that Tryton says it has, as the contract describes them.

use patchbay_sdk::types::{Error, FieldSpec, FieldType};
use serde_json::Value;

use crate::client::{self, Call, OPPORTUNITY, PARTY};
use crate::map;
use crate::server::Server;

pub(crate) fn of_contacts(server: &Server) -> Result<Vec<FieldSpec>, Error> {
    let mut specs = vec![
        spec("name", "Name", FieldType::Text),
        FieldSpec { repeated: true, ..spec("phone", "Phone", FieldType::Phone) },
        FieldSpec { repeated: true, ..spec("email", "E-mail", FieldType::Email) },
        FieldSpec { repeated: true, ..spec("site", "Website", FieldType::Url) },
    ];
    add_own(&mut specs, server, PARTY)?;
    Ok(specs)
}

pub(crate) fn of_deals(server: &Server) -> Result<Vec<FieldSpec>, Error> {
    let stages = map::STAGES.iter().map(|(key, title)| ((*key).to_owned(), (*title).to_owned()));
    let mut specs = vec![
        spec("title", "Description", FieldType::Text),
        FieldSpec { choices: stages.collect(), ..spec("stage", "State", FieldType::Choice) },
    ];
    add_own(&mut specs, server, OPPORTUNITY)?;
    // It stands under its canonical key.
    specs.retain(|spec| spec.key != "description");
    Ok(specs)
}

/// The fields that can be written and hold one plain value. None is required: Tryton fills in those
/// that it marks so.
fn add_own(specs: &mut Vec<FieldSpec>, server: &Server, model: &'static str) -> Result<(), Error> {
    let mut own = Call::fields_get(model).send(server, |answer| {
        let fields = answer.as_object()?.iter();
        Some(fields.filter_map(|(key, field)| own(key, field)).collect::<Vec<_>>())
    })?;
    own.retain(|spec| specs.iter().all(|known| known.key != spec.key));
    own.sort_by(|one, other| one.key.cmp(&other.key));
    specs.extend(own);
    Ok(())
}

fn own(key: &str, field: &Value) -> Option<FieldSpec> {
    let is_read_only = field.get("readonly").and_then(Value::as_bool).unwrap_or(true);
    if is_read_only || !map::is_own(key) {
        return None;
    }
    let mut choices = Vec::new();
    let type_ = match client::text(field, "type")? {
        "char" | "text" => FieldType::Text,
        "integer" | "float" | "numeric" => FieldType::Number,
        "boolean" => FieldType::Flag,
        "selection" => {
            // Some are the name of a function that tells them, record by record.
            let pairs = field.get("selection").and_then(Value::as_array);
            choices.extend(pairs.into_iter().flatten().filter_map(choice));
            if choices.is_empty() { FieldType::Text } else { FieldType::Choice }
        }
        _ => return None,
    };
    let title = client::text(field, "string").unwrap_or(key);
    Some(FieldSpec { choices, ..spec(key, title, type_) })
}

fn choice(pair: &Value) -> Option<(String, String)> {
    let [value, title] = pair.as_array()?.as_slice() else { return None };
    Some((value.as_str()?.to_owned(), title.as_str()?.to_owned()))
}

fn spec(key: &str, title: &str, type_: FieldType) -> FieldSpec {
    FieldSpec {
        key: key.to_owned(),
        title: title.to_owned(),
        type_,
        required: false,
        repeated: false,
        choices: Vec::new(),
    }
}
