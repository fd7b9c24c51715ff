//! The time that a method may take: 480 seconds in ten minutes, after which it is blocked.
//!
//! The refusal does not tell until when, the good answers before it do: a method that has used up
//! most of its time is remembered with the moment at which some of it is given back.

use patchbay_sdk::{instant, kv};
use serde_json::Value;

use crate::clock;
use crate::envelope::Time;

/// From here on the end of the block is worth a write, in seconds of `operating`.
const NOTED_FROM_S: f64 = 360.0;

/// Wait where no good answer has told the end of the block.
const WAIT_UNKNOWN_MS: u64 = 60_000;

/// No block lasts longer than the time over which is counted.
const WAIT_MAX_S: i64 = 600;

/// Remembers when the method gets time back, if it has used up most of it.
pub(crate) fn note(method: &str, time: &Time) {
    if time.operating.as_f64().unwrap_or_default() < NOTED_FROM_S {
        return;
    }
    if let Some(reset_at) = unix(&time.operating_reset_at) {
        // Lost, it only makes a later wait a guess.
        kv::Batch::new().set(key(method), reset_at.to_string()).commit().unwrap_or_default();
    }
}

/// How long the blocked method is left alone.
pub(crate) fn wait_ms(method: &str) -> u64 {
    let noted = kv::get(&key(method)).ok().flatten();
    let reset_at = noted.and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<i64>().ok());
    reset_at.map_or(WAIT_UNKNOWN_MS, |reset_at| until(reset_at, clock::now_s()))
}

fn until(reset_at: i64, now: i64) -> u64 {
    let left_s = reset_at.saturating_sub(now);
    if left_s <= 0 {
        // Noted for an earlier block.
        return WAIT_UNKNOWN_MS;
    }
    u64::try_from(left_s.min(WAIT_MAX_S)).unwrap_or_default().saturating_mul(1_000)
}

/// A number of seconds, or a moment as RFC 3339: the documents show both.
fn unix(value: &Value) -> Option<i64> {
    let Value::String(text) = value else { return value.as_i64() };
    instant::to_unix(text).or_else(|| text.trim().parse().ok())
}

fn key(method: &str) -> String {
    format!("operating/{method}")
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::Host;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_end_of_a_block_comes_in_two_notations() {
        assert_eq!(unix(&json!(1_796_119_800)), Some(1_796_119_800));
        assert_eq!(unix(&json!("2026-12-01T12:10:00+02:00")), Some(1_796_119_800));
        assert_eq!(unix(&json!("1796119800")), Some(1_796_119_800));
        assert_eq!(unix(&json!({})), None);
        assert_eq!(unix(&json!("soon")), None);
    }

    #[test]
    fn a_wait_ends_with_the_block_and_lasts_ten_minutes_at_most() {
        assert_eq!(until(1_090, 1_000), 90_000);
        assert_eq!(until(1_600, 1_000), 600_000);
        assert_eq!(until(1_601, 1_000), 600_000);
        assert_eq!(until(1_001, 1_000), 1_000);
        assert_eq!(until(1_000, 1_000), WAIT_UNKNOWN_MS);
    }

    #[test]
    fn only_a_method_near_its_limit_is_remembered() {
        let reset_at = clock::now_s() + 300;
        let time = |operating: f64, reset_at| Time {
            operating: json!(operating),
            operating_reset_at: reset_at,
        };
        let near = |operating| time(operating, json!(reset_at));
        let host = Host::new();
        host.run(|| {
            note("crm.item.list", &near(359.9));
            assert_eq!(wait_ms("crm.item.list"), WAIT_UNKNOWN_MS);
            note("crm.item.list", &near(360.0));
            assert_eq!(wait_ms("crm.item.add"), WAIT_UNKNOWN_MS);
            let wait = wait_ms("crm.item.list");
            assert!((290_000..=300_000).contains(&wait), "{wait}");
            note("crm.item.add", &time(400.0, json!(null)));
        });
        assert_eq!(host.store().len(), 1);
    }
}
