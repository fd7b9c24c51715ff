//! The database that the configuration names.

use std::sync::Arc;

use super::Error;
use crate::{
    config::Config,
    storage::{Stores, postgres::Postgres, sqlite::Sqlite},
};

/// An open database of either kind.
#[derive(Debug)]
pub(super) enum Database {
    Embedded(Arc<Sqlite>),
    Shared(Arc<Postgres>),
}

impl Database {
    /// With a URL the shared one; without, the file in the data folder.
    pub(super) async fn open(config: &Config) -> Result<(Self, Stores), Error> {
        let Some(url) = &config.storage.url else {
            let sqlite = Sqlite::open(&config.data.join("patchbay.db"), &config.storage)?;
            let stores = sqlite.stores();
            return Ok((Self::Embedded(sqlite), stores));
        };
        let url = url.read().map_err(Error::DatabaseUrl)?;
        let postgres = Postgres::open(url.expose(), &config.storage).await?;
        let stores = postgres.stores();
        Ok((Self::Shared(postgres), stores))
    }

    /// Takes no more writes and returns once those that wait are durable.
    pub(super) async fn close(self) {
        match self {
            Self::Embedded(sqlite) => sqlite.close().await,
            Self::Shared(postgres) => postgres.close().await,
        }
    }
}
