//! A record as HubSpot answers it: an id and properties, all of them texts.

use serde_json::{Map, Value};

/// A contact, a deal or an activity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    pub id: String,
    properties: Map<String, Value>,
}

impl Object {
    /// A record that holds nothing, to stand for one that is not made yet.
    pub(crate) fn nobody() -> Self {
        Self { id: String::new(), properties: Map::new() }
    }

    /// `None` for a value that is no record with an id.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let id = id(value.get("id")?)?;
        let properties = value.get("properties").and_then(Value::as_object).cloned();
        Some(Self { id, properties: properties.unwrap_or_default() })
    }

    /// The records of `results`; `None` where one of them is none.
    pub(crate) fn list(answer: &Value) -> Option<Vec<Self>> {
        answer.get("results")?.as_array()?.iter().map(Self::read).collect()
    }

    /// The property without the blanks around it; `None` for `null`, blank and unknown ones.
    pub(crate) fn text(&self, property: &str) -> Option<&str> {
        self.properties.get(property)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The parts of a property that holds several: `a;b`.
    pub(crate) fn texts(&self, property: &str) -> impl Iterator<Item = &str> {
        let parts = self.text(property).unwrap_or_default().split(';');
        parts.map(str::trim).filter(|part| !part.is_empty())
    }

    /// Lays over what another answer, or a write, says of the same record.
    pub(crate) fn overlay(&mut self, properties: &Map<String, Value>) {
        for (property, value) in properties {
            self.properties.insert(property.clone(), value.clone());
        }
    }

    pub(crate) fn properties(&self) -> &Map<String, Value> {
        &self.properties
    }

    /// What of these values the record does not have yet. An empty text and nothing are the same.
    pub(crate) fn differing(&self, wanted: Map<String, Value>) -> Map<String, Value> {
        let is_new = |property: &str, value: &Value| {
            self.text(property).unwrap_or_default() != value.as_str().unwrap_or_default().trim()
        };
        wanted.into_iter().filter(|(property, value)| is_new(property, value)).collect()
    }

    /// The id as a number, for the order of age: HubSpot counts upwards.
    pub(crate) fn number(&self) -> u128 {
        self.id.parse().unwrap_or_default()
    }
}

/// An id, which some endpoints tell as a number.
pub(crate) fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Where the next page begins; `None` on the last one.
pub(crate) fn next_page(answer: &Value) -> Option<String> {
    id(answer.get("paging")?.get("next")?.get("after")?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nulls_and_blanks_are_absent() {
        let object = Object::read(&json!({
            "id": 51, "properties": { "city": " Kyiv ", "phone": null, "email": " ", "tags": "a; ;b" },
        }))
        .unwrap();
        assert_eq!((object.id.as_str(), object.text("city")), ("51", Some("Kyiv")));
        assert_eq!(
            (object.text("phone"), object.text("email"), object.text("fax")),
            (None, None, None)
        );
        assert_eq!(object.texts("tags").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(Object::read(&json!({ "properties": {} })), None);
        assert_eq!(Object::list(&json!({ "results": [{ "id": "1" }, {}] })), None);
    }

    #[test]
    fn only_what_differs_is_written() {
        let object = Object::read(&json!({ "id": "1", "properties": { "city": "Kyiv" } })).unwrap();
        let wanted = json!({ "city": "Kyiv", "state": "", "website": "a" });
        let left = object.differing(wanted.as_object().unwrap().clone());
        assert_eq!(Value::Object(left), json!({ "website": "a" }));
    }

    #[test]
    fn the_last_page_names_no_next_one() {
        assert_eq!(
            next_page(&json!({ "paging": { "next": { "after": 701 } } })).as_deref(),
            Some("701")
        );
        for last in [json!({}), json!({ "paging": null }), json!({ "paging": { "next": {} } })] {
            assert_eq!(next_page(&last), None);
        }
    }
}
