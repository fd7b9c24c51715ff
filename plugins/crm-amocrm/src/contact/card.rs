//! A contact as the host shows it.

use patchbay_sdk::types::{Card, Field, Line, Value as FieldValue};

use crate::account::{Account, Places};
use crate::record::Record;
use crate::values::{EMAIL, PHONE};

pub(crate) fn card(account: &Account, places: &Places, contact: &Record) -> Card {
    let mut fields = Vec::new();
    fields.extend(contact.text("name").map(|name| Field::text("name", name)));
    for (key, code) in [("phone", PHONE), ("email", EMAIL)] {
        let mut texts = contact.texts(code);
        match texts.len() {
            0 => {}
            1 => fields.extend(texts.pop().map(|text| Field::text(key, text))),
            _ => fields.push(Field::new(key, FieldValue::Texts(texts))),
        }
    }
    let is_other = |field: &Field| !matches!(field.key.as_str(), "phone" | "email");
    fields.extend(contact.fields(places).into_iter().filter(is_other));
    let lines = lines(&fields, places);
    Card {
        url: Some(account.contact_url(contact.id)),
        manager: contact.manager(),
        fields,
        lines,
        ..Card::new(contact.id.to_string())
    }
}

/// What agents see, as far as the contact tells it.
fn lines(fields: &[Field], places: &Places) -> Vec<Line> {
    let line = |(key, title): &(String, String)| {
        let field = fields.iter().find(|field| field.key == *key)?;
        Some(Line { title: title.clone(), text: shown(&field.value)?, url: None })
    };
    places.lines.iter().filter_map(line).collect()
}

fn shown(value: &FieldValue) -> Option<String> {
    match value {
        FieldValue::Text(text) | FieldValue::Instant(text) => Some(text.clone()),
        FieldValue::Texts(texts) => Some(texts.join(", ")),
        FieldValue::Number(number) => Some(number.to_string()),
        FieldValue::Flag(flag) => Some(if *flag { "yes" } else { "no" }.to_owned()),
        FieldValue::Empty | FieldValue::Json(_) => None,
    }
}
