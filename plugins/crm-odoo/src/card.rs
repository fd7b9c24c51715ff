//! A partner as Odoo answers it, and the card made of it.

use patchbay_sdk::types::{Card, Field, Line, Person, Value as FieldValue};
use serde_json::{Map, Value};

use crate::html;
use crate::server::Server;

/// What is asked of each partner, besides the fields of the account's lines.
const FIELDS: [&str; 13] = [
    "id",
    "name",
    "email",
    "email_normalized",
    "phone",
    "phone_sanitized",
    "ref",
    "website",
    "comment",
    "city",
    "state_id",
    "country_id",
    "user_id",
];

/// A partner. Odoo says `false` for whatever is empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Partner {
    pub id: u64,
    values: Map<String, Value>,
}

pub(crate) fn asked(server: &Server) -> Vec<&str> {
    let lines = server
        .lines
        .iter()
        .map(|(field, _)| field.as_str())
        .filter(|field| !FIELDS.contains(field));
    FIELDS.into_iter().chain(lines).collect()
}

/// Partners of an answer; `None` where it is not a list of records with ids.
pub(crate) fn partners(answer: Value) -> Option<Vec<Partner>> {
    let Value::Array(rows) = answer else { return None };
    rows.into_iter()
        .map(|row| match row {
            Value::Object(values) => Some(Partner { id: values.get("id")?.as_u64()?, values }),
            _ => None,
        })
        .collect()
}

impl Partner {
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.values.get(field)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// Whether nothing is in the field, or it was not asked for.
    pub(crate) fn is_empty(&self, field: &str) -> bool {
        match self.values.get(field) {
            None | Some(Value::Null | Value::Bool(false)) => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            Some(_) => false,
        }
    }

    /// Every address in lower case, Odoo's own reading of the field first.
    pub(crate) fn emails(&self) -> Vec<String> {
        let written = self.text("email").unwrap_or_default().split([',', ';', ' ', '<', '>']);
        let mut emails = Vec::new();
        for email in self.text("email_normalized").into_iter().chain(written) {
            let email = email.to_lowercase();
            if email.contains('@') && !emails.contains(&email) {
                emails.push(email);
            }
        }
        emails
    }

    /// The number in Odoo's international form where it has one, else as it was written.
    fn phone(&self) -> Option<&str> {
        self.text("phone_sanitized").or_else(|| self.text("phone"))
    }

    /// The id and the name of the record that a field refers to: `[2, "Administrator"]`.
    fn reference(&self, field: &str) -> Option<(u64, Option<&str>)> {
        let [id, name] = self.values.get(field)?.as_array()?.as_slice() else { return None };
        Some((id.as_u64()?, name.as_str().filter(|name| !name.trim().is_empty())))
    }

    pub(crate) fn into_card(self, server: &Server) -> Card {
        let manager = self.reference("user_id").map(|(id, name)| Person {
            id: Some(id.to_string()),
            name: name.map(str::to_owned),
            email: None,
            phone: None,
            active: true,
        });
        Card {
            id: self.id.to_string(),
            url: Some(server.card_url(self.id)),
            manager,
            fields: self.fields(),
            lines: self.lines(server),
            matched: Vec::new(),
        }
    }

    fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        let mut text = |key: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                fields
                    .push(Field { key: key.to_owned(), value: FieldValue::Text(value.to_owned()) });
            }
        };
        text("name", self.text("name"));
        text("phone", self.phone());
        text("comment", self.text("comment").map(html::to_text).as_deref());
        text("site", self.text("website"));
        text("country", self.reference("country_id").and_then(|(_, name)| name));
        text("region", self.reference("state_id").and_then(|(_, name)| name));
        text("city", self.text("city"));
        let mut emails = self.emails();
        let email = match emails.len() {
            0 => None,
            1 => emails.pop().map(FieldValue::Text),
            _ => Some(FieldValue::Texts(emails)),
        };
        fields.extend(email.map(|value| Field { key: "email".to_owned(), value }));
        fields
    }

    fn lines(&self, server: &Server) -> Vec<Line> {
        server
            .lines
            .iter()
            .filter_map(|(field, title)| {
                Some(Line { title: title.clone(), text: self.shown(field)?, url: None })
            })
            .collect()
    }

    /// The value as an agent reads it; a list of ids says nothing and is left out.
    fn shown(&self, field: &str) -> Option<String> {
        match self.values.get(field)? {
            Value::String(_) => self.text(field).map(html::to_text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(true) => Some("yes".to_owned()),
            Value::Array(_) => self.reference(field)?.1.map(str::to_owned),
            _ => None,
        }
        .filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::server;

    fn partner(value: &Value) -> Partner {
        partners(json!([value])).unwrap().remove(0)
    }

    #[test]
    fn whatever_odoo_calls_empty_is_absent() {
        for empty in [json!(false), json!(null), json!(""), json!(" "), json!([])] {
            let mut record = json!({ "id": 6 });
            for field in FIELDS.iter().filter(|field| **field != "id") {
                record[*field] = empty.clone();
            }
            let card = partner(&record).into_card(&server::example());
            assert_eq!((card.fields, card.manager), (Vec::new(), None), "{empty}");
        }
    }

    #[test]
    fn a_partner_becomes_a_card() {
        let server = Server {
            lines: vec![
                ("credit".to_owned(), "Balance".to_owned()),
                ("function".to_owned(), "Position".to_owned()),
                ("property_payment_term_id".to_owned(), "Terms".to_owned()),
                ("category_id".to_owned(), "Tags".to_owned()),
            ],
            ..server::example()
        };
        let card = partner(&json!({
            "id": 6, "name": "Anna Test", "email": "Anna <anna.test@example.test>; second@example.test",
            "email_normalized": "anna.test@example.test", "phone": "067 123-45-67",
            "phone_sanitized": "+380671234567", "comment": "<p>made by test</p>", "country_id": [229, "Ukraine"],
            "state_id": false, "user_id": [2, "Administrator"], "credit": 12.5, "function": false,
            "property_payment_term_id": [4, "30 days"], "category_id": [1, 2, 3],
        }))
        .into_card(&server);
        let text = |key: &str| {
            card.fields.iter().find(|field| field.key == key).map(|field| field.value.clone())
        };
        assert_eq!(text("phone"), Some(FieldValue::Text("+380671234567".to_owned())));
        assert_eq!(text("comment"), Some(FieldValue::Text("made by test".to_owned())));
        assert_eq!(text("country"), Some(FieldValue::Text("Ukraine".to_owned())));
        assert_eq!(
            text("email"),
            Some(FieldValue::Texts(vec![
                "anna.test@example.test".to_owned(),
                "second@example.test".to_owned()
            ]))
        );
        assert_eq!(card.manager.unwrap().id.as_deref(), Some("2"));
        let lines: Vec<_> =
            card.lines.iter().map(|line| format!("{}: {}", line.title, line.text)).collect();
        assert_eq!(lines, ["Balance: 12.5", "Terms: 30 days"]);
        assert_eq!(card.url.as_deref(), Some("https://odoo.example.test/odoo/res.partner/6"));
    }

    #[test]
    fn an_answer_without_ids_is_none_of_odoo() {
        for answer in
            [json!({}), json!(true), json!([1]), json!([{ "name": "x" }]), json!([{ "id": "6" }])]
        {
            assert_eq!(partners(answer.clone()), None, "{answer}");
        }
    }
}
