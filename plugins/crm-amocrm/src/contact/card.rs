//! A contact as the host shows it.

use patchbay_sdk::types::{Card, Field, Value as FieldValue};

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
    Card {
        url: Some(account.contact_url(contact.id)),
        manager: contact.manager(),
        fields,
        ..Card::new(contact.id.to_string())
    }
}
