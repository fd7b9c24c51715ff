//! A contact as the contract's card.

use patchbay_sdk::types::{Card, Field, Line, Person, Value as FieldValue};
use serde_json::Value;

use crate::bb;
use crate::fm::{self, Kind};
use crate::map;
use crate::people;
use crate::portal::Portal;
use crate::record::{self, Record};

/// Fields without a canonical key that rules may want to look at, beside the portal's own.
const OWN: [&str; 9] = [
    "secondName",
    "lastName",
    "honorific",
    "post",
    "birthdate",
    "typeId",
    "sourceId",
    "companyId",
    "leadId",
];

/// `None` for a record without an id. `users` are those of the answer, for the manager's name.
pub(crate) fn of(portal: &Portal, contact: &Record, users: &[Record]) -> Option<Card> {
    let id = contact.id()?;
    Some(Card {
        id: id.to_string(),
        url: Some(portal.contact_url(id)),
        manager: manager(contact, users),
        fields: fields(contact),
        lines: lines(portal, contact),
        matched: Vec::new(),
    })
}

/// Who looks after a contact or a deal; only the id where the users could not be read.
pub(crate) fn manager(record: &Record, users: &[Record]) -> Option<Person> {
    let id = record.number("assignedById")?;
    let user = users.iter().find(|user| user.id() == Some(id));
    Some(user.and_then(people::person).unwrap_or_else(|| people::only_id(id)))
}

/// Values that stand under the same key in contacts and deals, and the portal's own fields.
pub(crate) fn shared_fields(record: &Record) -> Vec<Field> {
    let mut fields = Vec::new();
    for (name, value) in record.members() {
        if let Some(key) = map::canonical_key(name) {
            fields.extend(record.text(name).map(|text| Field::text(key, bb::shown(&text))));
        } else if name.starts_with("ufCrm") {
            fields.extend(own(value).map(|value| Field::new(name, value)));
        }
    }
    fields
}

fn fields(contact: &Record) -> Vec<Field> {
    let mut fields = Vec::new();
    let parts = ["name", "secondName", "lastName"].map(|part| contact.text(part));
    let name: Vec<String> = parts.into_iter().flatten().collect();
    if !name.is_empty() {
        fields.push(Field::text("name", name.join(" ")));
    }
    for (key, kind) in [("phone", Kind::Phone), ("email", Kind::Email), ("site", Kind::Site)] {
        let mut texts: Vec<String> =
            fm::entries(contact, kind).into_iter().map(|entry| entry.value).collect();
        match texts.len() {
            0 => {}
            1 => fields.extend(texts.pop().map(|text| Field::text(key, text))),
            _ => fields.push(Field::new(key, FieldValue::Texts(texts))),
        }
    }
    for name in OWN {
        let is_zero =
            contact.get(name).is_some_and(|value| record::text(value).as_deref() == Some("0"));
        let value = contact.get(name).and_then(own).filter(|_| !is_zero);
        fields.extend(value.map(|value| Field::new(name, value)));
    }
    fields.extend(shared_fields(contact));
    fields
}

/// `None` for what is empty, in any of its shapes.
fn own(value: &Value) -> Option<FieldValue> {
    match value {
        Value::Null => None,
        Value::Bool(flag) => Some(FieldValue::Flag(*flag)),
        Value::Number(number) => number.as_f64().map(FieldValue::Number),
        Value::String(_) => record::text(value).map(FieldValue::Text),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let texts: Vec<String> = items.iter().filter_map(record::text).collect();
            (!texts.is_empty()).then_some(FieldValue::Texts(texts))
        }
        Value::Object(members) if members.is_empty() => None,
        Value::Array(_) | Value::Object(_) => Some(FieldValue::Json(value.to_string())),
    }
}

fn lines(portal: &Portal, contact: &Record) -> Vec<Line> {
    let line = |(field, title): &(String, String)| {
        let text = match own(contact.get(field)?)? {
            FieldValue::Text(text) | FieldValue::Instant(text) => text,
            FieldValue::Texts(texts) => texts.join(", "),
            FieldValue::Number(number) => number.to_string(),
            FieldValue::Flag(flag) => if flag { "yes" } else { "no" }.to_owned(),
            FieldValue::Json(_) | FieldValue::Empty => return None,
        };
        Some(Line { title: title.clone(), text, url: None })
    };
    portal.lines.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::portal;

    fn card(contact: Value) -> Card {
        let lines = [("ufCrm_1", "Balance"), ("ufCrm_2", "Cities"), ("ufCrm_3", "Nothing")];
        let lines = lines.map(|(field, title)| (field.to_owned(), title.to_owned())).into();
        let user = json!({ "ID": "6", "ACTIVE": true, "NAME": "Olha", "LAST_NAME": "Manager", "EMAIL": "olha@example.test" });
        let users = [Record::of(user).unwrap()];
        of(&Portal { lines, ..portal::example() }, &Record::of(contact).unwrap(), &users).unwrap()
    }

    #[test]
    fn a_contact_becomes_a_card() {
        let card = card(json!({
            "id": 2653, "name": "Anna", "lastName": "Test", "secondName": null, "assignedById": 6,
            "comments": "\n", "sourceDescription": "chat", "utmSource": "ads", "companyId": 0, "leadId": 12,
            "phone": "+380671234567", "email": "anna.test@example.test", "ufCrm_1": 12.5,
            "ufCrm_2": ["Kyiv", "", "Lviv"], "ufCrm_3": [], "ufCrm_4": {}, "opened": "Y",
            "fm": [
                { "id": 8557, "valueType": "MOBILE", "value": "+380501112233", "typeId": "PHONE" },
                { "id": 8553, "valueType": "WORK", "value": "anna.test@example.test", "typeId": "EMAIL" },
                { "id": 8555, "valueType": "WORK", "value": "+380671234567", "typeId": "PHONE" },
            ],
        }));
        assert_eq!(
            card.url.as_deref(),
            Some("https://portal.example.test/crm/contact/details/2653/")
        );
        let manager = card.manager.clone().unwrap();
        assert_eq!(manager.name.as_deref(), Some("Olha Manager"));
        assert_eq!(manager.email.as_deref(), Some("olha@example.test"));
        let texts =
            |texts: &[&str]| FieldValue::Texts(texts.iter().map(|&text| text.to_owned()).collect());
        assert_eq!(card.field("name"), Some(&FieldValue::Text("Anna Test".to_owned())));
        assert_eq!(card.field("phone"), Some(&texts(&["+380671234567", "+380501112233"])));
        assert_eq!(
            card.field("email"),
            Some(&FieldValue::Text("anna.test@example.test".to_owned()))
        );
        assert_eq!(card.field("source"), Some(&FieldValue::Text("chat".to_owned())));
        assert_eq!(card.field("leadId"), Some(&FieldValue::Number(12.0)));
        assert_eq!(
            (card.field("comment"), card.field("companyId"), card.field("opened")),
            (None, None, None)
        );
        let lines: Vec<_> =
            card.lines.iter().map(|line| format!("{}: {}", line.title, line.text)).collect();
        assert_eq!(lines, ["Balance: 12.5", "Cities: Kyiv, Lviv"]);
    }

    #[test]
    fn whatever_is_empty_is_absent() {
        for empty in [json!(null), json!(""), json!([]), json!({}), json!(" ")] {
            let mut contact = json!({ "id": "7" });
            for field in [
                "name",
                "lastName",
                "comments",
                "fm",
                "phone",
                "email",
                "assignedById",
                "ufCrm_1",
                "leadId",
            ] {
                contact[field] = empty.clone();
            }
            let card = card(contact);
            assert_eq!(
                (card.fields, card.manager, card.lines),
                (Vec::new(), None, Vec::new()),
                "{empty}"
            );
            assert_eq!(card.id, "7");
        }
    }

    #[test]
    fn an_unknown_manager_is_an_id() {
        let manager = card(json!({ "id": 7, "assignedById": "9" })).manager.unwrap();
        assert_eq!((manager.id.as_deref(), manager.name), (Some("9"), None));
    }
}
