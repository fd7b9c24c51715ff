//! The ledger as a CRM that has contacts and notes, and neither deals nor tasks nor managers.

#![expect(clippy::indexing_slicing, reason = "JSON that is not there is `null`")]

#[path = "../../crm-ledger/src/client.rs"]
mod client;
#[path = "../../crm-ledger/src/notes.rs"]
mod notes;
#[path = "../../crm-ledger/src/record.rs"]
#[expect(dead_code, reason = "what only deals and managers need")]
mod record;

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};
use patchbay_sdk::notes::Note;
use patchbay_sdk::types::{
    Card, Error, Field, FieldSpec, FieldType, Identifier, Native, Problem, Subject,
};
use patchbay_sdk::{Adapter, Contacts, Notes};
use serde_json::json;

use crate::client::{Effect, call, segment};

/// The adapter.
#[derive(Debug)]
pub struct Plain;

patchbay_sdk::export_crm!(Plain: notes);

impl Adapter for Plain {
    fn describe() -> Manifest {
        Manifest {
            name: "crm-plain".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "Plain ledger".to_owned(),
            vendor: "Ledger (for tests)".to_owned(),
            settings: vec![
                setting("base-url", "Address", SettingType::Url, false),
                setting("key", "Key", SettingType::Text, true),
            ],
            egress: vec!["setting:base-url".to_owned()],
            auth: Auth::Settings,
            rate_limit: None,
        }
    }
}

fn setting(key: &str, title: &str, type_: SettingType, secret: bool) -> Setting {
    Setting {
        key: key.to_owned(),
        title: title.to_owned(),
        help: "The ledger prints it when it starts".to_owned(),
        type_,
        choices: Vec::new(),
        required: true,
        secret,
        default_value: None,
    }
}

impl Contacts for Plain {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        let field = |(key, type_): (&str, FieldType)| FieldSpec {
            key: key.to_owned(),
            title: key.to_owned(),
            type_,
            required: false,
            repeated: false,
            choices: Vec::new(),
        };
        let fields = [("name", FieldType::Text), ("phone", FieldType::Phone)];
        Ok(fields.map(field).into())
    }

    fn lookup_client(any_of: Vec<Identifier>) -> Result<Vec<Card>, Error> {
        let identifiers: Vec<String> = any_of.iter().map(record::identifier).collect();
        let body = json!({ "identifiers": identifiers });
        let answer = call(Effect::Read, "POST", "/lookup", None, &body)?;
        let cards = answer["cards"].as_array().into_iter().flatten();
        Ok(cards.map(|card| record::card(card, &any_of)).take(record::CARDS_MAX).collect())
    }

    fn map_fields(client: Vec<Identifier>, fields: Vec<Field>) -> Result<Native, Vec<Problem>> {
        Ok(record::contact(&client, &fields))
    }

    fn upsert_contact(
        id: Option<String>,
        contact: Native,
        idempotency_key: String,
    ) -> Result<Card, Error> {
        let contact = record::native(&contact)?;
        let (method, path) = match &id {
            None => ("POST", "/contacts".to_owned()),
            Some(id) => ("PUT", format!("/contacts/{}", segment(id)?)),
        };
        let answer = call(Effect::Write, method, &path, Some(&idempotency_key), &contact)?;
        Ok(record::card(&answer, &[]))
    }
}

impl Notes for Plain {
    fn add_note(subject: Subject, note: Note, idempotency_key: String) -> Result<String, Error> {
        notes::create_note(&subject, &note, &idempotency_key)
    }
}
