//! Moments: the vendor's milliseconds to RFC 3339, and RFC 3339 to seconds, without a time zone database.

const SECONDS_PER_DAY: i64 = 86_400;
/// Days of 400 years, after which the calendar repeats itself.
const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01, where an era begins, to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;
/// 9999-12-31T23:59:59Z: RFC 3339 has four digits for the year.
const LAST_SECOND: i64 = 253_402_300_799;

/// A moment in milliseconds since 1970 in UTC; `None` for 0, before it and after 9999.
pub(crate) fn from_milliseconds(text: &str) -> Option<String> {
    let milliseconds = text.parse::<i64>().ok()?;
    let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    if milliseconds <= 0 || LAST_SECOND < seconds {
        return None;
    }
    let (year, month, day) = civil(seconds / SECONDS_PER_DAY);
    let second = seconds % SECONDS_PER_DAY;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z"))
}

/// Seconds since 1970 of an instant as the host writes it; fractions are dropped.
pub(crate) fn to_seconds(instant: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| instant.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let days = days_before(year, month, day);
    Some(days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second - offset(instant.get(19..)?)?)
}

/// `Z`, `+03:00` or `-03:00`, after a fraction that may be there.
fn offset(tail: &str) -> Option<i64> {
    let zone = tail.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds =
        i64::from(hours.parse::<u8>().ok()?) * 3_600 + i64::from(minutes.parse::<u8>().ok()?) * 60;
    match zone.get(..1)? {
        "+" => Some(seconds),
        "-" => Some(-seconds),
        _ => None,
    }
}

/// Days since 1970. Years begin in March, so that leap days stand last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - DAYS_BEFORE_EPOCH
}

/// Year, month and day of a day counted from 1970.
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
    fn milliseconds_are_written_in_utc() {
        let cases = [
            ("1542902706118", Some("2018-11-22T16:05:06.118Z")),
            ("951782400000", Some("2000-02-29T00:00:00.000Z")),
            ("253402300799999", Some("9999-12-31T23:59:59.999Z")),
            ("253402300800000", None),
            ("0", None),
            ("-1", None),
            ("soon", None),
        ];
        for (text, expected) in cases {
            assert_eq!(from_milliseconds(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn instants_are_read_with_their_offset() {
        let cases = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2025-10-09T12:01:00+03:00", Some(1_760_000_460)),
            ("2025-10-09T09:01:00.123456789Z", Some(1_760_000_460)),
            ("2025-10-09T05:31:00-03:30", Some(1_760_000_460)),
            ("2025-10-09", None),
            ("2025-10-09T09:01:00", None),
            ("", None),
        ];
        for (instant, expected) in cases {
            assert_eq!(to_seconds(instant), expected, "{instant}");
        }
    }

    #[test]
    fn every_day_comes_back() {
        for day in 0..DAYS_PER_ERA {
            let (year, month, date) = civil(day);
            assert_eq!(days_before(year, month, date), day, "{year}-{month}-{date}");
        }
    }
}
