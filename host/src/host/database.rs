//! The database that the configuration names.

use std::sync::Arc;

use super::Error;
use crate::{
    config::{Config, read_secret},
    storage::{Keys, Resealed, Stores, postgres::Postgres, sqlite::Sqlite},
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
        let keys = keys(config)?;
        let Some(url) = &config.storage.url else {
            let path = config.data.join("patchbay.db");
            let sqlite = Sqlite::open_with(&path, &config.storage, &keys)?;
            let stores = sqlite.stores();
            return Ok((Self::Embedded(sqlite), stores));
        };
        let url = url.read().map_err(Error::DatabaseUrl)?;
        let postgres = Postgres::open(url.expose(), &config.storage, &keys).await?;
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

/// The keys that the configuration names, else the file in the data folder.
fn keys(config: &Config) -> Result<Keys, Error> {
    let Some(place) = &config.sealing.key else { return Ok(Keys::in_folder(&config.data)) };
    read_secret(place).map(Keys::Given).map_err(Error::SealingKey)
}

/// Seals every secret of the database anew: with a new key where it stands in a file of the host's
/// own, else with the first one of those that the configuration names.
pub async fn rotate(config: &Config) -> Result<Resealed, Error> {
    let keys = keys(config)?;
    match (&config.storage.url, &keys) {
        (None, Keys::File(_)) => Ok(Sqlite::rotate(&config.data.join("patchbay.db"), &keys)?),
        (None, Keys::Given(_)) => Ok(Sqlite::reseal(&config.data.join("patchbay.db"), &keys)?),
        (Some(_), Keys::File(_)) => Err(Error::SealingKey(
            "the hosts on one database need the same key, and this one is in a file of this host: \
             name it with `sealing.key` on every host first"
                .to_owned(),
        )),
        (Some(url), Keys::Given(_)) => {
            let url = url.read().map_err(Error::DatabaseUrl)?;
            Ok(Postgres::reseal(url.expose(), &keys).await?)
        }
    }
}
