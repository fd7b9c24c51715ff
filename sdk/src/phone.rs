//! Phone numbers compared by their digits, for hits that a CRM's search has found by less.
//!
//! ```
//! use patchbay_sdk::phone;
//!
//! assert!(phone::matches("+380671234567", "067 123-45-67", None));
//! assert!(!phone::matches("+380671234567", "+48 67 123 45 67", None));
//! ```

/// Digits that a number has at least: so short a number names nobody.
pub const DIGITS_MIN: usize = 3;

/// Digits compared where the CRM's number lacks its country: more would include the trunk prefix.
const NATIONAL_DIGITS: usize = 10;

/// What may stand before a whole national number.
const COUNTRY_DIGITS_MAX: usize = 3;

/// What a CRM shall search for: `+` and digits, or the digits alone as they were given; `None` for
/// fewer than [`DIGITS_MIN`].
pub fn searched(number: &str) -> Option<String> {
    let digits = digits(number);
    (DIGITS_MIN <= digits.len()).then(|| match international(number) {
        Some(digits) => format!("+{digits}"),
        None => digits,
    })
}

/// Whether the number asked for is the one on the card.
///
/// `sanitized` is the CRM's own E.164 form, where it has one that knows the client's country: then
/// it alone decides. Numbers without a country are compared by their last ten digits, or by all but
/// the trunk zeros.
pub fn matches(asked: &str, phone: &str, sanitized: Option<&str>) -> bool {
    match (international(asked), sanitized.and_then(international).or_else(|| international(phone)))
    {
        (Some(asked), Some(held)) => asked == held,
        (Some(asked), None) => same_national(&asked, &digits(phone)),
        (None, _) => digits(asked).len() >= DIGITS_MIN && digits(asked) == digits(phone),
    }
}

/// A number without its country: the last ten digits where it has as many, else all but the trunk zeros.
fn same_national(international: &str, national: &str) -> bool {
    // Belarus writes its nine digits after `80`.
    if let (Some(own), Some(rest)) =
        (international.strip_prefix("375"), national.strip_prefix("80"))
        && own == rest
    {
        return true;
    }
    if NATIONAL_DIGITS <= national.len() {
        last(international, NATIONAL_DIGITS) == last(national, NATIONAL_DIGITS)
    } else {
        let significant = national.trim_start_matches('0');
        // A card without a number has the end of every one.
        let country = international.strip_suffix(significant).filter(|_| !significant.is_empty());
        country.is_some_and(|country| (1..=COUNTRY_DIGITS_MAX).contains(&country.len()))
    }
}

/// Digits after `+` or `00`; `None` for a number without its country.
pub fn international(number: &str) -> Option<String> {
    let number = number.trim();
    let all = digits(number);
    if number.starts_with('+') {
        return (!all.is_empty()).then_some(all);
    }
    all.strip_prefix("00").filter(|rest| !rest.is_empty()).map(str::to_owned)
}

/// The ASCII digits of a number.
pub fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

fn last(digits: &str, count: usize) -> Option<&str> {
    digits.get(digits.len().checked_sub(count)?..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_searched_for_in_the_form_that_is_compared() {
        assert_eq!(searched("+380 67 123-45-67").as_deref(), Some("+380671234567"));
        assert_eq!(searched("00380671234567").as_deref(), Some("+380671234567"));
        assert_eq!(searched("(067) 123 45 67").as_deref(), Some("0671234567"));
        assert_eq!(searched("102").as_deref(), Some("102"));
        assert_eq!(searched("12"), None);
        assert_eq!(searched("anonymous"), None);
    }

    #[test]
    fn hits_are_compared_by_digits() {
        for (asked, phone, sanitized, expected) in [
            ("+380671234567", "+380 67 123 45 67", None, true),
            ("+380671234567", "00380671234567", None, true),
            ("+380671234567", "067 123-45-67", Some("+380671234567"), true),
            ("+380671234567", "067 123-45-67", None, true),
            ("+79161234567", "8 (916) 123-45-67", None, true),
            ("+3725123456", "512 3456", None, true),
            ("+375291234567", "8 (029) 123-45-67", None, true),
            ("+375291234567", "8 (029) 123-45-68", None, false),
            // The same national number in another country.
            ("+380671234567", "067 123-45-67", Some("+48671234567"), false),
            ("+380671234567", "+48 67 123 45 67", None, false),
            ("+380671234567", "671234567", None, true),
            ("+380671234567", "71234567", None, false),
            ("0671234567", "067 123-45-67", Some("+380671234567"), true),
            ("0671234567", "+380671234567", None, false),
            ("+380671234567", "", None, false),
            ("+102", "", None, false),
            ("+102", "0", None, false),
            ("+", "", None, false),
        ] {
            assert_eq!(matches(asked, phone, sanitized), expected, "{asked} {phone} {sanitized:?}");
        }
    }
}
