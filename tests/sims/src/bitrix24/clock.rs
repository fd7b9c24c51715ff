//! The portal's clock: the stage's, begun at a moment that the test chooses.

use std::time::Duration;

use patchbay_sdk::instant;

/// 2026-12-01T12:00:00+02:00.
pub(super) const EXAMPLE_S: i64 = 1_796_119_200;

pub(super) fn unix(opened_s: i64, now: Duration) -> i64 {
    opened_s.saturating_add(i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}

pub(super) fn text(opened_s: i64, now: Duration) -> String {
    instant::with_offset(unix(opened_s, now).saturating_add(7_200), 120).unwrap_or_default()
}
