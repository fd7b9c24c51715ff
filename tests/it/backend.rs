//! The databases that every promise holds on.

use patchbay::{
    config::{Config, DatabaseUrl, SecretRef},
    secret::Secret,
};
use patchbay_test_postgres::{Database, database};

/// The key of all hosts on one database.
const SEALING_KEY: &str = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";

/// Where a host keeps what it knows.
#[derive(Debug)]
pub(crate) enum Backend {
    /// A file in the host's own folder.
    Sqlite,
    Postgres(Database),
}

impl Backend {
    /// A fresh database on the tests' own server.
    pub(crate) async fn postgres() -> Self {
        Self::Postgres(database().await)
    }

    /// The same with nothing in it.
    pub(crate) async fn another(&self) -> Self {
        match self {
            Self::Sqlite => Self::Sqlite,
            Self::Postgres(_) => Self::postgres().await,
        }
    }

    /// Whether a host that starts takes back what the one before it had leased. Where there may be
    /// other hosts the leases run out.
    pub(crate) fn takes_back_at_start(&self) -> bool {
        matches!(self, Self::Sqlite)
    }

    /// For a host in this process.
    pub(crate) fn configure(&self, config: &mut Config) {
        if let Self::Postgres(database) = self {
            let url = Secret::new(database.url.clone());
            config.storage.url = Some(DatabaseUrl::Given(url));
            // Several hosts, each with a folder of its own, share the database.
            let key = ["echo".to_owned(), SEALING_KEY.to_owned()];
            config.sealing.key = Some(SecretRef::Command(key.to_vec()));
        }
    }

    /// For the file of a program, before its tables.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Sqlite => String::new(),
            Self::Postgres(database) => format!(
                "storage = '{}'\nsealing.key = {{ command = ['echo', '{SEALING_KEY}'] }}",
                database.url
            ),
        }
    }
}

/// One test for each backend and each of these functions, under the function's name.
macro_rules! on_every_backend {
    ($($promise:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    super::$promise($crate::backend::Backend::Sqlite).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    super::$promise($crate::backend::Backend::postgres().await).await;
                }
            )+
        }
    };
}
pub(crate) use on_every_backend;
