//! Secrets as they stand in the columns of every backend: sealed, each for its own place.

use super::{
    Result,
    codec::{corrupt, from_json, to_json},
};
use crate::{
    account::Account,
    id::AccountId,
    seal::{self, Keyring},
    secret::Secret,
};

/// An account, its secrets sealed.
pub(super) fn account_to_json(account: &Account, keys: &Keyring) -> Result<String> {
    let mut account = account.clone();
    let id = account.id.clone();
    for (place, secret) in account.secrets_mut() {
        *secret = Secret::new(keys.seal(&[id.as_str(), &place], secret));
    }
    to_json(&account)
}

/// The account with its secrets. What an earlier release has stored is not sealed yet.
pub(super) fn account_from_json(json: &str, keys: &Keyring) -> Result<Account> {
    let mut account: Account = from_json("account", json)?;
    let id = account.id.clone();
    for (place, secret) in account.secrets_mut() {
        if seal::is_sealed(secret.expose()) {
            let opened = keys.open(&[id.as_str(), &place], secret.expose());
            *secret = opened.map_err(|error| corrupt("account", error))?;
        }
    }
    Ok(account)
}

/// The account as the newest key seals it; `None` where that has sealed it already.
pub(super) fn account_again(json: &str, keys: &Keyring) -> Result<Option<String>> {
    let mut stored: Account = from_json("account", json)?;
    let is_current = |(_, secret): (String, &mut Secret<String>)| keys.is_current(secret.expose());
    if stored.secrets_mut().all(is_current) {
        return Ok(None);
    }
    account_to_json(&account_from_json(json, keys)?, keys).map(Some)
}

/// Whether no secret of the account stands there as it is.
pub(super) fn is_sealed(json: &str) -> Result<bool> {
    let mut stored: Account = from_json("account", json)?;
    Ok(stored.secrets_mut().all(|(_, secret)| seal::is_sealed(secret.expose())))
}

/// One secret of an account in a column of its own.
pub(super) fn seal(
    account: &AccountId,
    column: &str,
    value: &Secret<String>,
    keys: &Keyring,
) -> String {
    keys.seal(&[account.as_str(), column], value)
}

pub(super) fn open(
    (table, column): (&'static str, &str),
    account: &AccountId,
    text: &str,
    keys: &Keyring,
) -> Result<Secret<String>> {
    keys.open(&[account.as_str(), column], text).map_err(|error| corrupt(table, error))
}

/// The same as the newest key seals it; `None` where that has sealed it already.
pub(super) fn again(
    place: (&'static str, &str),
    account: &AccountId,
    text: &str,
    keys: &Keyring,
) -> Result<Option<String>> {
    if keys.is_current(text) {
        return Ok(None);
    }
    let value = open(place, account, text, keys)?;
    Ok(Some(seal(account, place.1, &value, keys)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str) -> Account {
        let secret = |text: &str| Secret::new(text.to_owned());
        Account {
            secrets: [("api-key", "s3cret"), ("webhook-token", "0ther")]
                .map(|(key, value)| (key.to_owned(), secret(value)))
                .into(),
            webhook_token: Some(secret("hook-t0ken")),
            ..Account::new(id.parse().unwrap(), "crm-test".parse().unwrap())
        }
    }

    #[test]
    fn no_secret_of_an_account_is_stored_as_it_is() {
        let keys = Keyring::random();
        let json = account_to_json(&account("crm"), &keys).unwrap();
        for plain in ["s3cret", "0ther", "hook-t0ken"] {
            assert!(!json.contains(plain), "{json}");
        }
        assert_eq!(account_from_json(&json, &keys).unwrap(), account("crm"));
        assert_eq!(account_again(&json, &keys).unwrap(), None);
    }

    #[test]
    fn a_sealed_secret_cannot_be_moved_to_another_account_or_key() {
        let keys = Keyring::random();
        let json = account_to_json(&account("crm"), &keys).unwrap();
        assert!(account_from_json(&json.replace("\"crm\"", "\"crm-2\""), &keys).is_err());
        assert!(account_from_json(&json.replace("\"api-key\"", "\"api-kez\""), &keys).is_err());
    }

    #[test]
    fn what_an_earlier_release_stored_is_read_and_sealed() {
        let keys = Keyring::random();
        let plain = to_json(&account("crm")).unwrap();
        assert_eq!(account_from_json(&plain, &keys).unwrap(), account("crm"));
        let sealed = account_again(&plain, &keys).unwrap().unwrap();
        assert!(!sealed.contains("s3cret"));
        assert_eq!(account_from_json(&sealed, &keys).unwrap(), account("crm"));
        let newer = keys.and_newer();
        let again = account_again(&sealed, &newer).unwrap().unwrap();
        assert_eq!(account_from_json(&again, &newer.newest()).unwrap(), account("crm"));
    }
}
