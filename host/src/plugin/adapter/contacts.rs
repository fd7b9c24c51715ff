//! The exports that every CRM adapter has.

use super::Adapter;
use crate::{
    account::Role,
    card::{AdapterError, Card, Field, FieldSpec, Identifier},
    plugin::{
        convert::{self, contacts},
        error::Error,
        state::Export,
    },
};

const MAP_FIELDS: Export = Export::pure("map-fields");
const LOOKUP_CLIENT: Export = Export::reaching_out("lookup-client");
const UPSERT_CONTACT: Export = Export::reaching_out("upsert-contact");
const DESCRIBE_FIELDS: Export = Export::reaching_out("describe-fields");

impl Adapter {
    /// Every card that any identifier matches, best first.
    pub async fn lookup_client(&self, any_of: &[Identifier]) -> Result<Vec<Card>, Error> {
        let guest =
            self.plugin.exports.contacts.clone().ok_or(Error::Unsupported(Role::Contacts))?;
        let any_of: Vec<_> = convert::all(any_of.iter().cloned());
        self.call(
            LOOKUP_CLIENT,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_lookup_client(store, &any_of).await
                })
            },
            |answer| answer.map(contacts::cards).map_err(AdapterError::from),
        )
        .await
    }

    /// Canonical fields to the CRM's own record, as JSON.
    pub async fn map_fields(
        &self,
        client: &[Identifier],
        fields: &[Field],
    ) -> Result<String, Error> {
        let guest =
            self.plugin.exports.contacts.clone().ok_or(Error::Unsupported(Role::Contacts))?;
        let client: Vec<_> = convert::all(client.iter().cloned());
        let fields: Vec<_> = convert::all(fields.iter().cloned());
        self.call(
            MAP_FIELDS,
            move |store, instance| {
                Box::pin(async move {
                    guest
                        .load(&mut *store, instance)?
                        .call_map_fields(store, &client, &fields)
                        .await
                })
            },
            |answer| match answer {
                Ok(native) => Ok(convert::json("native", &native).map(|()| native)),
                Err(problems) => Err(AdapterError::Invalid(convert::all(problems))),
            },
        )
        .await
    }

    /// Creates the card, or changes the one with this id.
    pub async fn upsert_contact(
        &self,
        id: Option<&str>,
        native: &str,
        idempotency_key: &str,
    ) -> Result<Card, Error> {
        let guest =
            self.plugin.exports.contacts.clone().ok_or(Error::Unsupported(Role::Contacts))?;
        let (id, native, key) =
            (id.map(str::to_owned), native.to_owned(), idempotency_key.to_owned());
        self.call(
            UPSERT_CONTACT,
            move |store, instance| {
                Box::pin(async move {
                    let guest = guest.load(&mut *store, instance)?;
                    guest.call_upsert_contact(store, id.as_deref(), &native, &key).await
                })
            },
            |answer| answer.map(contacts::card).map_err(AdapterError::from),
        )
        .await
    }

    /// The fields of a contact that can be written.
    pub async fn describe_fields(&self) -> Result<Vec<FieldSpec>, Error> {
        let guest =
            self.plugin.exports.contacts.clone().ok_or(Error::Unsupported(Role::Contacts))?;
        self.call(
            DESCRIBE_FIELDS,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_describe_fields(store).await
                })
            },
            |answer| {
                let specs = answer.map_err(AdapterError::from)?;
                Ok(contacts::field_specs(DESCRIBE_FIELDS.name, specs))
            },
        )
        .await
    }
}
