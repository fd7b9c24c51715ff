//! What a call of a new plugin costs before it does anything, measured at the gate.

use tokio::time::Instant;

use super::{
    adapter,
    bindings::exports::patchbay::adapter::about,
    call::{Callee, Caller},
    error::Refusal,
};
use crate::account::{Cost, Manifest};

/// Instances made to measure one.
const ROUNDS: usize = 5;

/// Measures, and looks on the way whether the plugin says the same of itself each time.
pub(super) async fn measure(
    caller: &Caller,
    plugin: Callee<'_>,
    guest: &about::GuestIndices,
    said: &Manifest,
) -> Result<Cost, Refusal> {
    let mut times = Vec::with_capacity(ROUNDS);
    let mut memory_bytes = 0;
    for _ in 0..ROUNDS {
        let asked = Instant::now();
        let described = adapter::described(caller, plugin, guest.clone(), asked).await;
        let (manifest, started, held) = described.map_err(Refusal::Describe)?;
        if manifest != *said {
            return Err(Refusal::Fickle);
        }
        times.push(u64::try_from(started.as_micros()).unwrap_or(u64::MAX));
        memory_bytes = memory_bytes.max(u64::try_from(held).unwrap_or(u64::MAX));
    }
    times.sort_unstable();
    let instantiate_us = times.get(ROUNDS / 2).copied().unwrap_or_default();
    Ok(Cost { instantiate_us, memory_bytes })
}
