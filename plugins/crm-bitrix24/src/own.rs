//! A value of the contract as `crm.item` takes it.

use patchbay_sdk::types::Value as FieldValue;
use serde_json::{Value, json};

use crate::portal;

/// Largest integer that JSON numbers hold exactly.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Fields that Bitrix24 or this adapter fills itself.
const TAKEN: [&str; 16] = [
    "id",
    "entityTypeId",
    "createdTime",
    "updatedTime",
    "createdBy",
    "updatedBy",
    "movedBy",
    "movedTime",
    "stageSemanticId",
    "fm",
    "hasPhone",
    "hasEmail",
    "contactIds",
    "originatorId",
    "originId",
    "originVersion",
];

/// Checks the name of a field that the operator has named.
pub(crate) fn check_name(key: &str) -> Result<(), &'static str> {
    // Bitrix24 drops what it does not know without a word, so a wrong spelling has to be told here.
    if key.starts_with("UF_")
        || (1 < key.len() && !key.bytes().any(|byte| byte.is_ascii_lowercase()))
    {
        return Err(
            "is spelled as in the old methods: take the name that describe-fields shows, as `ufCrm_1700000000`",
        );
    }
    if !portal::is_name(key) {
        return Err("is neither a canonical key nor the name of a field in Bitrix24");
    }
    if TAKEN.contains(&key) {
        return Err("is filled by Bitrix24 or by the adapter itself");
    }
    Ok(())
}

/// A value for a field of any type; `None` for one that has nothing to write.
pub(crate) fn any(value: &FieldValue) -> Result<Option<Value>, &'static str> {
    Ok(Some(match value {
        FieldValue::Number(number) => self::number(*number)?,
        FieldValue::Flag(flag) => json!(if *flag { "Y" } else { "N" }),
        FieldValue::Texts(texts) => {
            let texts: Vec<String> = texts.iter().filter_map(|text| cleaned(text)).collect();
            if texts.is_empty() {
                return Ok(None);
            }
            json!(texts)
        }
        FieldValue::Json(json) => match serde_json::from_str::<Value>(json) {
            Ok(Value::Null) => json!(""),
            Ok(json) => json,
            Err(_) => return Err("must be JSON, as its type says"),
        },
        text => return self::text(text),
    }))
}

/// A value for a text field; an empty text empties it.
pub(crate) fn text(value: &FieldValue) -> Result<Option<Value>, &'static str> {
    let text = match value {
        FieldValue::Empty => Some(String::new()),
        FieldValue::Text(text) | FieldValue::Instant(text) => cleaned(text),
        FieldValue::Texts(texts) => texts.iter().find_map(|text| cleaned(text)),
        FieldValue::Number(number) => Some(self::number(*number)?.to_string()),
        FieldValue::Flag(_) | FieldValue::Json(_) => return Err("must be a text here"),
    };
    Ok(text.map(Value::String))
}

/// The id of another record: an employee, a pipeline.
pub(crate) fn reference(value: &FieldValue) -> Result<Option<Value>, &'static str> {
    const WRONG: &str = "must be an id of Bitrix24, which is a number";
    match value {
        FieldValue::Number(number) => {
            self::number(*number)?.as_u64().map(|id| Some(json!(id))).ok_or(WRONG)
        }
        value => match text(value)? {
            Some(Value::String(text)) if !text.is_empty() => {
                let is_number = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse::<u64>()
                    .ok()
                    .filter(|_| is_number)
                    .map(|id| Some(json!(id)))
                    .ok_or(WRONG)
            }
            _ => Ok(None),
        },
    }
}

pub(crate) fn number(number: f64) -> Result<Value, &'static str> {
    if !number.is_finite() {
        return Err("must be a finite number");
    }
    if number.fract() == 0.0 && number.abs() <= INTEGER_MAX {
        // Exact: a whole number within 2^53. `{:.0}` spells it out, and `-0` becomes 0.
        let whole = format!("{number:.0}").parse::<i64>().expect("at most 2^53 in size");
        return Ok(json!(whole));
    }
    Ok(json!(number))
}

/// A text that is not blank, without what a database refuses.
pub(crate) fn cleaned(text: &str) -> Option<String> {
    let text = text.replace('\0', "");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind_are_written() {
        let text = |text: &str| FieldValue::Text(text.to_owned());
        let texts =
            |texts: &[&str]| FieldValue::Texts(texts.iter().map(|&text| text.to_owned()).collect());
        for (value, expected) in [
            (text(" a\0b "), Some(json!("ab"))),
            (text(" "), None),
            (FieldValue::Empty, Some(json!(""))),
            (FieldValue::Number(1500.0), Some(json!(1500))),
            (FieldValue::Number(-0.0), Some(json!(0))),
            (FieldValue::Number(0.5), Some(json!(0.5))),
            (FieldValue::Flag(true), Some(json!("Y"))),
            (
                FieldValue::Instant("2026-12-01T10:00:00Z".to_owned()),
                Some(json!("2026-12-01T10:00:00Z")),
            ),
            (texts(&["a", "", "b"]), Some(json!(["a", "b"]))),
            (texts(&["", " "]), None),
            (FieldValue::Json("{\"a\":[1]}".to_owned()), Some(json!({ "a": [1] }))),
            (FieldValue::Json("null".to_owned()), Some(json!(""))),
        ] {
            assert_eq!(any(&value), Ok(expected), "{value:?}");
        }
        assert!(any(&FieldValue::Json("{".to_owned())).is_err());
        assert!(any(&FieldValue::Number(f64::NAN)).is_err());
        assert!(self::text(&FieldValue::Flag(true)).is_err());
    }

    #[test]
    fn a_reference_is_a_number_in_either_type() {
        let of = |text: &str| reference(&FieldValue::Text(text.to_owned()));
        assert_eq!(of("6"), Ok(Some(json!(6))));
        assert_eq!(reference(&FieldValue::Number(6.0)), Ok(Some(json!(6))));
        assert_eq!(reference(&FieldValue::Empty), Ok(None));
        assert!(of("C_6").is_err() && of("+6").is_err() && of("1234567890123456789").is_err());
        assert!(reference(&FieldValue::Number(-6.0)).is_err());
    }

    #[test]
    fn a_name_that_would_be_dropped_in_silence_is_refused() {
        for wrong in
            ["UF_CRM_1700000000", "PHONE", "id", "fm", "originId", "utm source", "1a", "", "ж"]
        {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
        for good in
            ["ufCrm_1700000000", "ufCrm44_1721812915476", "lastName", "post", "parentId1220"]
        {
            assert!(check_name(good).is_ok(), "{good}");
        }
    }
}
