//! An adapter for the ledger of `tests/ledger`: small, and careful with every answer that is lost.

#![expect(clippy::indexing_slicing, reason = "JSON that is not there is `null`")]

mod client;
mod notes;
mod optional;
mod record;

use patchbay_sdk::about::{Auth, Manifest, Setting, SettingType};
use patchbay_sdk::types::{Card, Error, Field, FieldSpec, FieldType, Identifier, Native, Problem};
use patchbay_sdk::{Adapter, Contacts, settings};
use serde_json::{Value as Json, json};

use crate::client::{Effect, call, segment};

/// The adapter.
#[derive(Debug)]
pub struct Ledger;

patchbay_sdk::export_crm!(Ledger: deals, tasks, notes, managers);

impl Adapter for Ledger {
    fn describe() -> Manifest {
        Manifest {
            name: "crm-ledger".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "Ledger".to_owned(),
            vendor: "Ledger (for tests)".to_owned(),
            settings: vec![
                setting("base-url", "Address", SettingType::Url, false),
                setting("key", "Key", SettingType::Text, true),
                Setting {
                    help: "Whether the ledger says itself which fields it has".to_owned(),
                    required: false,
                    default_value: Some("false".to_owned()),
                    ..setting("asks-for-fields", "Ask for fields", SettingType::Flag, false)
                },
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

impl Contacts for Ledger {
    fn describe_fields() -> Result<Vec<FieldSpec>, Error> {
        if asks_for_fields() {
            return fields_of("contact");
        }
        let several = |(key, type_)| FieldSpec { type_, repeated: true, ..text(key) };
        let several = [("phone", FieldType::Phone), ("email", FieldType::Email)].map(several);
        let single = ["name", "comment", "source", "manager"].map(text);
        Ok(several.into_iter().chain(single).collect())
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

    /// The ledger does not recognise a repeat: the host looks up before it asks again.
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

pub(crate) fn asks_for_fields() -> bool {
    settings::get("asks-for-fields").as_deref() == Some("true")
}

/// What the ledger says that a `contact` or a `deal` can hold.
pub(crate) fn fields_of(kind: &str) -> Result<Vec<FieldSpec>, Error> {
    let fields = call(Effect::Read, "GET", &format!("/fields/{kind}"), None, &Json::Null)?;
    Ok(fields.as_array().into_iter().flatten().map(record::spec).collect())
}

/// One text under this key.
pub(crate) fn text(key: &str) -> FieldSpec {
    FieldSpec {
        key: key.to_owned(),
        title: key.to_owned(),
        type_: FieldType::Text,
        required: false,
        repeated: false,
        choices: Vec::new(),
    }
}
