//! The backend for several hosts: one PostgreSQL database that they share.
//!
//! Every transaction is short and open across nothing but SQL. Webhooks are joined into batches by
//! one task; everything else takes a connection of the pool.

use std::sync::Arc;

use deadpool_postgres::{Pool, Transaction};

use self::{connect::Connections, error::is_conflict, ingest::Ingest, news::Newsroom};
use super::{
    Error, Keys, Resealed, Result, Stores, codec, codec::unavailable, rows as values, sealed,
};
use crate::{config, seal::Keyring, tasks::Tasks};

mod accept;
mod access;
mod clients;
mod connect;
mod denials;
mod draws;
mod error;
mod events;
mod forget;
mod ingest;
mod journal;
mod kv;
mod lanes;
mod lease;
mod mend;
mod migrations;
mod news;
mod oauth;
mod partitions;
mod queries;
mod registry;
mod replay;
mod retention;
mod sealing;
#[cfg(test)]
mod tests;
mod tls;
mod turns;
mod versions;
mod views;

/// An open database.
#[derive(Debug)]
pub struct Postgres {
    pool: Pool,
    ingest: Ingest,
    news: Newsroom,
    tasks: Tasks,
    keys: Arc<Keyring>,
}

impl Postgres {
    /// Connects, and makes or migrates the schema. Several hosts may do so at once.
    ///
    /// `url` may hold a password: it stands in no error and in no log.
    /// What the newest of the `keys` has not sealed is sealed anew.
    pub async fn open(url: &str, options: &config::Storage, keys: &Keys) -> Result<Arc<Self>> {
        let connections = Connections::parse(url)?;
        connections.check().await?;
        migrations::apply(&connections).await?;
        let keys = Arc::new(sealing::apply(&connections, keys).await?.0);
        let tasks = Tasks::default();
        let news = Newsroom::open(&connections, &tasks);
        let ingest = Ingest::start(&connections, options, news.notes(), &tasks)?;
        let size = usize::try_from(options.connections.get()).unwrap_or(usize::MAX);
        let pool = connections.pool(size)?;
        Ok(Arc::new(Self { pool, ingest, news, tasks, keys }))
    }

    /// Seals with the first of the keys what others have sealed.
    pub async fn reseal(url: &str, keys: &Keys) -> Result<Resealed> {
        let connections = Connections::parse(url)?;
        connections.check().await?;
        migrations::apply(&connections).await?;
        Ok(sealing::apply(&connections, keys).await?.1)
    }

    pub fn stores(self: &Arc<Self>) -> Stores {
        Stores {
            journal: Arc::<Self>::clone(self),
            registry: Arc::<Self>::clone(self),
            versions: Arc::<Self>::clone(self),
            kv: Arc::<Self>::clone(self),
            draws: Arc::<Self>::clone(self),
            turns: Arc::<Self>::clone(self),
            peers: Arc::<Self>::clone(self),
            access: Arc::<Self>::clone(self),
            tokens: Arc::<Self>::clone(self),
            denials: Arc::<Self>::clone(self),
        }
    }

    /// Transactions with webhooks committed since the start, for metrics.
    pub fn commits(&self) -> u64 {
        self.ingest.commits()
    }

    /// Takes no more webhooks and returns once those that wait are durable and the news are sent.
    pub async fn close(self: Arc<Self>) {
        self.ingest.close();
        self.tasks.stop();
        self.tasks.ended().await;
        self.pool.close();
    }

    async fn connection(&self) -> Result<deadpool_postgres::Object> {
        Ok(self.pool.get().await?)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.ingest.close();
        self.tasks.stop();
    }
}

/// Transactions that the server ended for the sake of another one run again, so often at most.
const CONFLICTS_MAX: u32 = 8;

/// Runs what may be ended by the server for the sake of another transaction, and is then to be run
/// again from its beginning.
async fn again<T, F>(run: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    for _ in 1..CONFLICTS_MAX {
        match run().await {
            Err(error) if is_conflict(&error) => tracing::debug!("a transaction is run again"),
            result => return result,
        }
    }
    run().await
}

/// Ends a transaction, with its result.
async fn commit<T>(transaction: Transaction<'_>, result: T) -> Result<T> {
    transaction.commit().await?;
    Ok(result)
}
