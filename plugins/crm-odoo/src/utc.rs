//! A moment with an offset as Odoo writes it: `2025-10-09 09:01:00`, in UTC.

const DAY_S: i64 = 86_400;

/// `None` for a text that is no RFC 3339 moment of the years 1 to 9999.
pub(crate) fn datetime(instant: &str) -> Option<String> {
    let (date, rest) = instant.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, offset_s) = clock_and_offset(rest)?;
    let time = match time.split_once('.') {
        Some((time, fraction)) if is_digits(fraction) => time,
        Some(_) => return None,
        None => time,
    };
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let is_moment = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !is_moment || 23 < hour || 59 < minute || 60 < second {
        return None;
    }
    // A leap second is shown as the second before it.
    let local_s = days(year, month, day) * DAY_S + hour * 3_600 + minute * 60 + second.min(59);
    let utc_s = local_s - offset_s;
    let (year, month, day) = date_of(utc_s.div_euclid(DAY_S));
    let clock_s = utc_s.rem_euclid(DAY_S);
    let (hour, minute, second) = (clock_s / 3_600, clock_s / 60 % 60, clock_s % 60);
    (1..=9_999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"))
}

fn clock_and_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let (time, offset, sign) = match text.split_once('+') {
        Some((time, offset)) => (time, offset, 1),
        None => text.split_once('-').map(|(time, offset)| (time, offset, -1))?,
    };
    let [hours, minutes] = numbers(offset, ':', [2, 2])?;
    (hours <= 23 && minutes <= 59).then_some((time, sign * (hours * 3_600 + minutes * 60)))
}

fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width && is_digits(part))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the first of January of the year 1.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let past = year - 1;
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400) + months + day - 1
}

fn date_of(days_past: i64) -> (i64, i64, i64) {
    // The mean year is 365.2425 days, so the guess is at most one year off.
    let mut year = (days_past * 400).div_euclid(146_097) + 1;
    while days_past < days(year, 1, 1) {
        year -= 1;
    }
    while days(year + 1, 1, 1) <= days_past {
        year += 1;
    }
    let mut day = days_past - days(year, 1, 1);
    let mut month = 1;
    while days_in(year, month) <= day {
        day -= days_in(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_turned_to_utc() {
        for (instant, expected) in [
            ("2025-10-09T12:01:00+03:00", Some("2025-10-09 09:01:00")),
            ("2025-10-09T12:01:00.123Z", Some("2025-10-09 12:01:00")),
            ("2024-03-01T00:30:00+01:00", Some("2024-02-29 23:30:00")),
            ("2024-12-31T23:30:00-01:00", Some("2025-01-01 00:30:00")),
            ("2000-02-29t00:00:60z", Some("2000-02-29 00:00:59")),
            ("0001-01-01T00:00:00Z", Some("0001-01-01 00:00:00")),
            ("9999-12-31T23:59:59Z", Some("9999-12-31 23:59:59")),
            ("9999-12-31T23:59:59-00:01", None),
            ("0001-01-01T00:00:00+00:01", None),
            ("1900-02-29T00:00:00Z", None),
            ("2025-10-09T12:01:00", None),
            ("2025-10-09", None),
            ("2025-13-09T12:01:00Z", None),
            ("2025-10-09T24:00:00Z", None),
            ("2025-10-09T12:01:00.Z", None),
            ("soon", None),
        ] {
            assert_eq!(datetime(instant).as_deref(), expected, "{instant}");
        }
    }

    proptest! {
        #[test]
        fn days_and_dates_are_inverse(day in 0_i64..3_652_059) {
            let (year, month, date) = date_of(day);
            prop_assert_eq!(days(year, month, date), day);
        }

        #[test]
        fn any_text_has_an_answer(text in ".*") {
            datetime(&text);
        }
    }
}
