//! A plugin bound to one account: the exports as plain functions.

use std::sync::Arc;

use tracing::Instrument as _;
use wasmtime::{Store, component::Instance};

use super::{
    Plugin,
    bind::Bound,
    call::{Answer, Caller},
    convert::{self, Checked, about, channel, contacts},
    error::Error,
    state::{CallState, Export},
    tally::Tally,
};
use crate::{
    account::{Account, Role},
    card::{AdapterError, Card, Field, FieldSpec, Identifier},
    event::{EventOutcome, Received, Request, Response},
};

pub(super) const DESCRIBE: Export = Export::pure("describe");
const RECEIVE: Export = Export::pure("receive");
const REPLY: Export = Export::pure("reply");
const MAP_FIELDS: Export = Export::pure("map-fields");
const LOOKUP_CLIENT: Export = Export::reaching_out("lookup-client");
const UPSERT_CONTACT: Export = Export::reaching_out("upsert-contact");
const DESCRIBE_FIELDS: Export = Export::reaching_out("describe-fields");

/// A plugin bound to one account.
#[derive(Debug)]
pub struct Adapter {
    pub(super) plugin: Arc<Plugin>,
    pub(super) bound: Arc<Bound>,
    pub(super) caller: Arc<Caller>,
    pub(super) tally: Arc<Tally>,
}

impl Adapter {
    pub fn account(&self) -> &Account {
        &self.bound.account
    }

    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// What the channel adapter makes of a webhook.
    pub async fn receive(&self, request: &Request) -> Result<Received, Error> {
        let guest = self.plugin.exports.channel.clone().ok_or(Error::Unsupported(Role::Channel))?;
        let request = channel::request(request);
        self.call(
            RECEIVE,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_receive(store, &request).await
                })
            },
            |answer| answer.map(channel::received).map_err(AdapterError::from),
        )
        .await
    }

    /// The vendor's answer, with one outcome for each event of `receive`, in its order.
    pub async fn reply(
        &self,
        request: &Request,
        outcomes: &[EventOutcome],
    ) -> Result<Response, Error> {
        let guest = self.plugin.exports.channel.clone().ok_or(Error::Unsupported(Role::Channel))?;
        let request = channel::request(request);
        let outcomes: Vec<_> = outcomes.iter().map(channel::outcome).collect();
        self.call(
            REPLY,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_reply(store, &request, &outcomes).await
                })
            },
            |answer| Ok(channel::response("reply", answer)),
        )
        .await
    }

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
            |answer| answer.map(contacts::field_specs).map_err(AdapterError::from),
        )
        .await
    }

    /// One call: breaker, slot, instance; then the answer is read and checked, and all is counted.
    async fn call<R: Send, T>(
        &self,
        export: Export,
        body: impl for<'a> FnOnce(&'a mut Store<CallState>, &'a Instance) -> Answer<'a, R> + Send,
        read: impl FnOnce(R) -> Result<Checked<T>, AdapterError>,
    ) -> Result<T, Error> {
        let name = &self.plugin.record.manifest.name;
        let span = tracing::info_span!(
            "call",
            plugin.name = %name,
            plugin.export = export.name,
            account.name = self.bound.account_name()
        );
        let started = tokio::time::Instant::now();
        let answer =
            self.guarded(export, body).instrument(span).await.and_then(|answer| {
                match read(answer) {
                    Ok(Ok(answer)) => Ok(answer),
                    Ok(Err(fault)) => Err(Error::BadAnswer(fault)),
                    Err(error) => Err(Error::Adapter(self.scrubbed(error))),
                }
            });
        let outcome = answer.as_ref().err().map_or("ok", Error::kind);
        self.tally.count(name, export.name, outcome, started.elapsed());
        answer
    }

    async fn guarded<R: Send>(
        &self,
        export: Export,
        body: impl for<'a> FnOnce(&'a mut Store<CallState>, &'a Instance) -> Answer<'a, R> + Send,
    ) -> Result<R, Error> {
        let pass = self.plugin.breaker.pass().ok_or(Error::BreakerOpen)?;
        let answer = self.caller.call(self.plugin.callee(), Some(&self.bound), export, body).await;
        match &answer {
            // Neither good nor bad news about the plugin.
            Err(Error::Busy(_) | Error::TimedOut { .. } | Error::Host(_)) => drop(pass),
            other => pass.end(other.as_ref().is_err_and(Error::trips)),
        }
        answer
    }

    /// The adapter's words are for the operator: without secrets, should one have slipped in.
    fn scrubbed(&self, error: AdapterError) -> AdapterError {
        let scrub = |text: String| self.bound.door.scrub(&text);
        match error {
            AdapterError::Invalid(mut problems) => {
                for problem in &mut problems {
                    problem.message = self.bound.door.scrub(&problem.message);
                }
                AdapterError::Invalid(problems)
            }
            AdapterError::Unauthorized(text) => AdapterError::Unauthorized(scrub(text)),
            AdapterError::PlanLimit(text) => AdapterError::PlanLimit(scrub(text)),
            AdapterError::NotFound(text) => AdapterError::NotFound(scrub(text)),
            AdapterError::Unsupported(text) => AdapterError::Unsupported(scrub(text)),
            AdapterError::Unavailable(text) => AdapterError::Unavailable(scrub(text)),
            AdapterError::UnknownOutcome(text) => AdapterError::UnknownOutcome(scrub(text)),
            AdapterError::Conflict(id) => AdapterError::Conflict(id),
            AdapterError::RateLimited(wait_ms) => AdapterError::RateLimited(wait_ms),
        }
    }
}

/// `describe`, in a throw-away instance without an account.
pub(super) async fn describe(
    caller: &Caller,
    plugin: super::call::Callee<'_>,
    guest: super::bindings::exports::patchbay::adapter::about::GuestIndices,
) -> Result<crate::account::Manifest, Error> {
    let raw = caller
        .call(plugin, None, DESCRIBE, move |store, instance| {
            Box::pin(async move { guest.load(&mut *store, instance)?.call_describe(store).await })
        })
        .await?;
    about::manifest(raw).map_err(Error::BadAnswer)
}
