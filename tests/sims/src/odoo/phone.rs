//! How Odoo compares phones.

/// Separators do not count, and `00` is `+`; with and without a country are different numbers.
pub(crate) fn bare(number: &str) -> String {
    let number: String = number.chars().filter(|letter| !" \\./()-".contains(*letter)).collect();
    number.strip_prefix("00").map(|rest| format!("+{rest}")).unwrap_or(number)
}

/// The international form; a national number has one where the partner's country is known.
pub(crate) fn sanitized(number: &str, country: Option<&str>) -> Option<String> {
    let bare = bare(number);
    let digits: String = bare.chars().filter(char::is_ascii_digit).collect();
    if bare.starts_with('+') {
        return (7 <= digits.len()).then(|| format!("+{digits}"));
    }
    let national = digits.strip_prefix('0').filter(|rest| rest.len() == 9)?;
    (country == Some("Ukraine")).then(|| format!("+380{national}"))
}
