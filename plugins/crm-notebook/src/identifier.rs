//! The keys under which a card is found: the same client always gives the same key.

use patchbay_sdk::types::Identifier;

/// Fewest digits by which a phone is found; shorter numbers are extensions and typing errors.
const PHONE_DIGITS_MIN: usize = 5;

/// Longest identifier, in bytes; with its prefix it stays below the store's longest key.
pub(crate) const IDENTIFIER_BYTES_MAX: usize = 256;

/// The store's key of a phone: its digits, where `+` and `00` begin the same number.
pub(crate) fn phone_key(phone: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").unwrap_or(&digits);
    (digits.len() >= PHONE_DIGITS_MIN && digits.len() <= IDENTIFIER_BYTES_MAX)
        .then(|| format!("phone/{digits}"))
}

/// The store's key of an e-mail address, without regard to case.
pub(crate) fn email_key(email: &str) -> Option<String> {
    let email = email.trim().to_lowercase();
    (is_email(&email) && email.len() <= IDENTIFIER_BYTES_MAX).then(|| format!("email/{email}"))
}

/// The store's key of an id that another system gave.
pub(crate) fn external_key(system: &str, id: &str) -> Option<String> {
    let is_whole = !system.is_empty() && !id.is_empty() && !system.contains(':');
    (is_whole && system.len() + id.len() <= IDENTIFIER_BYTES_MAX)
        .then(|| format!("external/{system}:{id}"))
}

/// The store's key of an identifier; `None` for a card's id and for what nothing is found by.
pub(crate) fn key(identifier: &Identifier) -> Option<String> {
    match identifier {
        Identifier::Phone(phone) => phone_key(phone),
        Identifier::Email(email) => email_key(email),
        Identifier::External(external) => external_key(&external.system, &external.id),
        Identifier::Card(_) => None,
    }
}

/// Whether something stands on both sides of an `@`.
pub(crate) fn is_email(text: &str) -> bool {
    text.trim().split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(identifier: &Identifier, expected: Option<&str>) {
        assert_eq!(key(identifier).as_deref(), expected);
    }

    #[test]
    fn one_phone_in_several_spellings_has_one_key() {
        check(&Identifier::Phone("+7 (900) 000-00-01".to_owned()), Some("phone/79000000001"));
        check(&Identifier::Phone("0079000000001".to_owned()), Some("phone/79000000001"));
        check(&Identifier::Phone("79000000001".to_owned()), Some("phone/79000000001"));
    }

    #[test]
    fn nobody_is_found_by_fewer_than_five_digits() {
        check(&Identifier::Phone("12345".to_owned()), Some("phone/12345"));
        check(&Identifier::Phone("1234".to_owned()), None);
        check(&Identifier::Phone("unknown".to_owned()), None);
    }

    #[test]
    fn an_identifier_is_at_most_256_bytes_long() {
        check(&Identifier::Phone("1".repeat(256)), Some(&format!("phone/{}", "1".repeat(256))));
        check(&Identifier::Phone("1".repeat(257)), None);
        check(
            &Identifier::external("jivo", "x".repeat(252)),
            Some(&format!("external/jivo:{}", "x".repeat(252))),
        );
        check(&Identifier::external("jivo", "x".repeat(253)), None);
    }

    #[test]
    fn the_case_of_an_email_does_not_matter() {
        check(&Identifier::Email(" Alina@Example.com".to_owned()), Some("email/alina@example.com"));
        check(&Identifier::Email("alina.example.com".to_owned()), None);
    }

    #[test]
    fn a_system_with_a_colon_cannot_pass_for_another() {
        check(&Identifier::external("a", "b:c"), Some("external/a:b:c"));
        check(&Identifier::external("a:b", "c"), None);
    }
}
