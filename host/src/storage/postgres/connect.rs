//! How connections are made: the URL, the time limits, and what a server must be.

use std::{fmt, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use jiff::Timestamp;
use tokio_postgres::{Client, Config, Connection, Socket};

use super::{
    Result,
    error::Refused,
    tls::{Stream, Tls},
    unavailable,
};
use crate::clock::{Clock as _, SystemClock};

/// For one statement, for a lock, for a connection of the pool, and to connect.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that does not answer at all for so long is given up.
const SILENCE: Duration = Duration::from_secs(10);

/// The oldest release that is known to work, as `server_version_num`.
const VERSION_MIN: i32 = 140_000;

/// Clocks that differ by more are told, and refused.
const CLOCK_WARNED: Duration = Duration::from_secs(1);
const CLOCK_REFUSED: Duration = Duration::from_secs(5);

/// A way to the server.
#[derive(Clone)]
pub(super) struct Connections {
    config: Config,
    tls: Tls,
}

impl fmt::Debug for Connections {
    /// Nothing of the configuration: it holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl Connections {
    pub(super) fn parse(url: &str) -> Result<Self> {
        // What the parser says quotes the URL, and so perhaps the password.
        let mut config: Config = url.parse().map_err(|_quotes| Refused::Url)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(Refused::Url.into());
        }
        let patience = PATIENCE.as_millis();
        // Statements are short, and compiling one costs more than it takes to run.
        let own = format!(
            "{} -c jit=off -c statement_timeout={patience} -c lock_timeout={patience} \
             -c idle_in_transaction_session_timeout={patience}",
            config.get_options().unwrap_or_default()
        );
        config.options(own);
        if config.get_application_name().is_none() {
            config.application_name("patchbay");
        }
        config.connect_timeout(PATIENCE).tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
        Ok(Self { config, tls: Tls::new()? })
    }

    pub(super) fn pool(&self, size: usize) -> Result<Pool> {
        let manager = Manager::from_config(
            self.config.clone(),
            self.tls.clone(),
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE))
            .build()
            .map_err(unavailable)
    }

    /// One connection outside of a pool. Whoever asks for it drives it.
    pub(super) async fn connect(&self) -> Result<(Client, Connection<Socket, Stream>)> {
        Ok(self.config.connect(self.tls.clone()).await?)
    }

    /// Refuses a server that is too old, and clocks that differ.
    pub(super) async fn check(&self) -> Result<()> {
        let connected = self.config.connect(self.tls.clone()).await;
        let (client, connection) = connected.map_err(|error| {
            let is_tls = error.to_string().contains("TLS handshake");
            if is_tls { Refused::Certificate(error).into() } else { super::Error::from(error) }
        })?;
        // The connection ends with the client.
        let asked = async {
            let answer = ask(&client).await;
            drop(client);
            answer
        };
        let (answer, _driven) = tokio::join!(asked, connection);
        let (version, server, before, after) = answer?;
        if version < VERSION_MIN {
            return Err(Refused::OldServer { found: version / 10_000 }.into());
        }
        check_clock(server, before, after)
    }
}

/// Its release, its clock, and our times before and after.
async fn ask(client: &Client) -> Result<(i32, i64, Timestamp, Timestamp)> {
    let sql = "SELECT current_setting('server_version_num')::int,
                      (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let before = SystemClock.now();
    let row = client.query_one(sql, &[]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?, before, SystemClock.now()))
}

/// The server has read its clock at some time between `before` and `after`.
fn check_clock(server: i64, before: Timestamp, after: Timestamp) -> Result<()> {
    let early = before.as_microsecond().saturating_sub(server);
    let late = server.saturating_sub(after.as_microsecond());
    let apart = Duration::from_micros(u64::try_from(early.max(late)).unwrap_or(0));
    let seconds = i64::try_from(apart.as_secs()).unwrap_or(i64::MAX);
    if CLOCK_REFUSED < apart {
        return Err(Refused::Clock { seconds }.into());
    }
    if CLOCK_WARNED < apart {
        tracing::warn!(seconds, "the clock of the database differs: set both with NTP");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_five_seconds() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let differ = |server_ms: i64| check_clock(server_ms * 1000, at(10_000), at(10_200));
        for good in [10_100, 5000, 15_200] {
            assert!(differ(good).is_ok(), "{good}");
        }
        for bad in [4999, 15_201] {
            let error = differ(bad).unwrap_err();
            let told = std::error::Error::source(&error).unwrap().to_string();
            assert!(told.contains("differ by 5 seconds") && told.contains("NTP"), "{told}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_is_not_repeated() {
        for bad in
            ["postgres://me@db:hunter2/x", "postgres://", "hunter2", "postgres://h/x?no=hunter2"]
        {
            let Err(error) = Connections::parse(bad) else { panic!("{bad}") };
            let told = format!("{error:?} {}", std::error::Error::source(&error).unwrap());
            assert!(!told.contains("ter2"), "{told}");
            assert!(told.contains("postgres://user:password@host"), "{told}");
        }
    }
}
