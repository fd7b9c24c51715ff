//! The notebook's behaviour under the fake host.

use patchbay_sdk::testing::Host;
use patchbay_sdk::types::Value;

use super::*;

mod cards;
mod deals;
mod limits;
mod suite;

fn phone(text: &str) -> Identifier {
    Identifier::Phone(text.to_owned())
}

fn email(text: &str) -> Identifier {
    Identifier::Email(text.to_owned())
}

fn texts(key: &str, values: &[&str]) -> Field {
    Field::new(key, Value::Texts(values.iter().map(|&value| value.to_owned()).collect()))
}

#[track_caller]
fn map(client: &[Identifier], fields: &[Field]) -> Native {
    Notebook::map_fields(client.to_vec(), fields.to_vec()).unwrap()
}

#[track_caller]
fn create(host: &Host, key: &str, client: &[Identifier], fields: &[Field]) -> Card {
    host.run(|| Notebook::upsert_contact(None, map(client, fields), key.to_owned())).unwrap()
}

fn change(
    host: &Host,
    id: &str,
    key: &str,
    client: &[Identifier],
    fields: &[Field],
) -> Result<Card, Error> {
    host.run(|| Notebook::upsert_contact(Some(id.to_owned()), map(client, fields), key.to_owned()))
}

/// The ids of the cards found, best first.
#[track_caller]
fn found(host: &Host, any_of: &[Identifier]) -> Vec<String> {
    host.run(|| Notebook::lookup_client(any_of.to_vec()))
        .unwrap()
        .into_iter()
        .map(|card| card.id)
        .collect()
}
