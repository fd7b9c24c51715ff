//! The notations under which a phone may lie in the CRM: its search compares whole numbers.

use patchbay_sdk::phone;

/// Calling codes of two digits; those of one are `1` and `7`, all others have three.
const TWO_DIGITS: &str = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 ";

/// What is dialled before a national number, where it is not `0`.
const TRUNKS: [(&str, &str); 4] = [("7", "8"), ("375", "80"), ("36", "06"), ("1", "1")];

/// The number as it may be stored, the likeliest first; empty for one that is too short.
pub(crate) fn of(number: &str) -> Vec<String> {
    let Some(searched) = phone::searched(number) else { return Vec::new() };
    let Some(digits) = searched.strip_prefix('+') else { return vec![searched] };
    let mut all = vec![searched.clone(), digits.to_owned()];
    let code = match digits.get(..2) {
        Some(two) if two.starts_with(['1', '7']) => 1,
        Some(two) if TWO_DIGITS.contains(&format!(" {two} ")) => 2,
        _ => 3,
    };
    if let Some((code, national)) = digits.split_at_checked(code)
        && phone::DIGITS_MIN < national.len()
    {
        let trunk = TRUNKS.iter().find(|(own, _)| *own == code).map_or("0", |(_, trunk)| trunk);
        all.push(format!("{trunk}{national}"));
        all.push(national.to_owned());
    }
    all.dedup();
    all
}

/// Whether the number asked for is the one that the CRM holds.
pub(crate) fn is_same(asked: &str, held: &str) -> bool {
    // Trunk prefixes of two digits are known here alone.
    let is_searched = || {
        let digits = phone::digits(held);
        of(asked).contains(&digits)
    };
    phone::matches(asked, held, None) || (phone::international(held).is_none() && is_searched())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_searched_for_as_it_may_have_been_typed_in() {
        for (number, expected) in [
            ("+380671234567", "+380671234567 380671234567 0671234567 671234567"),
            ("+79161234567", "+79161234567 79161234567 89161234567 9161234567"),
            ("+375291234567", "+375291234567 375291234567 80291234567 291234567"),
            ("+4930123456", "+4930123456 4930123456 030123456 30123456"),
            ("00380 67 123-45-67", "+380671234567 380671234567 0671234567 671234567"),
            ("067 123-45-67", "0671234567"),
            ("102", "102"),
            ("12", ""),
            ("anonymous", ""),
        ] {
            assert_eq!(of(number).join(" "), expected, "{number}");
        }
    }

    #[test]
    fn a_hit_is_compared_again() {
        for (asked, held, expected) in [
            ("+380671234567", "067 123-45-67", true),
            ("+375291234567", "8 (029) 123-45-67", true),
            ("067 123-45-67", "0671234567", true),
            ("+380671234567", "+48 67 123 45 67", false),
            // Nine digits of Guam are nine digits of Ukraine without its code.
            ("+380671234567", "+671234567", false),
            ("+380671234567", "", false),
        ] {
            assert_eq!(is_same(asked, held), expected, "{asked} {held}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_searched_for_is_a_hit(number in "\\+[1-9]{4}[0-9]{6,10}") {
            for notation in of(&number) {
                prop_assert!(is_same(&number, &notation), "{} {}", number, notation);
            }
        }

        #[test]
        fn any_text_has_an_answer(one in ".*", other in ".*") {
            is_same(&one, &other);
        }
    }
}
