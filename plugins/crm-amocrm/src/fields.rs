//! The fields of contacts and deals that can be written.

use patchbay_sdk::types::{Error, FieldSpec, FieldType};
use serde_json::Value;

use crate::account::{Account, Places};
use crate::client;
use crate::record::Record;
use crate::values;

/// Stages of deals that nobody has accepted yet: none can be moved there.
const UNSORTED: u64 = 1;

/// One request a page of custom fields.
pub(crate) fn contacts(account: &Account) -> Result<Vec<FieldSpec>, Error> {
    let places = Places::of_contacts().map_err(|problem| Error::Invalid(vec![problem]))?;
    let mut specs = vec![
        spec("name", "Name", FieldType::Text, false),
        spec("phone", "Phone", FieldType::Phone, true),
        spec("email", "E-mail", FieldType::Email, true),
        spec("tag", "Tags", FieldType::Text, true),
        spec("manager", "Responsible user", FieldType::Text, false),
    ];
    specs.extend(custom(account, "contacts", &places)?);
    Ok(specs)
}

/// One request a page of custom fields, and one for the pipelines, which are not paged.
pub(crate) fn leads(account: &Account) -> Result<Vec<FieldSpec>, Error> {
    let places = Places::of_deals().map_err(|problem| Error::Invalid(vec![problem]))?;
    let answer = client::get("/leads/pipelines").send(account, None)?.unwrap_or_default();
    let (pipelines, stages) = pipelines(client::embedded(answer, "pipelines"));
    let mut specs = vec![
        spec("title", "Title", FieldType::Text, false),
        spec("price", "Budget", FieldType::Number, false),
        FieldSpec { choices: pipelines, ..spec("pipeline", "Pipeline", FieldType::Choice, false) },
        FieldSpec { choices: stages, ..spec("stage", "Stage", FieldType::Choice, false) },
        spec("tag", "Tags", FieldType::Text, true),
        spec("manager", "Responsible user", FieldType::Text, false),
    ];
    specs.extend(custom(account, "leads", &places)?);
    Ok(specs)
}

type Choices = Vec<(String, String)>;

/// Pipelines and their stages. Won and lost stand once: their numbers are the same everywhere.
fn pipelines(pipelines: Vec<Value>) -> (Choices, Choices) {
    let (mut choices, mut stages) = (Choices::new(), Choices::new());
    for pipeline in Record::read_all(pipelines) {
        if pipeline.get("is_archive") == Some(&Value::Bool(true)) {
            continue;
        }
        let name = pipeline.text("name").unwrap_or_else(|| pipeline.id.to_string());
        let embedded = pipeline.get("_embedded").and_then(|it| it.get("statuses")?.as_array());
        for stage in Record::read_all(embedded.cloned().unwrap_or_default()) {
            let id = stage.id.to_string();
            let is_known = stages.iter().any(|(known, _)| *known == id);
            if !is_known && stage.get("type").and_then(Value::as_u64) != Some(UNSORTED) {
                let title = stage.text("name").unwrap_or_else(|| id.clone());
                stages.push((id, format!("{name}: {title}")));
            }
        }
        choices.push((pipeline.id.to_string(), name));
    }
    (choices, stages)
}

fn custom(account: &Account, kind: &str, places: &Places) -> Result<Vec<FieldSpec>, Error> {
    let fields = client::all(account, &format!("/{kind}/custom_fields"), "custom_fields")?;
    let fields = Record::read_all(fields);
    Ok(fields.iter().filter_map(|field| described(field, places)).collect())
}

/// `None` for a field of a type that the mapping does not write, or that stands above already.
fn described(field: &Record, places: &Places) -> Option<FieldSpec> {
    let (type_, repeated) = match field.get("type")?.as_str()? {
        "text" | "textarea" | "streetaddress" | "tracking_data" => (FieldType::Text, false),
        "numeric" | "monetary" => (FieldType::Number, false),
        "checkbox" => (FieldType::Flag, false),
        "select" | "radiobutton" => (FieldType::Choice, false),
        "multiselect" => (FieldType::Choice, true),
        "date" | "date_time" | "birthday" => (FieldType::Instant, false),
        "url" => (FieldType::Url, false),
        _ => return None,
    };
    if Some(field.id) == places.external {
        return None;
    }
    let code = field.text("code");
    let key = values::key(Some(field.id), code.as_deref(), Some(places))?;
    let enums = field.get("enums").and_then(Value::as_array);
    // The CRM takes the words of a choice as well as its number, and answers the words.
    let words = enums.into_iter().flatten().filter_map(|choice| choice.get("value")?.as_str());
    let words = words.map(|word| (word.to_owned(), word.to_owned()));
    let choices = if type_ == FieldType::Choice { words.collect() } else { Vec::new() };
    let title = field.text("name").unwrap_or_else(|| key.clone());
    Some(FieldSpec { choices, ..spec(&key, &title, type_, repeated) })
}

fn spec(key: &str, title: &str, type_: FieldType, repeated: bool) -> FieldSpec {
    FieldSpec {
        key: key.to_owned(),
        title: title.to_owned(),
        type_,
        required: false,
        repeated,
        choices: Vec::new(),
    }
}
