//! The host's side of every import. Thin: check and count, then call what knows no WIT.

use wasmtime::component::{HasSelf, Linker};

use super::{
    bindings::{Host_, patchbay::adapter::types},
    state::CallState,
};

mod http;
mod kv;
mod log;
mod settings;
mod vault;

impl types::Host for CallState {}

/// Everything a guest may import: the contract, and WASI 0.2 with nothing behind it.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Host_::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    Ok(linker)
}
