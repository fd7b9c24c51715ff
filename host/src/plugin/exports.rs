//! The exported interfaces of a plugin: found by name, and loaded once to see that they fit.

use wasmtime::component::InstancePre;

use super::{
    bindings::exports::patchbay::adapter::{
        about, channel, channel_page, channel_push, contacts, deals, managers, notes, tasks,
    },
    call::{Callee, Caller},
    error::{Error, Refusal},
    state::{CallState, Export},
};
use crate::account::Role;

const PROBE: Export = Export::pure("start");

/// Where each export is in the component. What is not there is not called.
#[derive(Clone, Default)]
pub(super) struct Exports {
    pub(super) channel: Option<channel::GuestIndices>,
    pub(super) contacts: Option<contacts::GuestIndices>,
    pub(super) channel_push: Option<channel_push::GuestIndices>,
    pub(super) channel_page: Option<channel_page::GuestIndices>,
    pub(super) deals: Option<deals::GuestIndices>,
    pub(super) tasks: Option<tasks::GuestIndices>,
    pub(super) notes: Option<notes::GuestIndices>,
    pub(super) managers: Option<managers::GuestIndices>,
}

/// Finds `about` and what the roles need, and nothing else.
pub(super) fn find(
    pre: &InstancePre<CallState>,
    roles: &[Role],
) -> Result<(about::GuestIndices, Exports), Refusal> {
    let missing = |error: wasmtime::Error| Refusal::Start(format!("{error:#}"));
    let mut exports = Exports::default();
    for role in roles {
        match role {
            Role::Channel => {
                exports.channel = Some(channel::GuestIndices::new(pre).map_err(missing)?);
            }
            Role::ChannelPush => {
                exports.channel_push = Some(channel_push::GuestIndices::new(pre).map_err(missing)?);
            }
            Role::ChannelPage => {
                exports.channel_page = Some(channel_page::GuestIndices::new(pre).map_err(missing)?);
            }
            Role::Contacts => {
                exports.contacts = Some(contacts::GuestIndices::new(pre).map_err(missing)?);
            }
            Role::Deals => exports.deals = Some(deals::GuestIndices::new(pre).map_err(missing)?),
            Role::Tasks => exports.tasks = Some(tasks::GuestIndices::new(pre).map_err(missing)?),
            Role::Notes => exports.notes = Some(notes::GuestIndices::new(pre).map_err(missing)?),
            Role::Managers => {
                exports.managers = Some(managers::GuestIndices::new(pre).map_err(missing)?);
            }
        }
    }
    Ok((about::GuestIndices::new(pre).map_err(missing)?, exports))
}

/// Starts the plugin once and loads every export: a type that differs from the contract passes
/// the linker and shows only here.
pub(super) async fn probe(
    caller: &Caller,
    plugin: Callee<'_>,
    about: about::GuestIndices,
    exports: Exports,
) -> Result<(), Refusal> {
    let probed = caller.call(plugin, None, PROBE, move |store, instance| {
        Box::pin(async move {
            let mut faults = Vec::new();
            note(&mut faults, "about", about.load(&mut *store, instance));
            macro_rules! load {
                ($($field:ident $name:literal),+) => {$(
                    if let Some(indices) = &exports.$field {
                        note(&mut faults, $name, indices.load(&mut *store, instance));
                    }
                )+};
            }
            load!(channel "channel", channel_push "channel-push", contacts "contacts", deals "deals");
            load!(channel_page "channel-page", tasks "tasks", notes "notes", managers "managers");
            Ok(faults)
        })
    });
    match probed.await {
        Ok(faults) if faults.is_empty() => Ok(()),
        Ok(faults) => Err(Refusal::Exports(faults.join("; "))),
        Err(Error::Trapped { message }) => Err(Refusal::Start(message)),
        Err(error @ (Error::MemorySharedOut(_) | Error::Busy(_) | Error::Host(_))) => {
            Err(Refusal::Host(error.into()))
        }
        Err(error) => Err(Refusal::Start(error.to_string())),
    }
}

fn note<T>(faults: &mut Vec<String>, interface: &str, loaded: wasmtime::Result<T>) {
    if let Err(error) = loaded {
        faults.push(format!("`{interface}` in another shape than the contract: {error:#}"));
    }
}
