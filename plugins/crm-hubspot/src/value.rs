//! Values as HubSpot takes them: every property is written as a text.

use patchbay_sdk::instant;
use patchbay_sdk::types::Value;

/// A text for any property; `None` where there is nothing to write, `""` empties.
pub(crate) fn property(value: &Value) -> Result<Option<String>, &'static str> {
    match value {
        Value::Flag(flag) => Ok(Some(flag.to_string())),
        Value::Instant(text) => {
            let moment = moment(text)
                .ok_or("must be a moment with an offset, as 2025-10-09T12:01:00+03:00")?;
            // A property that holds a date alone takes midnight only as a date.
            Ok(Some(moment.strip_suffix("T00:00:00Z").map_or(moment.clone(), str::to_owned)))
        }
        // Several choices of one property.
        Value::Texts(texts) => {
            let texts: Vec<String> = texts.iter().filter_map(|text| cleaned(text)).collect();
            Ok((!texts.is_empty()).then(|| texts.join(";")))
        }
        Value::Json(_) => Err("must be a text, a number, a flag, a moment or a list of texts"),
        Value::Empty | Value::Text(_) | Value::Number(_) => plain(value),
    }
}

/// A text for one of HubSpot's own text properties.
pub(crate) fn plain(value: &Value) -> Result<Option<String>, &'static str> {
    match value {
        Value::Empty => Ok(Some(String::new())),
        Value::Text(text) | Value::Instant(text) => Ok(cleaned(text)),
        Value::Texts(texts) => Ok(texts.iter().find_map(|text| cleaned(text))),
        Value::Number(number) if number.is_finite() => Ok(Some(shown(*number))),
        Value::Number(_) => Err("must be a finite number"),
        Value::Flag(_) | Value::Json(_) => Err("must be a text here"),
    }
}

/// Every text of a value that may hold several; `None` empties.
pub(crate) fn several(value: &Value) -> Result<Option<Vec<String>>, &'static str> {
    match value {
        Value::Texts(texts) => Ok(Some(texts.iter().filter_map(|text| cleaned(text)).collect())),
        Value::Empty => Ok(None),
        other => Ok(Some(plain(other)?.into_iter().collect())),
    }
}

/// Whether HubSpot would take it for an e-mail address, as far as that can be told.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let fits = |letter: char| {
        !letter.is_whitespace() && !letter.is_control() && !",;@<>()\"".contains(letter)
    };
    let labels = || domain.split('.');
    !local.is_empty()
        && text.chars().filter(|letter| *letter != '@').all(fits)
        && domain.matches('@').count() == 0
        && 2 <= labels().count()
        && labels().all(|label| !label.is_empty())
}

/// A moment in UTC: `2025-10-09T09:01:00Z`.
pub(crate) fn moment(text: &str) -> Option<String> {
    instant::from_unix(instant::to_unix(text)?)
}

/// Without the blanks around it and without control characters, which HubSpot's texts cannot hold.
pub(crate) fn cleaned(text: &str) -> Option<String> {
    let is_kept = |letter: &char| !letter.is_control() || "\n\t".contains(*letter);
    let text: String = text.chars().filter(is_kept).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A whole number without a fraction, any other as short as it is exact.
fn shown(number: f64) -> String {
    // `-0` would keep its sign.
    if number == 0.0 { "0".to_owned() } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: &Value) -> Option<String> {
        property(value).unwrap()
    }

    #[test]
    fn every_value_becomes_a_text() {
        let texts =
            |texts: &[&str]| Value::Texts(texts.iter().map(|it| (*it).to_owned()).collect());
        for (value, expected) in [
            (Value::Empty, Some("")),
            (Value::Text(" a\u{0}b ".to_owned()), Some("ab")),
            (Value::Text(" ".to_owned()), None),
            (Value::Number(1500.0), Some("1500")),
            (Value::Number(-0.0), Some("0")),
            (Value::Number(12.5), Some("12.5")),
            (Value::Flag(true), Some("true")),
            (Value::Instant("2025-10-09T12:01:00+03:00".to_owned()), Some("2025-10-09T09:01:00Z")),
            (Value::Instant("2025-10-09T00:00:00Z".to_owned()), Some("2025-10-09")),
            (texts(&["a", " ", "b"]), Some("a;b")),
            (texts(&[]), None),
        ] {
            assert_eq!(written(&value).as_deref(), expected, "{value:?}");
        }
        assert!(property(&Value::Json("[1]".to_owned())).is_err());
        assert!(property(&Value::Number(f64::NAN)).is_err());
        assert!(property(&Value::Instant("yesterday".to_owned())).is_err());
        assert!(plain(&Value::Flag(true)).is_err());
    }

    #[test]
    fn moments_are_told_in_utc() {
        for (text, expected) in [
            ("2026-01-01T00:00:00Z", Some("2026-01-01T00:00:00Z")),
            ("2026-01-01T01:30:00.5+03:30", Some("2025-12-31T22:00:00Z")),
            ("1970-01-01T00:00:00+01:00", None),
            ("2026-01-01", None),
        ] {
            assert_eq!(moment(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_has_one_at_and_a_domain_with_a_dot() {
        for good in ["anna.test@example.test", "a+b@c.d.e", "ж@пример.рф"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "bad", "@b.c", "a@b", "a@b.", "a@.c", "a b@c.d", "a@b@c.d", "a@b.c;d@e.f"] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text in ".*") {
            moment(&text);
            is_email(&text);
            cleaned(&text);
        }
    }
}
