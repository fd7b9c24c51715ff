//! Moments as RFC 3339, without a time zone database in the component.

const SECONDS_PER_DAY: i64 = 86_400;
/// Days of 400 years, after which the calendar repeats itself.
const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01, where an era begins, to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;
/// 9999-12-31T23:59:59Z: RFC 3339 has four digits for the year.
const LAST_SECOND: i64 = 253_402_300_799;

/// From here on a number of seconds is one of milliseconds: as seconds it would be the year 5138.
const MILLISECONDS_ABOVE: i64 = 100_000_000_000;

/// A moment however it is written: RFC 3339, also with a space and without a colon in the offset, or a
/// Unix time in seconds or milliseconds. `None` for one without an offset: nobody can know when that was.
pub(crate) fn instant(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return rfc3339(if MILLISECONDS_ABOVE < number { number / 1_000 } else { number });
    }
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let after =
        rest.strip_prefix('.').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let zone = after.unwrap_or(rest);
    let fraction = rest.strip_suffix(zone).filter(|fraction| *fraction != ".")?;
    let is_moment = numbers(date, '-', [9_999, 12, 31]) && numbers(time, ':', [23, 59, 59]);
    Some(format!("{date}T{time}{fraction}{}", offset(zone)?)).filter(|_| is_moment)
}

/// Whether these are three numbers of full width up to these values. The day and the month begin with 1.
fn numbers(text: &str, between: char, most: [u32; 3]) -> bool {
    let mut parts = text.split(between);
    let fits = most.iter().all(|&most| {
        let Some(part) = parts.next() else { return false };
        let least = u32::from(between == '-');
        let is_full = part.len() == if most == 9_999 { 4 } else { 2 };
        is_full
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse().is_ok_and(|number| (least..=most).contains(&number))
    });
    fits && parts.next().is_none()
}

/// `Z`, `+03:00`, `+0300`; `None` for anything else.
fn offset(zone: &str) -> Option<String> {
    if zone.eq_ignore_ascii_case("z") {
        return Some("Z".to_owned());
    }
    let sign = zone.chars().next().filter(|sign| matches!(sign, '+' | '-'))?;
    let digits = zone.get(1..)?;
    let (hours, minutes) = digits.split_once(':').or_else(|| digits.split_at_checked(2))?;
    numbers(&format!("{hours}:{minutes}:00"), ':', [23, 59, 59])
        .then(|| format!("{sign}{hours}:{minutes}"))
}

/// The moment in UTC; `None` before 1970 and after 9999.
fn rfc3339(seconds: i64) -> Option<String> {
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
    fn moments_are_understood_in_the_ways_that_they_are_written() {
        let cases = [
            ("2025-10-09T09:00:00Z", Some("2025-10-09T09:00:00Z")),
            (" 2025-10-09 09:00:00.125+03:00", Some("2025-10-09T09:00:00.125+03:00")),
            ("2025-10-09t09:00:00-0330", Some("2025-10-09T09:00:00-03:30")),
            ("1760000000", Some("2025-10-09T08:53:20Z")),
            ("1760000000123", Some("2025-10-09T08:53:20Z")),
            ("2025-10-09T09:00:00", None),
            ("2025-10-09", None),
            ("2025-13-09T09:00:00Z", None),
            ("2025-00-09T09:00:00Z", None),
            ("2025-10-09T24:00:00Z", None),
            ("2025-10-09T09:00:00.Z", None),
            ("2025-10-09T09:00:00+3", None),
            ("2025-10-09T09:00:00+24:00", None),
            ("9.10.2025 09:00", None),
            ("вчера в девять часов утра", None),
            ("-5", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(instant(text).as_deref(), expected, "{text}");
        }
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
