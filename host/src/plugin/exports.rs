//! The exported functions of a plugin: found by name, and loaded once to see that they fit.

use std::collections::BTreeMap;

use wasmtime::component::{ComponentExportIndex, InstancePre};

use super::{
    adapter,
    bindings::exports::patchbay::adapter::{
        about, channel, channel_page, channel_push, contacts, deals, managers, notes, tasks,
    },
    call::{Callee, Caller},
    error::{Error, Refusal},
    gate,
    state::{CallState, Export},
};
use crate::account::Role;

const PROBE: Export = Export::pure("start");

/// A function of the interface that stands for a role.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    pub(super) role: Role,
    pub(super) export: Export,
}

impl Function {
    pub(super) const fn of(role: Role, export: Export) -> Self {
        Self { role, export }
    }
}

/// Where each function is in the component, by its name. What is not there is not called.
#[derive(Clone, Default)]
pub(super) struct Exports(BTreeMap<&'static str, ComponentExportIndex>);

impl Exports {
    /// Finds all functions of the roles, and nothing else.
    pub(super) fn find(pre: &InstancePre<CallState>, roles: &[Role]) -> Result<Self, Refusal> {
        let mut found = BTreeMap::new();
        for Function { role, export } in adapter::FUNCTIONS {
            if roles.contains(&role) {
                found.insert(export.name, index(pre, role, export.name)?);
            }
        }
        Ok(Self(found))
    }

    pub(super) fn of(&self, function: Function) -> Result<ComponentExportIndex, Error> {
        let found = self.0.get(function.export.name).copied();
        found.ok_or(Error::Unsupported(function.role))
    }
}

fn index(
    pre: &InstancePre<CallState>,
    role: Role,
    function: &str,
) -> Result<ComponentExportIndex, Refusal> {
    let interface = gate::interface(role);
    let instance = pre.component().get_export_index(None, interface.as_str());
    let index =
        instance.and_then(|instance| pre.component().get_export_index(Some(&instance), function));
    index.ok_or_else(|| Refusal::Start(format!("no function `{function}` in `{interface}`")))
}

/// Where `describe` is.
pub(super) fn about(pre: &InstancePre<CallState>) -> Result<about::GuestIndices, Refusal> {
    about::GuestIndices::new(pre).map_err(|error| Refusal::Start(format!("{error:#}")))
}

/// Starts the plugin once and loads every export: a type that differs from the contract passes
/// the linker and shows only here.
pub(super) async fn probe(
    caller: &Caller,
    plugin: Callee<'_>,
    roles: &[Role],
) -> Result<(), Refusal> {
    let (pre, roles) = (plugin.pre.clone(), roles.to_owned());
    let probed = caller.call(plugin, None, PROBE, move |store, instance| {
        Box::pin(async move {
            let mut faults = Vec::new();
            macro_rules! load {
                ($interface:ident, $name:literal) => {
                    let loaded = $interface::GuestIndices::new(&pre)
                        .and_then(|indices| indices.load(&mut *store, instance).map(drop));
                    note(&mut faults, $name, loaded);
                };
            }
            load!(about, "about");
            for role in roles {
                match role {
                    Role::Channel => {
                        load!(channel, "channel");
                    }
                    Role::ChannelPush => {
                        load!(channel_push, "channel-push");
                    }
                    Role::ChannelPage => {
                        load!(channel_page, "channel-page");
                    }
                    Role::Contacts => {
                        load!(contacts, "contacts");
                    }
                    Role::Deals => {
                        load!(deals, "deals");
                    }
                    Role::Tasks => {
                        load!(tasks, "tasks");
                    }
                    Role::Notes => {
                        load!(notes, "notes");
                    }
                    Role::Managers => {
                        load!(managers, "managers");
                    }
                }
            }
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

fn note(faults: &mut Vec<String>, interface: &str, loaded: wasmtime::Result<()>) {
    if let Err(error) = loaded {
        faults.push(format!("`{interface}` in another shape than the contract: {error:#}"));
    }
}
