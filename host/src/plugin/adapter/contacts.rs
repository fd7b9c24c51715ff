//! The exports that every CRM adapter has.

use super::Adapter;
use crate::{
    account::Role,
    card::{AdapterError, Card, Field, FieldSpec, Identifier},
    plugin::{
        bindings::patchbay::adapter::types as wit,
        convert::{self, Fallible, contacts},
        error::Error,
        exports::Function,
        state::Export,
    },
};

pub(super) const MAP_FIELDS: Function = Function::of(Role::Contacts, Export::pure("map-fields"));
pub(super) const LOOKUP_CLIENT: Function =
    Function::of(Role::Contacts, Export::reaching_out("lookup-client"));
pub(super) const UPSERT_CONTACT: Function =
    Function::of(Role::Contacts, Export::reaching_out("upsert-contact"));
pub(super) const DESCRIBE_FIELDS: Function =
    Function::of(Role::Contacts, Export::reaching_out("describe-fields"));

impl Adapter {
    /// Every card that any identifier matches, best first.
    pub async fn lookup_client(&self, any_of: &[Identifier]) -> Result<Vec<Card>, Error> {
        let any_of: Vec<wit::Identifier> = convert::all(any_of.iter().cloned());
        let read = |answer: Fallible<_>| Ok(contacts::cards(answer?));
        self.call(LOOKUP_CLIENT, (any_of,), read).await
    }

    /// Canonical fields to the CRM's own record, as JSON.
    pub async fn map_fields(
        &self,
        client: &[Identifier],
        fields: &[Field],
    ) -> Result<String, Error> {
        let client: Vec<wit::Identifier> = convert::all(client.iter().cloned());
        let fields: Vec<wit::Field> = convert::all(fields.iter().cloned());
        self.call(MAP_FIELDS, (client, fields), mapped).await
    }

    /// Creates the card, or changes the one with this id.
    pub async fn upsert_contact(
        &self,
        id: Option<&str>,
        native: &str,
        idempotency_key: &str,
    ) -> Result<Card, Error> {
        let params = (id.map(str::to_owned), native.to_owned(), idempotency_key.to_owned());
        let read = |answer: Fallible<_>| Ok(contacts::card(answer?));
        self.call(UPSERT_CONTACT, params, read).await
    }

    /// The fields of a contact that can be written.
    pub async fn describe_fields(&self) -> Result<Vec<FieldSpec>, Error> {
        let name = DESCRIBE_FIELDS.export.name;
        let read = |answer: Fallible<_>| Ok(contacts::field_specs(name, answer?));
        self.call(DESCRIBE_FIELDS, (), read).await
    }
}

/// What `map-fields` and `map-deal-fields` answer.
pub(super) fn mapped(
    answer: Result<String, Vec<wit::Problem>>,
) -> Result<convert::Checked<String>, AdapterError> {
    match answer {
        Ok(native) => Ok(convert::json("native", &native).map(|()| native)),
        Err(problems) => Err(AdapterError::Invalid(convert::all(problems))),
    }
}
