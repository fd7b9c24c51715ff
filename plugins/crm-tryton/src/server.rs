//! The Tryton server of an account, as its settings tell.

use patchbay_sdk::settings;
use patchbay_sdk::types::{Error, Problem};

/// The largest id: records are numbered with 32-bit integers.
const ID_MAX: u64 = 2_147_483_647;

/// Longest idempotency key of the contract.
const KEY_BYTES_MAX: usize = 128;

/// Checked settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// Without a slash at the end.
    pub base_url: String,
    pub database: String,
    /// A placeholder; the host puts the key in.
    pub key: String,
    pub company: u64,
}

impl Server {
    /// Reads the settings, or names every fault in them.
    pub(crate) fn read() -> Result<Self, Error> {
        let mut problems = Vec::new();
        let mut required = |key: &str| {
            let value = settings::get(key).filter(|value| !value.trim().is_empty());
            if value.is_none() {
                problems.push(Problem::new(key, "is not set; set it on the account"));
            }
            value.unwrap_or_default().trim().to_owned()
        };
        let base_url = required("base-url").trim_end_matches('/').to_owned();
        let (database, key) = (required("database"), required("key"));
        if !database.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            problems.push(Problem::new("database", "must be letters, digits, `-`, `_` and `.`"));
        }
        let company = settings::get("company").unwrap_or_else(|| "1".to_owned());
        let company = id(&company).unwrap_or_else(|| {
            problems.push(Problem::new("company", "must be the id of a company: 1"));
            0
        });
        if problems.is_empty() {
            Ok(Self { base_url, database, key, company })
        } else {
            Err(Error::Invalid(problems))
        }
    }

    /// Where a manager opens the record in the web client.
    pub(crate) fn page_of(&self, model: &str, id: u64) -> String {
        format!("{}/#{}/model/{model}/{id}", self.base_url, self.database)
    }
}

/// The number that Tryton gave a record.
pub(crate) fn id(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|id| is_plain && (1..=ID_MAX).contains(id))
}

/// The id of a party that exists as far as one can tell from its form.
pub(crate) fn party_id(text: &str) -> Result<u64, Error> {
    id(text).ok_or_else(|| Error::NotFound("there is no such party in Tryton".to_owned()))
}

/// By this the record of a write is found again.
pub(crate) fn mark(key: &str) -> Result<String, Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if key.is_empty() || KEY_BYTES_MAX < key.len() || !key.bytes().all(fits) {
        let text = "the idempotency key must be 1 to 128 letters, digits, `-` and `_`";
        return Err(Error::Invalid(vec![Problem::general(text)]));
    }
    Ok(format!("patchbay:{key}"))
}

#[cfg(test)]
mod tests {
    use patchbay_sdk::testing::Host;

    use super::*;

    #[test]
    fn all_faults_of_the_settings_are_named_at_once() {
        let host = Host::new().setting("database", "a/b").setting("company", "0");
        let Err(Error::Invalid(problems)) = host.run(Server::read) else { panic!("is refused") };
        let keys: Vec<_> = problems.iter().filter_map(|problem| problem.field.as_deref()).collect();
        assert_eq!(keys, ["base-url", "key", "database", "company"]);
    }

    #[test]
    fn ids_are_plain_numbers_up_to_what_the_database_holds() {
        for (text, expected) in [
            ("1", Some(1)),
            ("2147483647", Some(ID_MAX)),
            ("2147483648", None),
            ("0", None),
            ("01", None),
            ("+1", None),
            ("", None),
            ("party.party,1", None),
        ] {
            assert_eq!(id(text), expected, "{text}");
        }
    }

    #[test]
    fn a_key_is_taken_up_to_its_limit() {
        assert_eq!(mark(&"k".repeat(KEY_BYTES_MAX)).unwrap().len(), KEY_BYTES_MAX + 9);
        for wrong in
            [String::new(), "a b".to_owned(), "a%".to_owned(), "k".repeat(KEY_BYTES_MAX + 1)]
        {
            assert!(mark(&wrong).is_err(), "{wrong}");
        }
    }
}
