//! Moments as vendors write them to RFC 3339, without a time zone database in the component.

const SECONDS_PER_DAY: i64 = 86_400;
/// Days of 400 years, after which the calendar repeats itself.
const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01, where an era begins, to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;
/// 9999-12-31T23:59:59: RFC 3339 has four digits for the year.
const LAST_SECOND: i64 = 253_402_300_799;
/// Above this a number of seconds is one of milliseconds: as seconds it would be the year 5138.
const MILLISECONDS_ABOVE: i64 = 100_000_000_000;

/// Unix seconds as a moment in UTC; `None` before 1970 and after 9999.
pub fn from_unix(seconds: i64) -> Option<String> {
    Some(format!("{}Z", clock_face(seconds)?))
}

/// As [`from_unix`], from milliseconds, of which none is lost.
pub fn from_unix_ms(milliseconds: i64) -> Option<String> {
    let (seconds, rest) = (milliseconds.div_euclid(1_000), milliseconds.rem_euclid(1_000));
    Some(format!("{}.{rest:03}Z", clock_face(seconds)?))
}

/// A number of Unix seconds or milliseconds as milliseconds; fractions are dropped.
///
/// Which it is, is told by its size. `None` for 0, which means nothing, and what is before it.
pub fn unix_ms(number: &str) -> Option<i64> {
    let whole = number.trim().split('.').next()?.parse::<i64>().ok()?;
    (0 < whole).then(|| milliseconds(whole))
}

/// Seconds since 1970 of RFC 3339 with an offset; fractions are dropped. For instance of the moment
/// at which the host received a request.
pub fn to_unix(text: &str) -> Option<i64> {
    let parts = parts(text)?;
    Some(parts.local - i64::from(parts.offset) * 60)
}

/// What a clock showed, as [`local`] reads it, with its offset from UTC in minutes.
pub fn with_offset(local: i64, offset_minutes: i32) -> Option<String> {
    Some(format!("{}{}", clock_face(local)?, written(offset_minutes)?))
}

/// `+03:00`; `None` for a day and more.
fn written(offset_minutes: i32) -> Option<String> {
    let (sign, minutes) =
        (if offset_minutes < 0 { '-' } else { '+' }, offset_minutes.unsigned_abs());
    (minutes < 24 * 60).then(|| format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}

/// `2025-10-09 11:53:20` or `09.10.2025 11:53:20`, seconds and the day's time optional, as the
/// seconds since 1970 on that clock; `None` for anything else, an offset included.
pub fn local(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let reversed = || numbers(date, '.').map(|[day, month, year]| [year, month, day]);
    joined(numbers(date, '-').or_else(reversed)?, time.trim())
}

/// A day and a time on the same clock, as the seconds since 1970.
fn joined([year, month, day]: [i64; 3], time: &str) -> Option<i64> {
    let without_seconds = || numbers(time, ':').map(|[hour, minute]| [hour, minute, 0]);
    let [hour, minute, second] = numbers(time, ':').or_else(without_seconds)?;
    let is_time = hour < 24 && minute < 60 && second < 60;
    let days = days(year, month, day)?;
    is_time.then(|| days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second)
}

/// `+03:00`, `-0330`, `+3` or `Z` in minutes.
pub fn offset(text: &str) -> Option<i32> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-" | "\u{2212}", rest) => (-1, rest),
        _ => return None,
    };
    let is_plain = rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    let (hours, minutes) = match rest.split_once(':') {
        Some(halves) => halves,
        None if rest.len() == 4 => rest.split_at_checked(2)?,
        None => (rest, "0"),
    };
    let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
    (is_plain && hours < 24 && minutes < 60).then(|| sign * (hours * 60 + minutes))
}

/// RFC 3339 with an offset, or Unix seconds or milliseconds, as RFC 3339. Fractions are kept.
///
/// Borne are a space for the `T`, an offset without its colon, and a time without seconds. `None` for
/// a moment without an offset: nobody can know when that was.
pub fn read(text: &str) -> Option<String> {
    if let Ok(number) = text.trim().parse::<i64>() {
        return from_unix(milliseconds(number) / 1_000);
    }
    let parts = parts(text)?;
    let mut moment = match parts.canonical {
        Some((date, time)) => [date, "T", time].concat(),
        None => clock_face(parts.local)?,
    };
    moment.push_str(parts.fraction);
    match parts.zone {
        "Z" | "z" => moment.push('Z'),
        _ => moment.push_str(&written(parts.offset)?),
    }
    Some(moment)
}

/// RFC 3339 taken apart.
struct Parts<'a> {
    /// What the clock showed.
    local: i64,
    /// Date and time where they are written in full width, as most are: they stay as they are.
    canonical: Option<(&'a str, &'a str)>,
    /// With its point; empty where there is none.
    fraction: &'a str,
    zone: &'a str,
    /// In minutes.
    offset: i32,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let (date, time) = text.trim().split_once(['T', 't', ' '])?;
    let (time, zone) = time.split_at_checked(time.rfind(['+', '-', 'Z', 'z'])?)?;
    let time = time.trim();
    let (time, fraction) = time.split_at_checked(time.find('.').unwrap_or(time.len()))?;
    let digits = fraction.strip_prefix('.').unwrap_or("0");
    let is_fraction = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // Hours alone are an offset that somebody sets, and none that a machine writes.
    let is_sound = is_fraction && (zone.len() == 1 || 5 <= zone.len());
    let local = joined(numbers(date, '-')?, time).filter(|_| is_sound)?;
    let is_canonical = is_full(date, "-", [4, 7], 10) && is_full(time, ":", [2, 5], 8);
    let canonical = is_canonical.then_some((date, time));
    Some(Parts { local, canonical, fraction, zone, offset: offset(zone)? })
}

/// Whether the separators of numbers stand where they do in full width.
fn is_full(text: &str, separator: &str, places: [usize; 2], len: usize) -> bool {
    let stands = |place: usize| text.get(place..=place) == Some(separator);
    text.len() == len && places.into_iter().all(stands)
}

/// Milliseconds, of a number that is those or seconds.
fn milliseconds(number: i64) -> i64 {
    if MILLISECONDS_ABOVE < number { number } else { number.saturating_mul(1_000) }
}

fn clock_face(seconds: i64) -> Option<String> {
    if !(0..=LAST_SECOND).contains(&seconds) {
        return None;
    }
    let (year, month, day) = civil(seconds / SECONDS_PER_DAY);
    let second = seconds % SECONDS_PER_DAY;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
}

/// So many numbers of at most four digits.
fn numbers<const COUNT: usize>(text: &str, separator: char) -> Option<[i64; COUNT]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; COUNT];
    for number in &mut numbers {
        let part = parts.next().filter(|part| (1..=4).contains(&part.len()))?;
        *number = part.bytes().try_fold(0, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
        })?;
    }
    parts.next().is_none().then_some(numbers)
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

/// The day counted from 1970; `None` for one that the calendar does not have.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year_from_march = year - i64::from(month <= 2);
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_EPOCH;
    (civil(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_760_000_000, "2025-10-09T08:53:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST_SECOND, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(from_unix(seconds).as_deref(), Some(expected));
        }
        assert_eq!((from_unix(-1), from_unix(LAST_SECOND + 1)), (None, None));
    }

    #[test]
    fn every_day_is_found_again() {
        for day in 0..DAYS_PER_ERA {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), Some(day));
        }
        for (year, month, day) in
            [(2025, 2, 29), (2025, 13, 1), (2025, 0, 1), (2025, 4, 31), (1969, 1, 1)]
        {
            assert_eq!(days(year, month, day), None);
        }
    }

    #[test]
    fn local_times_are_read_in_both_orders() {
        let cases = [
            ("2025-10-09 11:53:20", Some(1_760_010_800)),
            ("2025-10-09T11:53:20", Some(1_760_010_800)),
            ("09.10.2025 11:53:20", Some(1_760_010_800)),
            (" 9.10.2025  11:53 ", Some(1_760_010_780)),
            ("2025-10-09", Some(1_759_968_000)),
            ("2025-10-09 24:00:00", None),
            ("2025-10-09 11:53:20+03:00", None),
            ("31.02.2025 10:00:00", None),
            ("10/09/2025", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(local(text), expected, "{text}");
        }
    }

    #[test]
    fn offsets_are_read_and_written() {
        let cases =
            [("+03:00", Some(180)), ("-0330", Some(-210)), ("+3", Some(180)), ("Z", Some(0))];
        for (text, expected) in cases {
            assert_eq!(offset(text), expected, "{text}");
        }
        for wrong in [
            "+380671234",
            "-2147483647:99",
            "",
            "3",
            "+",
            "+24",
            "+03:60",
            "+1:2:3",
            "++3",
            "+-3",
            "Kyiv",
        ] {
            assert_eq!(offset(wrong), None, "{wrong}");
        }
        assert_eq!(with_offset(1_760_010_800, 180).as_deref(), Some("2025-10-09T11:53:20+03:00"));
        assert_eq!(with_offset(1_760_010_800, -210).as_deref(), Some("2025-10-09T11:53:20-03:30"));
        assert_eq!(with_offset(0, 1_440), None);
    }

    #[test]
    fn moments_are_read_with_an_offset_or_as_seconds() {
        let cases = [
            ("2025-10-09T11:53:20+03:00", Some("2025-10-09T11:53:20+03:00")),
            ("2025-10-09 11:53:20.123Z", Some("2025-10-09T11:53:20.123Z")),
            ("2025-10-09T11:53-0330", Some("2025-10-09T11:53:00-03:30")),
            ("2025-010-9 1:2:03Z", Some("2025-10-09T01:02:03Z")),
            ("1760000000", Some("2025-10-09T08:53:20Z")),
            ("1760000000999", Some("2025-10-09T08:53:20Z")),
            ("100000000000", Some("5138-11-16T09:46:40Z")),
            ("100000000001", Some("1973-03-03T09:46:40Z")),
            ("2025-10-09T11:53:20", None),
            ("2025-10-09", None),
            ("yesterday at Zurich", None),
            ("-5", None),
            ("-9223372036854775808", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
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
            ("2025-10-09T09:00:00.1x5Z", None),
            ("2025-10-09T09:00:00+3", None),
            ("2025-10-09T09:00:00+24:00", None),
            ("9.10.2025 09:00", None),
            ("9.10.2025 09:00Z", None),
            ("вчера в девять часов утра", None),
            ("-5", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn milliseconds_are_written_in_utc() {
        let cases = [
            (1_542_902_706_118, Some("2018-11-22T16:05:06.118Z")),
            (951_782_400_000, Some("2000-02-29T00:00:00.000Z")),
            (253_402_300_799_999, Some("9999-12-31T23:59:59.999Z")),
            (253_402_300_800_000, None),
            (-1, None),
        ];
        for (milliseconds, expected) in cases {
            assert_eq!(from_unix_ms(milliseconds).as_deref(), expected, "{milliseconds}");
        }
    }

    #[test]
    fn a_number_is_one_of_seconds_or_of_milliseconds() {
        let cases = [
            ("1760000000", Some(1_760_000_000_000)),
            (" 1760000000.75 ", Some(1_760_000_000_000)),
            ("1760000000123", Some(1_760_000_000_123)),
            ("100000000000", Some(100_000_000_000_000)),
            ("100000000001", Some(100_000_000_001)),
            ("0", None),
            ("-5", None),
            ("soon", None),
            ("", None),
        ];
        for (number, expected) in cases {
            assert_eq!(unix_ms(number), expected, "{number}");
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
            assert_eq!(to_unix(instant), expected, "{instant}");
        }
    }
}
