//! The fields of contacts and deals that can be written, with the choices of directories and lists.

use patchbay_sdk::types::{Error, FieldSpec, FieldType};
use serde_json::{Map, Value, json};

use crate::call::{self, CONTACT, Command, DEAL, OnError, PAGE};
use crate::errors::{self, Effect};
use crate::map;
use crate::own;
use crate::portal::Portal;
use crate::record::{self, Record};

/// Pages of directories that are read in the first request.
const PAGES_AT_ONCE: usize = 4;

/// Marked as required by Bitrix24 and filled by it where nothing is written.
const HAS_DEFAULT: [&str; 10] = [
    "opened",
    "export",
    "title",
    "stageId",
    "categoryId",
    "assignedById",
    "typeId",
    "sourceId",
    "currencyId",
    "isManualOpportunity",
];

pub(crate) fn of_contacts(portal: &Portal) -> Result<Vec<FieldSpec>, Error> {
    let known = Known::read(portal, CONTACT)?;
    let required = known.is_required("name");
    let mut specs = vec![FieldSpec { required, ..spec("name", "Name", FieldType::Text) }];
    for (key, title, type_) in [
        ("phone", "Phone", FieldType::Phone),
        ("email", "E-mail", FieldType::Email),
        ("site", "Site", FieldType::Url),
    ] {
        specs.push(FieldSpec { repeated: true, ..spec(key, title, type_) });
    }
    specs.push(spec("manager", "Responsible", FieldType::Number));
    specs.extend(known.specs(&["name", "assignedById", "contactId"]));
    Ok(specs)
}

pub(crate) fn of_deals(portal: &Portal) -> Result<Vec<FieldSpec>, Error> {
    let known = Known::read(portal, DEAL)?;
    let choices = |choices| FieldSpec { choices, ..spec("", "", FieldType::Choice) };
    let of = |key: &str, title: &str, choice: FieldSpec| FieldSpec {
        key: key.to_owned(),
        title: title.to_owned(),
        ..choice
    };
    let mut specs = vec![
        spec("title", "Title", FieldType::Text),
        of("pipeline", "Pipeline", choices(known.pipelines.clone())),
        of("stage", "Stage", choices(known.stages())),
    ];
    let canonical = ["title", "categoryId", "stageId", "assignedById", "contactId", "contactIds"];
    specs.extend(known.specs(&canonical));
    Ok(specs)
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

/// What the portal tells of its fields.
#[derive(Debug)]
struct Known {
    fields: Map<String, Value>,
    directories: Vec<Record>,
    pipelines: Vec<(String, String)>,
}

impl Known {
    /// One request, or two where the directories have more than 200 entries.
    fn read(portal: &Portal, entity_type: u32) -> Result<Self, Error> {
        let params = json!({ "entityTypeId": entity_type });
        let mut commands = vec![Command::read("fields", "crm.item.fields", params.clone())];
        if entity_type == DEAL {
            commands.push(Command::read("pipelines", "crm.category.list", params));
        }
        commands.extend((0..PAGES_AT_ONCE).map(directory));
        let mut answers = call::batch(portal, &commands, OnError::GoOn)?;
        let Value::Object(mut answer) = answers.take("fields")? else {
            return Err(errors::unreadable(Effect::Read));
        };
        let Some(Value::Object(fields)) = answer.remove("fields") else {
            return Err(errors::unreadable(Effect::Read));
        };
        let pipelines =
            if entity_type == DEAL { pipelines(answers.take("pipelines")?) } else { Vec::new() };
        let mut directories = Vec::new();
        for page in 0..PAGES_AT_ONCE {
            add_new(&mut directories, Record::list(answers.take(&format!("d{page}"))?));
        }
        let mut page = PAGES_AT_ONCE;
        while directories.len() == page * PAGE {
            let mut answers = call::batch(portal, &[directory(page)], OnError::Halt)?;
            add_new(&mut directories, Record::list(answers.take(&format!("d{page}"))?));
            page += 1;
        }
        Ok(Self { fields, directories, pipelines })
    }

    fn is_required(&self, name: &str) -> bool {
        let field = self.fields.get(name).cloned().and_then(Record::of);
        field.and_then(|field| field.flag("isRequired")).unwrap_or_default()
    }

    /// The specs of all fields but those that have been told by their canonical keys.
    fn specs(&self, told: &[&str]) -> Vec<FieldSpec> {
        let is_told = |name: &str| told.contains(&name) || own::check_name(name).is_err();
        let fields = self.fields.iter().filter(|(name, _)| !is_told(name));
        fields.filter_map(|(name, field)| self.spec(name, field)).collect()
    }

    /// `None` for a field that cannot be written, or of a type that `map-fields` does not write.
    fn spec(&self, name: &str, field: &Value) -> Option<FieldSpec> {
        let field = Record::of(field.clone())?;
        let is = |key: &str| field.flag(key).unwrap_or_default();
        let type_ = match field.text("type")?.as_str() {
            "string" | "text" | "money" | "address" | "crm" => FieldType::Text,
            "integer" | "double" | "user" | "employee" | "crm_contact" | "crm_company"
            | "crm_lead" | "crm_category" => FieldType::Number,
            "boolean" | "char" => FieldType::Flag,
            "date" | "datetime" => FieldType::Instant,
            "crm_status" | "crm_currency" | "enumeration" => FieldType::Choice,
            "url" => FieldType::Url,
            _ => return None,
        };
        if is("isReadOnly") || is("isImmutable") {
            return None;
        }
        let title = field.text("title").or_else(|| field.text("formLabel"));
        Some(FieldSpec {
            key: map::canonical_key(name).unwrap_or(name).to_owned(),
            title: title.unwrap_or_else(|| name.to_owned()),
            type_,
            required: is("isRequired") && !HAS_DEFAULT.contains(&name),
            repeated: is("isMultiple"),
            choices: self.choices(&field),
        })
    }

    /// Entries of a directory, or the items of a list of the portal's own.
    fn choices(&self, field: &Record) -> Vec<(String, String)> {
        if let Some(directory) = field.text("statusType") {
            return self.directory(|name| name == directory);
        }
        let items = field.get("items").cloned().map(Record::list).unwrap_or_default();
        items.iter().filter_map(|item| Some((item.text("ID")?, item.text("VALUE")?))).collect()
    }

    fn directory(&self, is_meant: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let of = |entry: &&Record| entry.text("ENTITY_ID").is_some_and(|name| is_meant(&name));
        let choice = |entry: &Record| Some((entry.text("STATUS_ID")?, entry.text("NAME")?));
        self.directories.iter().filter(of).filter_map(choice).collect()
    }

    /// The stages of all pipelines: their ids tell whose they are.
    fn stages(&self) -> Vec<(String, String)> {
        self.directory(|name| name == "DEAL_STAGE" || name.starts_with("DEAL_STAGE_"))
    }
}

fn directory(page: usize) -> Command {
    let params = json!({ "order": { "ID": "ASC" }, "start": page * PAGE });
    Command::read(format!("d{page}"), "crm.status.list", params)
}

/// A page after the last may repeat it.
fn add_new(directories: &mut Vec<Record>, page: Vec<Record>) {
    for entry in page {
        if !directories.iter().any(|known| known.id() == entry.id()) {
            directories.push(entry);
        }
    }
}

fn pipelines(mut answer: Value) -> Vec<(String, String)> {
    let list = answer.get_mut("categories").map(Value::take).unwrap_or_default();
    let pipeline = |pipeline: &Record| {
        // The first one has the number 0.
        let id = pipeline.get("id").and_then(record::text)?;
        Some((id, pipeline.text("name")?))
    };
    Record::list(list).iter().filter_map(pipeline).collect()
}

#[cfg(test)]
mod tests;
