//! A plugin bound to one account: the exports as plain functions.

use std::{pin::Pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::Instrument as _;
use wasmtime::{
    Store,
    component::{ComponentNamedList, Instance, Lift, Lower},
};

use super::{
    Plugin,
    bind::Bound,
    bindings::exports::patchbay::adapter::about::GuestIndices,
    call::{Answer, Caller},
    convert::{Checked, about},
    error::Error,
    exports::Function,
    pulse::Beat,
    state::{CallState, Export},
    tally::Tally,
};
use crate::{
    account::{Account, Manifest, Role},
    card::AdapterError,
};

mod channel;
mod contacts;
mod deals;
mod oauth;
mod page;
mod push;

/// All that is called once a plugin is there.
pub(super) const FUNCTIONS: [Function; 17] = [
    channel::RECEIVE,
    channel::REPLY,
    page::RENDER,
    push::PUSH_CARD,
    push::TAG,
    contacts::DESCRIBE_FIELDS,
    contacts::LOOKUP_CLIENT,
    contacts::MAP_FIELDS,
    contacts::UPSERT_CONTACT,
    deals::DESCRIBE_DEAL_FIELDS,
    deals::OPEN_DEALS,
    deals::MAP_DEAL_FIELDS,
    deals::UPSERT_DEAL,
    deals::CREATE_TASK,
    deals::ADD_NOTE,
    deals::LIST_MANAGERS,
    deals::LIST_ASSIGNMENTS,
];

const DESCRIBE: Export = Export::pure("describe");
/// Of what an adapter says of its failure: more is for nobody.
const WORDS_BYTES_MAX: usize = 16 << 10;
const PROBLEMS_MAX: usize = 200;

/// A plugin bound to one account.
#[derive(Debug)]
pub struct Adapter {
    pub(super) plugin: Arc<Plugin>,
    pub(super) bound: Arc<Bound>,
    pub(super) caller: Arc<Caller>,
    pub(super) tally: Arc<Tally>,
    /// The same with one of the secrets as it was, and how long that still counts.
    pub(super) former: Vec<(Timestamp, Adapter)>,
}

impl Adapter {
    pub fn account(&self) -> &Account {
        &self.bound.account
    }

    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Whether the plugin exports the interface of this role.
    pub fn has(&self, role: Role) -> bool {
        self.plugin.has(role)
    }

    /// One call: breaker, slot, instance; then the answer is read and checked, and all is counted.
    ///
    /// The function's type is compared with the contract in each instance; the others' are not,
    /// since that takes a microsecond and more.
    async fn call<P, R, T>(
        &self,
        function: Function,
        params: P,
        read: impl FnOnce(R) -> Result<Checked<T>, AdapterError>,
    ) -> Result<T, Error>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: Lift + Send + Sync + 'static,
    {
        let (export, index) = (function.export, self.plugin.exports.of(function)?);
        let name = &self.plugin.record.manifest.name;
        let span = tracing::info_span!(
            "call",
            plugin.name = %name,
            plugin.export = export.name,
            account.name = self.bound.account_name()
        );
        let started = Instant::now();
        // Behind a pointer: see `attempt::Work`.
        let guarded: Pin<Box<dyn Future<Output = Result<R, Error>> + Send + '_>> =
            Box::pin(self.guarded(export, move |store, instance| {
                Box::pin(async move {
                    let function = instance.get_typed_func::<P, (R,)>(&mut *store, index)?;
                    let (answer,) = function.call_async(store, params).await?;
                    Ok(answer)
                })
            }));
        let answer = guarded.instrument(span).await.and_then(|answer| match read(answer) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(fault)) => Err(Error::BadAnswer(fault)),
            Err(error) => Err(Error::Adapter(self.scrubbed(error))),
        });
        let outcome = answer.as_ref().err().map_or("ok", Error::kind);
        self.tally.count(name, export.name, outcome, started.elapsed());
        if let Some(beat) = answer.as_ref().map_or_else(Beat::of, |_| export.good()) {
            self.beat(beat);
        }
        answer
    }

    /// Tells whoever watches over this version how a call went.
    fn beat(&self, beat: Beat) {
        self.plugin.pulse.beat(beat);
        if beat != Beat::Good {
            self.plugin.trouble.notify_one();
        }
    }

    async fn guarded<R: Send>(
        &self,
        export: Export,
        body: impl for<'a> FnOnce(&'a mut Store<CallState>, &'a Instance) -> Answer<'a, R> + Send,
    ) -> Result<R, Error> {
        let pass = self.plugin.breaker(export).pass().ok_or(Error::BreakerOpen)?;
        let answer = self.caller.call(self.plugin.callee(), Some(&self.bound), export, body).await;
        match &answer {
            // Neither good nor bad news about the plugin.
            Err(
                Error::MemorySharedOut(_)
                | Error::Busy(_)
                | Error::TimedOut { .. }
                | Error::Host(_),
            ) => drop(pass),
            other => pass.end(other.as_ref().is_err_and(Error::trips)),
        }
        answer
    }

    /// The adapter's words are for the operator: without secrets, should one have slipped in.
    fn scrubbed(&self, error: AdapterError) -> AdapterError {
        let scrub = |text: String| self.bound.door.scrub_up_to(&text, WORDS_BYTES_MAX);
        match error {
            AdapterError::Invalid(mut problems) => {
                problems.truncate(PROBLEMS_MAX);
                for problem in &mut problems {
                    problem.message = scrub(std::mem::take(&mut problem.message));
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
    guest: GuestIndices,
) -> Result<Manifest, Error> {
    let (manifest, ..) = described(caller, plugin, guest, Instant::now()).await?;
    Ok(manifest)
}

/// The same, with the time from `asked` until the instance was there, and the memory that it held
/// at its end.
pub(super) async fn described(
    caller: &Caller,
    plugin: super::call::Callee<'_>,
    guest: GuestIndices,
    asked: Instant,
) -> Result<(Manifest, Duration, usize), Error> {
    let (raw, started, held) = caller
        .call(plugin, None, DESCRIBE, move |store, instance| {
            let started = asked.elapsed();
            Box::pin(async move {
                let raw = guest.load(&mut *store, instance)?.call_describe(&mut *store).await?;
                Ok((raw, started, store.data().memory.bytes()))
            })
        })
        .await?;
    Ok((about::manifest(raw).map_err(Error::BadAnswer)?, started, held))
}
