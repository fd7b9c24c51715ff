//! A contact or a deal as the CRM answers it, read with tolerance: `null`, `[]` and `{}` are empty.

use patchbay_sdk::types::{Field, Person, Value as FieldValue};
use serde_json::{Map, Value, json};

use crate::account::Places;
use crate::values;

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub id: u64,
    values: Map<String, Value>,
}

impl Record {
    /// `None` for what has no id.
    pub(crate) fn read(value: Value) -> Option<Self> {
        let Value::Object(values) = value else { return None };
        Some(Self { id: values.get("id")?.as_u64()?, values })
    }

    pub(crate) fn read_all(values: Vec<Value>) -> Vec<Self> {
        values.into_iter().filter_map(Self::read).collect()
    }

    /// A record that was just written.
    pub(crate) fn written(id: u64, sent: &Value) -> Self {
        Self { id, values: sent.as_object().cloned().unwrap_or_default() }
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        values::cleaned(self.values.get(key)?.as_str()?)
    }

    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.values.get(key)?.as_u64().filter(|number| 0 < *number)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.values.get("is_deleted") == Some(&Value::Bool(true))
    }

    /// The manager's name is not told here: `list-managers` knows it.
    pub(crate) fn manager(&self) -> Option<Person> {
        let id = self.number("responsible_user_id")?;
        Some(Person {
            id: Some(id.to_string()),
            name: None,
            email: None,
            phone: None,
            active: true,
        })
    }

    /// Ids of the records that this one is linked to.
    pub(crate) fn linked(&self, kind: &str) -> Vec<u64> {
        let records = self.embedded(kind);
        records.iter().filter_map(|record| record.get("id")?.as_u64()).collect()
    }

    /// The names of the tags, by which they are written too.
    pub(crate) fn tags(&self) -> Vec<String> {
        let name = |tag: &Value| values::cleaned(tag.get("name")?.as_str()?);
        self.embedded("tags").iter().filter_map(name).collect()
    }

    /// The values of the custom field that `is_it` knows.
    pub(crate) fn values(&self, is_it: impl Fn(&Value) -> bool) -> &[Value] {
        let entry = self.entries().iter().find(|entry| is_it(entry));
        let values = entry.and_then(|entry| entry.get("values")).and_then(Value::as_array);
        values.map_or(&[], Vec::as_slice)
    }

    /// The values of the field with this code.
    pub(crate) fn coded(&self, code: &str) -> &[Value] {
        self.values(|entry| entry.get("field_code").and_then(Value::as_str) == Some(code))
    }

    /// The texts of the field with this code.
    pub(crate) fn texts(&self, code: &str) -> Vec<String> {
        let text = |value: &Value| values::cleaned(value.get("value")?.as_str()?);
        self.coded(code).iter().filter_map(text).collect()
    }

    /// Ids that other systems gave, as the operator's field holds them.
    pub(crate) fn external(&self, field: Option<u64>) -> Vec<String> {
        let Some(field) = field else { return Vec::new() };
        let values =
            self.values(|entry| entry.get("field_id").and_then(Value::as_u64) == Some(field));
        let texts = values.iter().filter_map(|value| value.get("value")?.as_str());
        texts.flat_map(str::split_whitespace).map(str::to_owned).collect()
    }

    /// Tags and custom fields under the host's keys.
    pub(crate) fn fields(&self, places: &Places) -> Vec<Field> {
        let mut fields = Vec::new();
        let mut tags = self.tags();
        match tags.len() {
            0 => {}
            1 => fields.extend(tags.pop().map(|tag| Field::text("tag", tag))),
            _ => fields.push(Field::new("tag", FieldValue::Texts(tags))),
        }
        for entry in self.entries() {
            let is_external = entry.get("field_id").and_then(Value::as_u64) == places.external;
            if is_external && places.external.is_some() {
                continue;
            }
            let kind = entry.get("field_type").and_then(Value::as_str);
            let held = entry.get("values").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let value = values::shown(kind, held);
            if let (Some(key), Some(value)) = (values::key_of(entry, Some(places)), value) {
                fields.push(Field::new(key, value));
            }
        }
        fields
    }

    /// The record with what was written over it.
    pub(crate) fn overlaid(mut self, sent: &Value) -> Self {
        for (key, value) in sent.as_object().into_iter().flatten() {
            match (key.as_str(), value) {
                ("id", _) => {}
                ("custom_fields_values", Value::Array(changed)) => {
                    let held = values::member(&mut self.values, key);
                    if !held.is_array() {
                        *held = json!([]);
                    }
                    values::overlay(held.as_array_mut().expect("made one above"), changed);
                }
                ("_embedded", Value::Object(changed)) => {
                    let held = values::member(&mut self.values, key);
                    if !held.is_object() {
                        *held = json!({});
                    }
                    let held = held.as_object_mut().expect("made one above");
                    held.extend(changed.iter().map(|(key, value)| (key.clone(), value.clone())));
                }
                _ => {
                    self.values.insert(key.clone(), value.clone());
                }
            }
        }
        self
    }

    fn entries(&self) -> &[Value] {
        let entries = self.values.get("custom_fields_values").and_then(Value::as_array);
        entries.map_or(&[], Vec::as_slice)
    }

    fn embedded(&self, kind: &str) -> &[Value] {
        let list = self.values.get("_embedded").and_then(|embedded| embedded.get(kind));
        list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: Value) -> Record {
        Record::read(value).unwrap()
    }

    #[test]
    fn whatever_php_calls_empty_is_absent() {
        for empty in [json!(null), json!([]), json!({}), json!("")] {
            let record = record(json!({
                "id": 3, "name": empty, "responsible_user_id": empty, "custom_fields_values": empty,
                "_embedded": empty, "is_deleted": empty,
            }));
            assert_eq!((record.text("name"), record.manager()), (None, None), "{empty}");
            assert_eq!(
                (record.fields(&Places::default()), record.linked("leads")),
                (vec![], vec![])
            );
            assert!(!record.is_deleted());
        }
    }

    #[test]
    fn what_has_no_id_is_no_record() {
        for value in [json!({}), json!([]), json!({ "id": "3" }), json!({ "id": -1 })] {
            assert_eq!(Record::read(value), None);
        }
    }

    #[test]
    fn ids_of_other_systems_stand_one_a_line_and_are_no_field() {
        let record = record(json!({ "id": 3, "custom_fields_values": [
            { "field_id": 9, "field_type": "textarea", "values": [{ "value": "jivo:1\n telegram:2 " }] },
            { "field_id": 10, "field_type": "text", "values": [{ "value": "x" }] },
        ] }));
        let places = Places { external: Some(9), ..Places::default() };
        assert_eq!(record.external(Some(9)), ["jivo:1", "telegram:2"]);
        assert_eq!(record.external(None), Vec::<String>::new());
        assert_eq!(record.fields(&places), [Field::text("cf_10", "x")]);
    }

    #[test]
    fn what_was_written_stands_over_what_was_read() {
        let sent = json!({
            "id": 3, "name": "New",
            "custom_fields_values": [{ "field_code": "PHONE", "values": [{ "value": "+1" }] }],
            "_embedded": { "tags": [{ "name": "vip" }] },
        });
        let held = json!({ "id": 3, "name": "Old", "custom_fields_values": null, "_embedded": [] });
        let record = record(held).overlaid(&sent);
        assert_eq!(record.text("name").as_deref(), Some("New"));
        assert_eq!(record.texts("PHONE"), ["+1"]);
        assert_eq!(record.tags(), ["vip"]);
    }
}
