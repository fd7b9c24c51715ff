//! Moments with an offset as the seconds since 1970 that the CRM writes.

use patchbay_sdk::instant;

/// `None` for a text that is no RFC 3339 moment of the years 1970 to 9999.
pub(crate) fn unix(moment: &str) -> Option<i64> {
    instant::to_unix(moment).filter(|seconds| 0 <= *seconds)
}

/// `2025-10-09 12:01`, as the clock showed it where it happened.
pub(crate) fn minute(moment: &str) -> Option<String> {
    let moment = instant::read(moment)?;
    let (date, rest) = moment.split_once('T')?;
    Some(format!("{date} {}", rest.get(..5)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_counted_in_utc() {
        for (moment, expected) in [
            ("2025-10-09T12:01:00+03:00", Some(1_760_000_460)),
            ("2025-10-09T09:01:00Z", Some(1_760_000_460)),
            ("2025-10-09 09:01:00.5Z", Some(1_760_000_460)),
            ("1970-01-01T02:00:00+02:00", Some(0)),
            ("1970-01-01T02:00:00+02:01", None),
            ("2025-10-09T12:01:00", None),
            ("2025-02-30T12:01:00Z", None),
            ("", None),
        ] {
            assert_eq!(unix(moment), expected, "{moment}");
        }
        assert_eq!(minute("2025-10-09T12:01:59+03:00").as_deref(), Some("2025-10-09 12:01"));
        assert_eq!(minute("soon"), None);
    }

    proptest! {
        #[test]
        fn a_moment_is_found_again(seconds in 0_i64..253_402_300_799) {
            prop_assert_eq!(unix(&instant::from_unix(seconds).unwrap()), Some(seconds));
        }

        #[test]
        fn any_text_has_an_answer(text in ".*") {
            unix(&text);
            minute(&text);
        }
    }
}
