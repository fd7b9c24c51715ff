//! The phone standard: E.164 where a number says its country itself.

/// Digits of the shortest and the longest international number.
const DIGITS_MIN: usize = 7;
const DIGITS_MAX: usize = 15;

/// The number as `+` and digits, where it starts with `+` or `00` and has a possible length.
///
/// A number without a country code is not guessed at: `None`, and it is kept as received.
pub fn e164(text: &str) -> Option<String> {
    let text = text.trim();
    let number = text.strip_prefix('+').or_else(|| text.strip_prefix("00"))?;
    let is_separator =
        |c: char| matches!(c, ' ' | '-' | '(' | ')' | '.' | '/' | '\u{a0}' | '\u{2011}');
    if !number.chars().all(|c| c.is_ascii_digit() || is_separator(c)) {
        return None;
    }
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let is_possible = (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) && !digits.starts_with('0');
    is_possible.then(|| format!("+{digits}"))
}

/// The digits alone, for comparing two notations.
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(e164(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn international_notations_become_one() {
        check("+7 900 000-00-03", Some("+79000000003"));
        check("0038 (044) 000.00.71", Some("+380440000071"));
        check(" +380440000071 ", Some("+380440000071"));
    }

    #[test]
    fn what_names_no_country_or_is_no_phone_is_left_alone() {
        check("8 900 000-00-03", None);
        check("0440000071", None);
        check("+7 call me", None);
        check("", None);
        check("+", None);
    }

    #[test]
    fn the_length_is_checked_at_its_edges() {
        check("+123456", None);
        check("+1234567", Some("+1234567"));
        check("+123456789012345", Some("+123456789012345"));
        check("+1234567890123456", None);
        check("+0123456789", None);
    }
}
