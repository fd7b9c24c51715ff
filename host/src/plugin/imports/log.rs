//! `log`: lines for the operator.

use tokio::time::Instant;

use crate::plugin::{
    bindings::patchbay::adapter::log::{Host, Level},
    state::CallState,
};

impl Host for CallState {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.memory.went_on();
        let started = Instant::now();
        self.lines.write(level, &message);
        self.cpu.worked(started.elapsed());
        Ok(())
    }
}
