//! A partner as Odoo answers it, and the card made of it.

use patchbay_sdk::phone;
use patchbay_sdk::types::{Card, Field, Line, Value as FieldValue};
use serde_json::Value;

use crate::fields;
use crate::html;
use crate::people;
use crate::record::{self, Record};
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

/// `own` are the operator's own fields.
pub(crate) fn asked<'f>(server: &'f Server, own: &'f [String]) -> Vec<&'f str> {
    let lines = server.lines.iter().map(|(field, _)| field.as_str());
    let mut fields = FIELDS.to_vec();
    for field in server.phone_fields.iter().chain(own).map(String::as_str).chain(lines) {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    fields
}

/// A partner of Odoo.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Partner(pub Record);

/// Partners of an answer; `None` where it is not a list of records with ids.
pub(crate) fn partners(answer: Value) -> Option<Vec<Partner>> {
    Some(record::records(answer)?.into_iter().map(Partner).collect())
}

impl Partner {
    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.0.text(field)
    }

    pub(crate) fn is_empty(&self, field: &str) -> bool {
        self.0.is_empty(field)
    }

    /// Every number as it was written, the main one first.
    pub(crate) fn numbers<'p>(&'p self, server: &'p Server) -> impl Iterator<Item = &'p str> {
        server.phones().filter_map(|field| self.text(field))
    }

    /// Whether it is one of the partner's. Odoo's own international form knows the partner's country.
    pub(crate) fn has_number(&self, server: &Server, asked: &str) -> bool {
        let main = self.text("phone").unwrap_or_default();
        phone::matches(asked, main, self.text("phone_sanitized"))
            || self.numbers(server).any(|held| {
                // A number without its country is Odoo's to read, where it is the main one.
                (held != main || phone::international(held).is_some())
                    && phone::matches(asked, held, None)
            })
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

    /// The numbers, the main one in Odoo's international form where it has one.
    fn phones(&self, server: &Server) -> Vec<String> {
        let main =
            self.text("phone").and(self.text("phone_sanitized")).or_else(|| self.text("phone"));
        let others = server.phone_fields.iter().filter_map(|field| self.text(field));
        let mut phones: Vec<String> = Vec::new();
        for phone in main.into_iter().chain(others) {
            if phones.iter().all(|known| phone::digits(known) != phone::digits(phone)) {
                phones.push(phone.to_owned());
            }
        }
        phones
    }

    pub(crate) fn into_card(self, server: &Server, own: &[String]) -> Card {
        let manager = people::named(&self.0, "user_id");
        Card {
            id: self.id().to_string(),
            url: Some(server.url("res.partner", self.id())),
            manager,
            fields: self.fields(server, own),
            lines: self.lines(server),
            matched: Vec::new(),
        }
    }

    fn fields(&self, server: &Server, own: &[String]) -> Vec<Field> {
        let mut told = Vec::new();
        let mut text = |key: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                told.push(Field { key: key.to_owned(), value: FieldValue::Text(value.to_owned()) });
            }
        };
        text("name", self.text("name"));
        text("comment", self.text("comment").map(html::to_text).as_deref());
        text("site", self.text("website"));
        text("country", self.0.reference("country_id").and_then(|(_, name)| name));
        text("region", self.0.reference("state_id").and_then(|(_, name)| name));
        text("city", self.text("city"));
        told.extend(several("phone", self.phones(server)));
        told.extend(several("email", self.emails()));
        told.extend(own.iter().filter_map(|key| fields::value(&self.0, key)));
        told
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
        match self.0.value(field)? {
            Value::String(_) => self.text(field).map(html::to_text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(true) => Some("yes".to_owned()),
            Value::Array(_) => self.0.reference(field)?.1.map(str::to_owned),
            _ => None,
        }
        .filter(|text| !text.is_empty())
    }
}

/// One text, or several; nothing for none.
fn several(key: &str, mut texts: Vec<String>) -> Option<Field> {
    let value = match texts.len() {
        0 => return None,
        1 => FieldValue::Text(texts.pop()?),
        _ => FieldValue::Texts(texts),
    };
    Some(Field::new(key, value))
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
            let card = partner(&record).into_card(&server::example(), &[]);
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
        .into_card(&server, &[]);
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
