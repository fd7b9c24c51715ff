//! Which database the journal is kept in: a URL, given or referred to.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{SecretRef, Storage, read_secret};
use crate::secret::Secret;

/// The URL of a PostgreSQL database. It may hold a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    Given(Secret<String>),
    At(SecretRef),
}

impl DatabaseUrl {
    /// The URL itself. The error names the place, never the value.
    pub fn read(&self) -> Result<Secret<String>, String> {
        let url = match self {
            Self::Given(url) => url.clone(),
            Self::At(place) => read_secret(place)?,
        };
        if is_postgres(url.expose()) { Ok(url) } else { Err(EXPECTED.to_owned()) }
    }
}

const EXPECTED: &str = "the URL must begin with `postgres://`, as in \
     postgres://user:password@host:5432/database, or stand elsewhere: { env = \"NAME\" } or \
     { file = \"PATH\" }";

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UrlVisitor)
    }
}

struct UrlVisitor;

impl<'de> Visitor<'de> for UrlVisitor {
    type Value = DatabaseUrl;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a URL `postgres://…`, or its place")
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<DatabaseUrl, E> {
        if is_postgres(v) {
            Ok(DatabaseUrl::Given(Secret::new(v.to_owned())))
        } else {
            // Without the value: it may hold a password.
            Err(E::custom(EXPECTED))
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DatabaseUrl, A::Error> {
        SecretRef::deserialize(MapAccessDeserializer::new(map)).map(DatabaseUrl::At)
    }
}

/// `storage = "postgres://…"` is short for a table with this URL.
pub(super) fn url_or_table<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Storage, D::Error> {
    struct StorageVisitor;

    impl<'de> Visitor<'de> for StorageVisitor {
        type Value = Storage;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a URL `postgres://…`, or a table")
        }

        fn visit_str<E: de::Error>(self, v: &str) -> Result<Storage, E> {
            let url = UrlVisitor.visit_str(v)?;
            Ok(Storage { url: Some(url), ..Storage::default() })
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Storage, A::Error> {
            Storage::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(StorageVisitor)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn url_of(text: &str) -> Option<DatabaseUrl> {
        Config::parse(text).unwrap().storage.url
    }

    #[test]
    fn a_url_is_all_it_takes() {
        let given = DatabaseUrl::Given(Secret::new("postgres://me@db/patchbay".to_owned()));
        assert_eq!(url_of("storage = \"postgres://me@db/patchbay\""), Some(given.clone()));
        let table = "[storage]\nurl = \"postgres://me@db/patchbay\"\nqueue_max = 500";
        let storage = Config::parse(table).unwrap().storage;
        assert_eq!((storage.url, storage.queue_max), (Some(given), 500));
        assert_eq!(url_of(""), None, "the embedded database");
    }

    #[test]
    fn a_url_may_stand_elsewhere() {
        let place = DatabaseUrl::At(SecretRef::Env("PATCHBAY_NO_SUCH_URL".to_owned()));
        assert_eq!(url_of("storage.url = { env = \"PATCHBAY_NO_SUCH_URL\" }"), Some(place.clone()));
        assert_eq!(
            place.read().unwrap_err(),
            "set the environment variable `PATCHBAY_NO_SUCH_URL`"
        );
    }

    #[test]
    fn another_url_is_a_fault_that_does_not_repeat_it() {
        for text in ["storage = \"mysql://me:hunter2@db\"", "[storage]\nurl = \"hunter2\""] {
            let faults = Config::parse(text).unwrap_err();
            let told = faults.iter().map(ToString::to_string).collect::<String>();
            assert!(told.contains("postgres://") && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn a_url_is_not_printed() {
        let url = url_of("storage = \"postgres://me:hunter2@db/patchbay\"").unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
        assert_eq!(url.read().unwrap().expose(), "postgres://me:hunter2@db/patchbay");
    }
}
