//! `log`: lines for the operator.

use crate::plugin::{
    bindings::patchbay::adapter::log::{Host, Level},
    state::CallState,
};

impl Host for CallState {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.memory.went_on();
        self.lines.write(level, &message);
        Ok(())
    }
}
