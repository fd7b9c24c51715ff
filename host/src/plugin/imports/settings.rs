//! `settings`: what the operator set on the account.

use crate::plugin::{bindings::patchbay::adapter::settings::Host, state::CallState};

impl Host for CallState {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.memory.went_on();
        Ok(self.bound.as_ref().and_then(|bound| bound.door.setting(&key)))
    }
}
