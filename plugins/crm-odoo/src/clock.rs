//! The component's one look at the clock: what is remembered of a write is forgotten some day.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY_S: u64 = 86_400;

/// Days since 1970.
pub(crate) fn today() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "an adapter has no clock handed to it")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / DAY_S
}
