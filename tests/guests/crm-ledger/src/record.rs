//! Records of the ledger, made of the contract's types and read back.

use patchbay_sdk::types::{
    Card, Deal, Error, ExternalId, Field, FieldSpec, FieldType, Identifier, Line, Native, Person,
    Problem, Value,
};
use serde_json::{Map, Value as Json, json};

/// Cards answered at most, as the contract says.
pub(crate) const CARDS_MAX: usize = 20;

/// `phone:+15550100`, `email:anna@example.com`, `jivo:42`, `card:c1`.
pub(crate) fn identifier(identifier: &Identifier) -> String {
    match identifier {
        Identifier::Phone(phone) => format!("phone:{phone}"),
        Identifier::Email(email) => format!("email:{email}"),
        Identifier::External(ExternalId { system, id }) => format!("external:{system}:{id}"),
        Identifier::Card(id) => format!("card:{id}"),
    }
}

/// The native record of a contact. Phones and e-mails are identifiers, wherever they come from.
pub(crate) fn contact(client: &[Identifier], fields: &[Field]) -> Native {
    let findable = client.iter().filter(|known| !matches!(known, Identifier::Card(_)));
    let mut identifiers: Vec<String> = findable.map(identifier).collect();
    let is_identifier = |field: &&Field| matches!(field.key.as_str(), "phone" | "email");
    let mut main = Vec::new();
    for field in fields.iter().filter(is_identifier) {
        main.extend(field.value.texts().iter().map(|text| format!("{}:{text}", field.key)));
    }
    identifiers.extend_from_slice(&main);
    identifiers.dedup();
    let others: Vec<&Field> = fields.iter().filter(|field| !is_identifier(field)).collect();
    let fields = fields_json(&others);
    json!({ "identifiers": identifiers, "main": main, "fields": fields }).to_string()
}

/// The native record of a deal.
pub(crate) fn deal_fields(fields: &[Field]) -> Native {
    json!({ "fields": fields_json(&fields.iter().collect::<Vec<_>>()) }).to_string()
}

/// Reads a native record of either kind.
pub(crate) fn native(native: &str) -> Result<Json, Error> {
    let record = serde_json::from_str::<Json>(native).ok().filter(Json::is_object);
    let problem = || Problem::general("the record is none that this adapter makes");
    record.ok_or_else(|| Error::Invalid(vec![problem()]))
}

/// A contact as a card; `asked` are the identifiers whose places it names as matched.
pub(crate) fn card(contact: &Json, asked: &[Identifier]) -> Card {
    let matched = contact["matched"].as_array().into_iter().flatten();
    let place = |place: &Json| asked.get(usize::try_from(place.as_u64()?).ok()?).cloned();
    let mut fields = fields(&contact["fields"]);
    for key in ["phone", "email"] {
        let held = contact["identifiers"].as_array().into_iter().flatten();
        let held = held.filter_map(|held| held.as_str()?.strip_prefix(key)?.strip_prefix(':'));
        let held: Vec<String> = held.map(str::to_owned).collect();
        if !held.is_empty() {
            fields.push(Field::new(key, Value::Texts(held)));
        }
    }
    Card {
        url: own(contact, "url"),
        manager: contact.get("person").map(person),
        fields,
        lines: contact["lines"].as_array().into_iter().flatten().map(line).collect(),
        matched: matched.filter_map(place).collect(),
        ..Card::new(text(contact, "id"))
    }
}

fn line(line: &Json) -> Line {
    Line { title: text(line, "title"), text: text(line, "text"), url: own(line, "url") }
}

pub(crate) fn deal(deal: &Json) -> Deal {
    let fields = fields(&deal["fields"]);
    let of = |key: &str| deal["fields"][key].as_str().map(str::to_owned);
    Deal {
        id: text(deal, "id"),
        url: None,
        title: of("title").unwrap_or_default(),
        stage: of("stage"),
        manager: deal.get("person").map(person),
        fields,
    }
}

pub(crate) fn person(person: &Json) -> Person {
    let own = |key: &str| own(person, key);
    Person {
        id: own("id"),
        name: own("name"),
        // The ledger lets in by e-mail, so that a login is as good as one.
        email: own("email").or_else(|| own("login")),
        phone: own("phone"),
        active: person["active"].as_bool().unwrap_or_default(),
    }
}

/// One field that the ledger says it can hold.
pub(crate) fn spec(field: &Json) -> FieldSpec {
    let choices = field["choices"].as_array().into_iter().flatten();
    let choice = |choice: &Json| Some((own_at(choice, 0)?, own_at(choice, 1)?));
    FieldSpec {
        key: text(field, "key"),
        title: own(field, "title").unwrap_or_else(|| text(field, "key")),
        type_: match field["type"].as_str() {
            Some("number") => FieldType::Number,
            Some("flag") => FieldType::Flag,
            Some("instant") => FieldType::Instant,
            Some("choice") => FieldType::Choice,
            Some("phone") => FieldType::Phone,
            Some("email") => FieldType::Email,
            Some("url") => FieldType::Url,
            _ => FieldType::Text,
        },
        required: field["required"].as_bool().unwrap_or_default(),
        repeated: field["repeated"].as_bool().unwrap_or_default(),
        choices: choices.filter_map(choice).collect(),
    }
}

fn own_at(list: &Json, place: usize) -> Option<String> {
    list.get(place)?.as_str().map(str::to_owned)
}

fn own(record: &Json, key: &str) -> Option<String> {
    record[key].as_str().map(str::to_owned)
}

pub(crate) fn nobody() -> Person {
    Person { id: None, name: None, email: None, phone: None, active: true }
}

/// A text that is always there.
pub(crate) fn text(record: &Json, key: &str) -> String {
    record[key].as_str().unwrap_or_default().to_owned()
}

fn fields_json(fields: &[&Field]) -> Map<String, Json> {
    fields.iter().map(|field| (field.key.clone(), value_json(&field.value))).collect()
}

fn value_json(value: &Value) -> Json {
    match value {
        Value::Empty => Json::Null,
        Value::Text(text) | Value::Instant(text) => json!(text),
        Value::Number(number) => json!(number),
        Value::Flag(flag) => json!(flag),
        Value::Texts(texts) => json!(texts),
        Value::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

fn fields(fields: &Json) -> Vec<Field> {
    let fields = fields.as_object().into_iter().flatten();
    fields.map(|(key, value)| Field::new(key, value_of(value))).collect()
}

fn value_of(value: &Json) -> Value {
    match value {
        Json::Null => Value::Empty,
        Json::Bool(flag) => Value::Flag(*flag),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(texts) if texts.iter().all(Json::is_string) => {
            Value::Texts(texts.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect())
        }
        other => other.as_f64().map_or_else(|| Value::Json(other.to_string()), Value::Number),
    }
}
