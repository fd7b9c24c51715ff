//! The time now. HubSpot wants a moment for every activity, and its search is behind by seconds.

#[cfg(test)]
pub(crate) use at_will::unix_ms;

/// Milliseconds since 1970.
#[cfg(not(test))]
pub(crate) fn unix_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the host's clock")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds as the moment that HubSpot reads: `2026-01-01T00:00:00Z`.
pub(crate) fn moment(unix_ms: u64) -> String {
    let seconds = i64::try_from(unix_ms / 1_000).ok();
    seconds.and_then(patchbay_sdk::instant::from_unix).unwrap_or_default()
}

/// A clock that a test moves.
#[cfg(test)]
pub(crate) mod at_will {
    use std::cell::Cell;

    /// 2026-12-01T10:00:00Z.
    pub(crate) const START_MS: u64 = 1_796_119_200_000;

    thread_local! {
        static NOW_MS: Cell<u64> = const { Cell::new(START_MS) };
    }

    pub(crate) fn unix_ms() -> u64 {
        NOW_MS.get()
    }

    pub(crate) fn advance_ms(by_ms: u64) {
        NOW_MS.set(NOW_MS.get() + by_ms);
    }
}
