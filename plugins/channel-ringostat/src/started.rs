//! When a call began: its date in either format, and the offset from UTC that the id betrays.

use patchbay_sdk::instant;

/// Offsets are whole quarters of an hour.
const QUARTER_S: i64 = 900;
/// A call is dated within this of its id.
const SLACK_S: i64 = 120;
const OFFSET_MAX_S: i64 = 14 * 3_600;

/// The moment, as far as it can be known for sure.
///
/// A date without an offset is completed by the Unix time within the call's id, else by the
/// account's setting; without either it is none.
pub(crate) fn started_at(
    date: Option<&str>,
    id: &str,
    offset_minutes: Option<i32>,
) -> Option<String> {
    let epoch = epoch(id);
    let Some(date) = date else { return epoch.and_then(instant::from_unix) };
    if let Some(moment) = instant::read(date) {
        return Some(moment);
    }
    let local = instant::local(date)?;
    let offset = epoch.and_then(|epoch| betrayed(local, epoch)).or(offset_minutes)?;
    instant::with_offset(local, offset)
}

/// The offset in minutes between the clock and the Unix time, if it is one.
fn betrayed(local: i64, epoch: i64) -> Option<i32> {
    let difference = local - epoch;
    let offset = (difference + QUARTER_S / 2).div_euclid(QUARTER_S) * QUARTER_S;
    let is_one = (difference - offset).abs() <= SLACK_S && offset.abs() <= OFFSET_MAX_S;
    if is_one { i32::try_from(offset / 60).ok() } else { None }
}

/// The Unix time in an id such as `ua1-1760000000.100001`.
fn epoch(id: &str) -> Option<i64> {
    let (head, _) = id.split_once('.')?;
    let digits = head.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    (digits.len() == 10).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_completed_by_the_id_or_the_setting() {
        let id = "ua1-1760000000.100001";
        let cases = [
            (Some("2025-10-09 11:53:20"), id, None, Some("2025-10-09T11:53:20+03:00")),
            (Some("09.10.2025 11:53:20"), id, None, Some("2025-10-09T11:53:20+03:00")),
            (Some("2025-10-09 11:54:50"), id, Some(0), Some("2025-10-09T11:54:50+03:00")),
            (Some("2025-10-09 03:23:20"), id, None, Some("2025-10-09T03:23:20-05:30")),
            // A day off: the id is not the call's time.
            (Some("2025-10-10 11:53:20"), id, None, None),
            (Some("2025-10-10 11:53:20"), id, Some(120), Some("2025-10-10T11:53:20+02:00")),
            (Some("2025-10-09 11:53:20"), "abc", Some(180), Some("2025-10-09T11:53:20+03:00")),
            (Some("2025-10-09 11:53:20"), "abc", None, None),
            (Some("2025-10-09T11:53:20+02:00"), id, None, Some("2025-10-09T11:53:20+02:00")),
            (Some("soon"), id, Some(180), None),
            (None, id, None, Some("2025-10-09T08:53:20Z")),
            (None, "176000000.1", None, None),
        ];
        for (date, id, offset, expected) in cases {
            assert_eq!(
                started_at(date, id, offset).as_deref(),
                expected,
                "{date:?} {id} {offset:?}"
            );
        }
    }
}
