//! The database: records of all models, and the external ids that were given to them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::answer::{self, Answer, validation_error, value_error};
use super::phone;
use super::schema::{self, Column, Columns};

type Records = BTreeMap<u64, Map<String, Value>>;

/// Everything that is kept.
#[derive(Debug)]
pub(crate) struct Store {
    models: BTreeMap<&'static str, Columns>,
    records: BTreeMap<String, Records>,
    /// Model and id by external id.
    pub(crate) external_ids: BTreeMap<String, (String, u64)>,
}

impl Default for Store {
    /// What a new database brings along.
    fn default() -> Self {
        let mut store = Self {
            models: schema::models(),
            records: BTreeMap::new(),
            external_ids: BTreeMap::new(),
        };
        let user = |name: &str, login: &str, active: bool, share: bool| json!({ "name": name, "login": login, "active": active, "share": share });
        let stage = |name: &str, is_won: bool| json!({ "name": name, "is_won": is_won });
        let named = |name: &str| json!({ "name": name });
        store.seed("res.users", 1, &user("OdooBot", "__system__", false, false));
        store.seed("res.users", 2, &user("Administrator", "admin", true, false));
        store.seed("res.users", 7, &user("Olha Manager", "olha@example.test", true, false));
        store.seed(
            "res.users",
            8,
            &user("Client of the Portal", "portal@example.test", true, true),
        );
        store.seed("crm.stage", 1, &stage("New", false));
        store.seed("crm.stage", 2, &stage("Qualified", false));
        store.seed("crm.stage", 4, &stage("Won", true));
        store.seed("crm.team", 1, &named("Sales"));
        store.seed("res.country", 229, &named("Ukraine"));
        store.seed("res.country.state", 1, &named("Kyiv"));
        store.seed("res.partner.category", 3, &named("VIP"));
        store.seed("mail.activity.type", 4, &named("To-Do"));
        store.seed("mail.message.subtype", 2, &named("Note"));
        store.seed("res.partner", 1, &json!({ "name": "My Company", "active": true }));
        store.seed("res.partner", 3, &json!({ "name": "Administrator", "active": true }));
        store
    }
}

impl Store {
    fn seed(&mut self, model: &str, id: u64, values: &Value) {
        let values = values.as_object().cloned().unwrap_or_default();
        self.records.entry(model.to_owned()).or_default().insert(id, values);
    }

    pub(crate) fn define(&mut self, model: &str, name: &str, kind: &str, is_required: bool) {
        let column = Column {
            kind: kind.to_owned(),
            relation: None,
            is_required,
            is_computed: false,
            choices: &[],
        };
        if let Some(columns) = self.models.get_mut(model) {
            columns.insert(name.to_owned(), column);
        }
    }

    pub(crate) fn put(&mut self, model: &str, id: u64, field: &str, value: Value) {
        if let Some(record) = self.records.get_mut(model).and_then(|all| all.get_mut(&id)) {
            record.insert(field.to_owned(), value);
        }
    }

    pub(crate) fn has_model(&self, model: &str) -> bool {
        self.models.contains_key(model)
    }

    fn column(&self, model: &str, field: &str) -> Option<&Column> {
        self.models.get(model)?.get(field)
    }

    pub(crate) fn has_column(&self, model: &str, field: &str) -> bool {
        self.column(model, field).is_some()
    }

    pub(crate) fn relation(&self, model: &str, field: &str) -> Option<&'static str> {
        self.column(model, field)?.relation
    }

    /// The type of a field.
    pub(crate) fn kind(&self, model: &str, field: &str) -> &str {
        self.column(model, field).map_or("", |column| column.kind.as_str())
    }

    pub(crate) fn ids(&self, model: &str) -> Vec<u64> {
        self.records.get(model).into_iter().flat_map(BTreeMap::keys).copied().collect()
    }

    pub(crate) fn exists(&self, model: &str, id: u64) -> bool {
        self.records.get(model).is_some_and(|records| records.contains_key(&id))
    }

    pub(crate) fn all(&self, model: &str) -> Vec<Value> {
        let all = self.records.get(model).into_iter().flatten().map(|(id, record)| {
            let mut record = record.clone();
            record.insert("id".to_owned(), json!(id));
            Value::Object(record)
        });
        all.collect()
    }

    /// As it lies in the database: a reference is its id, and `false` whatever is empty.
    pub(crate) fn raw(&self, model: &str, id: u64, field: &str) -> Value {
        let record = self.records.get(model).and_then(|records| records.get(&id));
        let held = |field: &str| record.and_then(|record| record.get(field)).cloned();
        let text = |field| held(field).and_then(|value| value.as_str().map(str::to_owned));
        match field {
            "id" => json!(id),
            "email_normalized" => text("email").and_then(|email| normalized(&email)).into_value(),
            "phone_sanitized" => {
                let country = held("country_id").and_then(|id| id.as_u64());
                let country = country.map(|id| self.raw("res.country", id, "name"));
                let country = country.as_ref().and_then(Value::as_str);
                let told = text("phone").or_else(|| text("mobile"));
                told.and_then(|phone| phone::sanitized(&phone, country)).into_value()
            }
            field => held(field).unwrap_or(Value::Bool(false)),
        }
    }

    /// As it is read: a reference is its id with the name.
    pub(crate) fn value(&self, model: &str, id: u64, field: &str) -> Value {
        let held = self.raw(model, id, field);
        let Some(column) = self.column(model, field) else { return held };
        match (column.kind.as_str(), column.relation, held.as_u64()) {
            ("many2one", Some(relation), Some(other)) => {
                json!([other, self.raw(relation, other, "name")])
            }
            ("many2many", ..) if !held.is_array() => json!([]),
            _ => held,
        }
    }

    pub(crate) fn shown(&self, model: &str, id: u64, fields: &[String]) -> Value {
        let id_of = ("id".to_owned(), json!(id));
        let rest = fields.iter().map(|field| (field.clone(), self.value(model, id, field)));
        Value::Object([id_of].into_iter().chain(rest).collect())
    }

    /// The fields that are asked for; all of them where none is named.
    pub(crate) fn asked(&self, model: &str, fields: &[Value]) -> Result<Vec<String>, Answer> {
        let mut names: Vec<String> =
            fields.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if names.is_empty() {
            names.extend(self.models.get(model).into_iter().flat_map(BTreeMap::keys).cloned());
        }
        match names.iter().find(|name| !self.has_column(model, name)) {
            None => Ok(names),
            Some(name) => Err(value_error(&format!("Invalid field '{name}' on '{model}'"))),
        }
    }

    pub(crate) fn fields_get(&self, model: &str, wanted: &[Value]) -> Value {
        let told = |(name, column): (&String, &Column)| {
            let mut described = Map::new();
            let mut tell = |key: &str, value: Value| described.insert(key.to_owned(), value);
            tell("string", json!(name.replace('_', " ")));
            tell("type", json!(column.kind));
            tell("required", json!(column.is_required));
            tell("readonly", json!(column.is_computed));
            if let Some(relation) = column.relation {
                tell("relation", json!(relation));
            }
            if column.kind == "selection" {
                tell("selection", json!(column.choices));
            }
            (name.clone(), Value::Object(described))
        };
        let is_wanted = |name: &String| wanted.is_empty() || wanted.contains(&json!(name));
        let columns = self.models.get(model).into_iter().flatten();
        Value::Object(columns.filter(|(name, _)| is_wanted(name)).map(told).collect())
    }

    pub(crate) fn create(
        &mut self,
        model: &str,
        mut values: Map<String, Value>,
    ) -> Result<u64, Answer> {
        self.check(model, &mut values)?;
        if self.has_column(model, "active") {
            values.entry("active").or_insert(json!(true));
        }
        if model == "crm.lead" {
            values.entry("type").or_insert(json!("lead"));
            values.entry("stage_id").or_insert(json!(1));
            values.entry("team_id").or_insert(json!(1));
        }
        let columns = self.models.get(model).into_iter().flatten();
        let is_missing = |(name, column): &(&String, &Column)| {
            let held = values.get(name.as_str());
            column.is_required && held.is_none_or(|value| *value == Value::Bool(false))
        };
        if let Some((name, _)) = columns.into_iter().find(is_missing) {
            let text = format!(
                "The operation cannot be completed: Missing required value for the field '{name}' ({name}).\nModel: '{model}' ({model})"
            );
            return Err(validation_error(&text));
        }
        let records = self.records.entry(model.to_owned()).or_default();
        let id = records.keys().last().copied().unwrap_or_default() + 1;
        records.insert(id, values);
        Ok(id)
    }

    pub(crate) fn write(
        &mut self,
        model: &str,
        id: u64,
        mut values: Map<String, Value>,
    ) -> Result<(), Answer> {
        self.check(model, &mut values)?;
        let records = self.records.entry(model.to_owned()).or_default();
        let Some(record) = records.get_mut(&id) else { return Err(answer::missing(model, id)) };
        record.extend(values);
        Ok(())
    }

    /// Refuses what the model cannot hold, and reads the commands of lists.
    fn check(&self, model: &str, values: &mut Map<String, Value>) -> Result<(), Answer> {
        for (field, value) in values.iter_mut() {
            let Some(column) = self.column(model, field).filter(|column| !column.is_computed)
            else {
                return Err(value_error(&format!("Invalid field '{field}' in '{model}'")));
            };
            let is_choice = |told: &str| column.choices.iter().any(|(choice, _)| *choice == told);
            match (column.kind.as_str(), &*value) {
                (_, Value::Bool(false)) | ("boolean", Value::Bool(true)) => {}
                ("selection", Value::String(told)) if !column.choices.is_empty() => {
                    if !is_choice(told) {
                        let text = format!("Wrong value for {model}.{field}: '{told}'");
                        return Err(value_error(&text));
                    }
                }
                ("many2one", id) => {
                    let id = id.as_u64().unwrap_or_default();
                    if column.relation.is_some_and(|relation| !self.exists(relation, id)) {
                        let text = "The operation cannot be completed: another model requires the record being deleted.";
                        return Err(validation_error(text));
                    }
                }
                ("many2many", Value::Array(commands)) => {
                    let ids = commands.iter().filter_map(|command| command.get(2)?.as_array());
                    *value = ids.flatten().cloned().collect();
                }
                ("integer" | "float" | "monetary", Value::Number(_)) | (_, Value::String(_)) => {}
                _ => {
                    let text = format!("Wrong value for {model}.{field}: {value}");
                    return Err(value_error(&text));
                }
            }
        }
        Ok(())
    }
}

/// The first address of a field that may hold several.
fn normalized(email: &str) -> Option<String> {
    let mut addresses = email.split([',', ';', ' ', '<', '>']).filter(|part| part.contains('@'));
    addresses.next().map(str::to_lowercase)
}

trait IntoValue {
    /// Odoo says `false` for nothing.
    fn into_value(self) -> Value;
}

impl IntoValue for Option<String> {
    fn into_value(self) -> Value {
        self.map_or(Value::Bool(false), Value::String)
    }
}
