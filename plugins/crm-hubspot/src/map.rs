//! Canonical fields to HubSpot's properties. Pure, and total: every input has an answer.

use patchbay_sdk::phone;
use patchbay_sdk::types::{Field, Identifier, Problem, Value as FieldValue};
use serde_json::{Map, Value};

use crate::{lookup, names, value};

/// In a native record: what is written.
pub(crate) const PROPERTIES: &str = "properties";

/// In a native record: what the client shall be found by, to go where there is room.
pub(crate) const ADD: &str = "add";

/// Places for phones: `phone` and `mobilephone`.
const PHONES_MAX: usize = 2;

/// The properties of a record, and what is wrong with its fields.
#[derive(Default)]
struct Mapped {
    properties: Map<String, Value>,
    problems: Vec<Problem>,
}

/// The record of a contact. `external` is the property for ids of other systems.
pub(crate) fn contact(
    client: &[Identifier],
    fields: &[Field],
    external: Option<&str>,
) -> Result<String, Vec<Problem>> {
    let mut mapped = Mapped::default();
    for Field { key, value } in fields {
        let known = names::CONTACT.iter().find(|(canonical, _)| canonical == key);
        match (key.as_str(), known) {
            ("name", _) => mapped.name(value),
            ("phone", _) => mapped.phones(value),
            ("email", _) => mapped.emails(value),
            (_, Some((_, property))) => mapped.plain(key, property, value),
            (key, None) if names::NO_PLACE.contains(&key) => {}
            (key, None) => mapped.own(key, value),
        }
    }
    let add = add(client, &mapped.properties, external);
    mapped.record(add)
}

/// The record of a deal.
pub(crate) fn deal(fields: &[Field]) -> Result<String, Vec<Problem>> {
    let mut mapped = Mapped::default();
    for Field { key, value } in fields {
        let known = names::DEAL.iter().find(|(canonical, _)| canonical == key);
        match (key.as_str(), known) {
            (_, Some((_, property))) => mapped.plain(key, property, value),
            (key, None) if names::NO_PLACE.contains(&key) => {}
            (key, None) if names::NO_PLACE_IN_DEALS.contains(&key) => {}
            (key, None) => mapped.own(key, value),
        }
    }
    mapped.record(Map::new())
}

impl Mapped {
    fn set(&mut self, property: &str, text: String) {
        self.properties.insert(property.to_owned(), Value::String(text));
    }

    fn refuse(&mut self, key: &str, message: &str) {
        self.problems.push(Problem::new(key, message));
    }

    fn plain(&mut self, key: &str, property: &str, value: &FieldValue) {
        match value::plain(value) {
            Ok(Some(text)) => self.set(property, text),
            Ok(None) => {}
            Err(message) => self.refuse(key, message),
        }
    }

    /// A property that the operator named.
    fn own(&mut self, key: &str, value: &FieldValue) {
        if !names::is_name(key) {
            return self.refuse(key, "is neither a canonical key nor the name of a property");
        }
        if names::OWN.contains(&key) {
            return self.refuse(key, "is filled by HubSpot itself");
        }
        match value::property(value) {
            Ok(Some(text)) => self.set(key, text),
            Ok(None) => {}
            Err(message) => self.refuse(key, message),
        }
    }

    /// A whole name replaces both of its halves.
    fn name(&mut self, value: &FieldValue) {
        match value::plain(value) {
            Ok(Some(name)) => {
                let (first, last) = name.split_once(char::is_whitespace).unwrap_or((&name, ""));
                self.set(names::FIRST_NAME, first.to_owned());
                self.set(names::LAST_NAME, last.trim_start().to_owned());
            }
            Ok(None) => {}
            Err(message) => self.refuse("name", message),
        }
    }

    /// One phone leaves the second place as it is; a list fills both, and has no third.
    fn phones(&mut self, value: &FieldValue) {
        match value::several(value) {
            Ok(None) => {
                self.set(names::PHONE, String::new());
                self.set(names::MOBILE, String::new());
            }
            Ok(Some(phones)) => {
                let places = [names::PHONE, names::MOBILE];
                for (place, phone) in places.into_iter().zip(phones) {
                    self.set(place, phone);
                }
            }
            Err(message) => self.refuse("phone", message),
        }
    }

    fn emails(&mut self, value: &FieldValue) {
        let emails = match value::several(value) {
            Ok(emails) => emails,
            Err(message) => return self.refuse("email", message),
        };
        let Some(emails) = emails else { return self.set(names::EMAIL, String::new()) };
        let emails: Vec<String> = emails.iter().map(|email| email.to_lowercase()).collect();
        if !emails.iter().all(|email| value::is_email(email)) {
            return self.refuse("email", "is no e-mail address");
        }
        if let Some((first, more)) = emails.split_first() {
            self.set(names::EMAIL, first.clone());
            if !more.is_empty() {
                self.set(names::MORE_EMAILS, more.join(";"));
            }
        }
    }

    fn record(self, add: Map<String, Value>) -> Result<String, Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let mut record = Map::new();
        for (name, part) in [(PROPERTIES, self.properties), (ADD, add)] {
            if !part.is_empty() {
                record.insert(name.to_owned(), Value::Object(part));
            }
        }
        Ok(Value::Object(record).to_string())
    }
}

/// What the contact shall be found by, as far as the properties do not say it already.
fn add(
    client: &[Identifier],
    properties: &Map<String, Value>,
    external: Option<&str>,
) -> Map<String, Value> {
    let texts = |property: &str| {
        let text = properties.get(property).and_then(Value::as_str).unwrap_or_default();
        text.split(';').map(str::to_owned).collect::<Vec<_>>()
    };
    let held_phones = [texts(names::PHONE), texts(names::MOBILE)].concat();
    let held_emails = [texts(names::EMAIL), texts(names::MORE_EMAILS)].concat();
    let (mut phones, mut emails): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut add = Map::new();
    for identifier in client {
        match identifier {
            Identifier::Phone(number) => {
                let is_held = |held: &String| phone::matches(number, held, None);
                let is_phone = phone::searched(number).is_some();
                let is_known = held_phones.iter().chain(&phones).any(is_held);
                if let (true, false, Some(number)) = (is_phone, is_known, value::cleaned(number)) {
                    phones.push(number);
                }
            }
            Identifier::Email(email) => {
                let email = email.trim().to_lowercase();
                let is_known = held_emails.contains(&email) || emails.contains(&email);
                if value::is_email(&email) && !is_known {
                    emails.push(email);
                }
            }
            Identifier::External(id) => {
                let text = lookup::reference(id).and_then(|text| value::cleaned(&text));
                let is_free = external.is_some_and(|own| !properties.contains_key(own));
                if let (true, Some(text)) = (is_free, text) {
                    // The first of them: a contact has one place for it.
                    add.entry("external").or_insert(Value::String(text));
                }
            }
            Identifier::Card(_) => {}
        }
    }
    phones.truncate(PHONES_MAX);
    for (name, texts) in [("phones", phones), ("emails", emails)] {
        if !texts.is_empty() {
            add.insert(name.to_owned(), texts.into());
        }
    }
    add
}

#[cfg(test)]
mod tests;
