//! One adapter with a fault that the test chooses: what it says of itself, and its contacts.

use std::cell::Cell;

use serde_json::{Value as Json, json};

use super::super::REQUEST_BYTES_MAX;
use super::crm::{all, has, id, send, write};
use crate::about::{Auth, Manifest};
use crate::types::{Card, Error, Field, FieldSpec, FieldType, Identifier, Native, Problem, Value};
use crate::{Adapter, Contacts, phone};

pub(super) struct Faulty;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn text(identifier: &Identifier) -> String {
    match identifier {
        Identifier::Phone(text) | Identifier::Email(text) | Identifier::Card(text) => text.clone(),
        Identifier::External(external) => format!("{}:{}", external.system, external.id),
    }
}

fn is_of(record: &Json, identifier: &Identifier) -> bool {
    let held = record["title"].as_array().unwrap().iter().filter_map(Json::as_str);
    let asked = text(identifier);
    match identifier {
        Identifier::Card(asked) => id(record) == *asked,
        Identifier::Phone(_) if !has("literal") => {
            held.into_iter().any(|held| phone::matches(&asked, held, None))
        }
        Identifier::Email(_) if has("one-eyed") => false,
        _ => held.into_iter().any(|held| held.eq_ignore_ascii_case(&asked)),
    }
}

pub(super) fn spec(key: &str) -> FieldSpec {
    FieldSpec {
        key: key.to_owned(),
        title: key.to_owned(),
        type_: FieldType::Text,
        required: false,
        repeated: false,
        choices: Vec::new(),
    }
}

impl Adapter for Faulty {
    fn describe() -> Manifest {
        Manifest {
            name: "crm-faulty".to_owned(),
            version: "0.1.0".to_owned(),
            title: "Faulty".to_owned(),
            vendor: "Example".to_owned(),
            settings: Vec::new(),
            egress: Vec::new(),
            auth: Auth::None,
            rate_limit: None,
        }
    }
}

impl Contacts for Faulty {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        let choices = vec![("a".to_owned(), "A".to_owned())];
        Ok(match () {
            () if has("undescribed") => Vec::new(),
            () if has("untitled-field") => vec![FieldSpec { title: String::new(), ..spec("name") }],
            () if has("twice-described") => vec![spec("name"), spec("name")],
            () if has("choices") => vec![FieldSpec { choices, ..spec("name") }],
            () => vec![spec("name")],
        })
    }

    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        if has("talkative") {
            all("card")?;
        }
        if has("chatty") {
            for _ in 0..17 {
                all("card")?;
            }
        }
        let mut cards = Vec::new();
        if has("stranger") {
            cards.push(Card::new("7"));
        }
        for record in all("card")? {
            let matched: Vec<_> = any_of.iter().filter(|it| is_of(&record, it)).cloned().collect();
            if !matched.is_empty() && !has("blind") {
                let matched = if has("silent") { Vec::new() } else { matched };
                cards.push(Card { matched, ..Card::new(id(&record)) });
            }
        }
        Ok(cards)
    }

    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        if has("impure") {
            CALLS.set(CALLS.get() + 1);
        }
        let value = fields.first().map(|field| &field.value);
        match value {
            Some(Value::Flag(_)) if has("no-problems") => return Err(Vec::new()),
            Some(Value::Text(text)) if has("tells") => return Err(vec![Problem::general(text)]),
            _ => {}
        }
        let client: Vec<String> = client.iter().map(text).collect();
        Ok(json!({ "client": client, "calls": CALLS.get() }).to_string())
    }

    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        let native: Json = serde_json::from_str(&contact).unwrap();
        let client = &native["client"];
        let record = match id.filter(|_| !has("credulous")) {
            None if has("fat") => {
                write("card", None, &json!("x".repeat(REQUEST_BYTES_MAX)), &idempotency_key)?
            }
            None => write("card", None, client, &idempotency_key)?,
            Some(id) => {
                let body = json!({ "kind": "card", "id": id, "title": client });
                send("POST", &body, true)?
            }
        };
        let id = self::id(&record);
        let is_moved = has("moving") && idempotency_key.starts_with("change");
        Ok(Card::new(if is_moved { format!("{id}0") } else { id }))
    }
}
