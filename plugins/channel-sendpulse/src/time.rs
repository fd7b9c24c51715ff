//! Unix seconds to RFC 3339, without a time zone database in the component.

const SECONDS_PER_DAY: i64 = 86_400;
/// Days of 400 years, after which the calendar repeats itself.
const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01, where an era begins, to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;
/// 9999-12-31T23:59:59Z: RFC 3339 has four digits for the year.
const LAST_SECOND: i64 = 253_402_300_799;

/// The moment in UTC; `None` before 1970 and after 9999.
pub(crate) fn rfc3339(seconds: i64) -> Option<String> {
    if !(0..=LAST_SECOND).contains(&seconds) {
        return None;
    }
    let (year, month, day) = civil(seconds / SECONDS_PER_DAY);
    let second = seconds % SECONDS_PER_DAY;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// Year, month and day of a day counted from 1970. Years begin in March, so that leap days stand last.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + DAYS_BEFORE_EPOCH;
    let (era, day) = (shifted / DAYS_PER_ERA, shifted % DAYS_PER_ERA);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_760_000_000, "2025-10-09T08:53:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST_SECOND, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(rfc3339(seconds).as_deref(), Some(expected));
        }
        assert_eq!(rfc3339(-1), None);
        assert_eq!(rfc3339(LAST_SECOND + 1), None);
    }

    #[test]
    fn every_day_has_the_one_before_it() {
        let mut last = civil(0);
        for day in 1..DAYS_PER_ERA {
            let (year, month, date) = civil(day);
            let follows = match last {
                (y, m, d) if date == d + 1 => (year, month) == (y, m),
                (y, 12, 31) => (year, month, date) == (y + 1, 1, 1),
                (y, m, d) => 28 <= d && (year, month, date) == (y, m + 1, 1),
            };
            assert!(follows, "day {day}: {last:?} then {year}-{month}-{date}");
            last = (year, month, date);
        }
    }
}
