//! The composition root: builds floor on floor, starts the loops, and stops them again.

use std::{
    fs::DirBuilder,
    io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::SignedDuration;
use tokio::{net::TcpListener, sync::Notify};

use crate::{
    attempt::{Facts, Means, Runner},
    clock::Clock,
    config::Config,
    directory::Directory,
    http::{self, AppState, Door, Gate},
    id::TokenName,
    intake::{self, Intake, Windows},
    outcome::RetryPolicy,
    plugin::{self, Plugins, Trust},
    secret::Secret,
    shares::{self, BreakerPolicy, Shares},
    storage::{self, News, Stores},
    tasks::Tasks,
    telemetry::Metrics,
    upkeep::{self, Retention, Upkeep},
    waiters::Waiters,
    worker,
};

mod database;
mod provision;
mod token;
mod told;
mod versions;

pub use database::rotate;

use database::Database;

/// Longest wait for jobs that were cut off to be given back.
const GIVE_BACK_MAX: Duration = Duration::from_secs(2);

/// Between two times that denials are kept.
const DENIALS_REST: Duration = Duration::from_secs(2);

/// A host that listens and works.
#[derive(Debug)]
pub struct Host {
    pub address: SocketAddr,
    /// The API token, where this start made the first one.
    pub new_token: Option<Secret<String>>,
    pub state: AppState,
    database: Database,
    tasks: Tasks,
    grace: Duration,
}

/// Why the host did not start. The text tells the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the data folder `{path}` cannot be used: {source}")]
    DataFolder { path: PathBuf, source: io::Error },
    #[error("the database cannot be opened: {}", chain(.0))]
    Storage(#[from] storage::Error),
    #[error("the key of the secrets, `sealing.key`, cannot be read: {0}")]
    SealingKey(String),
    #[error("the URL of the database, `storage`, cannot be read: {0}")]
    DatabaseUrl(String),
    #[error("the sandbox cannot be set up: {}", chain(.0))]
    Plugins(#[from] plugin::Error),
    #[error(transparent)]
    Directory(#[from] crate::directory::Error),
    #[error("{0}: set `tls.cert` and `tls.key` to files in PEM")]
    Tls(String),
    #[error("there is or was an API token `{0}`: choose another name")]
    TokenName(TokenName),
    #[error("`{address}` cannot be listened on: {source}: choose another address with `listen`")]
    Listen { address: SocketAddr, source: io::Error },
    /// The accounts, integrations or plugins of the configuration cannot be set.
    #[error("{}", .0.join("\n"))]
    Provision(Vec<String>),
}

impl Host {
    /// Starts all that `config` asks for. `compiler` is the program that compiles plugins: this one.
    pub async fn start(
        config: Config,
        clock: Arc<dyn Clock>,
        compiler: PathBuf,
    ) -> Result<Self, Error> {
        Self::start_with(config, clock, compiler, |stores| stores).await
    }

    /// The same, on what `wrap` makes of the stores.
    pub async fn start_with(
        config: Config,
        clock: Arc<dyn Clock>,
        compiler: PathBuf,
        wrap: impl FnOnce(Stores) -> Stores,
    ) -> Result<Self, Error> {
        make_folder(&config.data)?;
        let (database, stores) = Database::open(&config).await?;
        let stores = wrap(stores);
        let options = plugin::Options {
            limits: config.limits.clone(),
            egress: config.egress.clone(),
            trust: Trust::new(config.trust.keys.clone(), config.unsigned()),
            compiled: config.data.join("compiled"),
            compiler,
        };
        let plugins = Plugins::new(
            options,
            Arc::clone(&stores.kv),
            Arc::clone(&stores.turns),
            Arc::clone(&stores.tokens),
            Arc::clone(&clock),
        )?;
        let tasks = Tasks::default();
        let policy = config.versions.clone();
        let directory = Directory::open(stores.clone(), plugins, tasks.clone(), policy).await?;
        let directory = Arc::new(directory);
        let before = directory.snapshot();
        let faults = provision::apply(&config, &directory, clock.as_ref()).await;
        told::tell(&stores, &before, &directory.snapshot(), clock.as_ref()).await?;
        if !faults.is_empty() {
            return Err(Error::Provision(faults));
        }
        let gate = Gate::open(&config).map_err(Error::Tls)?;
        let listener = listen(config.listen).await?;
        let address = listener
            .local_addr()
            .map_err(|source| Error::Listen { address: config.listen, source })?;
        // Last of all that can fail: a token that is kept and never shown would lock everybody out.
        let new_token = token::first(&stores, clock.as_ref()).await?;
        let state = app_state(&config, address, stores, directory, clock, tasks.clone());
        start_loops(&config, &state, &tasks);
        tasks.spawn(http::serve(listener, state.clone(), gate));
        let grace = Duration::from_secs(config.worker.grace_s.into());
        Ok(Self { address, new_token, state, database, tasks, grace })
    }

    /// Makes another API token that may do everything: the way back in where none is left.
    pub async fn new_admin_token(&self, name: TokenName) -> Result<Secret<String>, Error> {
        token::another(&self.state.stores, self.state.clock.as_ref(), name).await
    }

    /// Stops: no new webhooks, no new leases, running attempts end, the journal is flushed.
    ///
    /// What has not ended within the grace time is cut off, and its jobs are given back.
    pub async fn stop(self) {
        self.tasks.stop();
        if tokio::time::timeout(self.grace, self.tasks.ended()).await.is_err() {
            tracing::warn!("work did not end within the grace time: it is cut off, and given back");
            self.tasks.cut_off();
            if tokio::time::timeout(GIVE_BACK_MAX, self.tasks.ended()).await.is_err() {
                tracing::warn!("work could not be given back: its leases run out by themselves");
            }
        }
        self.database.close().await;
    }
}

/// The folder holds secrets and personal data: nobody else may look in.
fn make_folder(data: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|source| Error::DataFolder { path: data.to_owned(), source })
}

/// The error with all its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}

fn app_state(
    config: &Config,
    address: SocketAddr,
    stores: Stores,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
) -> AppState {
    let (waiters, metrics) = (Waiters::default(), Metrics::default());
    // With port 0 the true address is known only now.
    let base_url = Config { listen: address, ..config.clone() }.base_url();
    AppState {
        intake: Intake {
            journal: Arc::clone(&stores.journal),
            directory: Arc::clone(&directory),
            waiters: waiters.clone(),
            metrics: metrics.clone(),
            windows: Windows {
                key: Duration::from_secs(config.intake.dedup_window_s.get().into()),
                content: Duration::from_secs(config.intake.content_dedup_window_s.get().into()),
            },
        },
        means: Means {
            journal: Arc::clone(&stores.journal),
            draws: Arc::clone(&stores.draws),
            directory: Arc::clone(&directory),
            clock: Arc::clone(&clock),
            facts: Facts::default(),
        },
        stores,
        directory,
        clock,
        waiters,
        metrics,
        tasks,
        door: Door::new(config),
        base_url: base_url.into(),
        plugin_bytes_max: config.limits.plugin_bytes,
        reread: Arc::new(Notify::new()),
    }
}

fn shares(config: &Config) -> Shares {
    let (worker, retry) = (&config.worker, &config.retry);
    let limits = shares::Limits {
        slots: worker.slots,
        account: worker.account_slots.get(),
        again: worker.again_slots.get(),
    };
    let policy = BreakerPolicy {
        failures: retry.breaker_failures.get(),
        base: Duration::from_millis(retry.breaker_base_ms.get().into()),
        cap: Duration::from_secs(retry.breaker_cap_s.get().into()),
    };
    Shares::new(limits, policy)
}

fn retention(config: &Config) -> Retention {
    let (config, audit_days) = (&config.retention, config.access.audit_days);
    let days = |days: u32| SignedDuration::from_hours(i64::from(days) * 24);
    Retention {
        journal: days(config.journal_days.get()),
        traces: days(config.traces_days.get()),
        changes: days(audit_days.get()),
        bytes_max: (0 < config.bytes_max).then_some(config.bytes_max),
    }
}

fn start_loops(config: &Config, state: &AppState, tasks: &Tasks) {
    let shares = shares(config);
    let runner = Runner {
        means: state.means.clone(),
        waiters: state.waiters.clone(),
        metrics: state.metrics.clone(),
        policy: RetryPolicy {
            attempts_max: config.retry.attempts_max.get(),
            base: Duration::from_millis(config.retry.base_ms.get().into()),
            cap: Duration::from_secs(config.retry.cap_s.get().into()),
        },
        shares: shares.clone(),
        tasks: tasks.clone(),
        lease: config.lease(),
    };
    let options = worker::Options {
        slots: config.worker.slots,
        shares: shares.clone(),
        poll: Duration::from_millis(config.worker.poll_ms.get().into()),
    };
    let own = tasks.clone();
    tasks.keep("worker", move || worker::run(runner.clone(), own.clone(), options.clone()));
    let upkeep = Upkeep {
        journal: Arc::clone(&state.stores.journal),
        directory: Arc::clone(&state.directory),
        clock: Arc::clone(&state.clock),
        waiters: state.waiters.clone(),
        metrics: state.metrics.clone(),
        reread: Arc::clone(&state.reread),
        shares,
        access: Arc::clone(&state.stores.access),
        retention: retention(config),
    };
    let (own_upkeep, own) = (upkeep.clone(), tasks.clone());
    tasks.keep("retention", move || upkeep::run_retention(own_upkeep.clone(), own.clone()));
    let own = tasks.clone();
    tasks.keep("upkeep", move || upkeep::run(upkeep.clone(), own.clone()));
    let (own_state, own) = (state.clone(), tasks.clone());
    tasks.keep("news", move || news_loop(own_state.clone(), own.clone()));
    let (own_state, own) = (state.clone(), tasks.clone());
    tasks.keep("denials", move || denials_loop(own_state.clone(), own.clone()));
    versions::start_loops(state, tasks);
    let (state, own) = (state.clone(), tasks.clone());
    tasks.keep("reread", move || reread_loop(state.clone(), own.clone()));
}

/// Passes on what other hosts on the same database did.
async fn news_loop(state: AppState, tasks: Tasks) {
    loop {
        let news = tokio::select! {
            () = tasks.stopping() => return,
            news = state.stores.peers.news() => news,
        };
        if let News::Settled(event) = news {
            state.waiters.settled(event);
        }
        if let News::Work | News::Changed | News::Gap = news {
            state.waiters.wake_worker();
        }
        if let News::Changed | News::Gap = news {
            versions::refresh(&state).await;
        }
        if news == News::Gap {
            state.waiters.settled_all();
        }
    }
}

/// Keeps what accounts are denied, a while after the first of them: a plugin may try a lot.
async fn denials_loop(state: AppState, tasks: Tasks) {
    let mut stops = false;
    while !stops {
        tokio::select! {
            () = tasks.stopping() => stops = true,
            () = async {
                state.directory.denied().await;
                tokio::time::sleep(DENIALS_REST).await;
            } => {}
        }
        if let Err(error) = state.directory.keep_denials().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "what accounts were denied could not be kept");
        }
    }
}

/// Reads unread webhooks again whenever a plugin is new or upkeep has seen some.
async fn reread_loop(state: AppState, tasks: Tasks) {
    loop {
        tokio::select! {
            () = tasks.stopping() => return,
            () = state.reread.notified() => {}
        }
        // What is stored is stored whole: a stop does not wait for all the rest.
        let reread = tokio::select! {
            () = tasks.stopping() => return,
            reread = intake::reread_all(&state.intake, state.clock.as_ref()) => reread,
        };
        if let Err(error) = reread {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "unread webhooks could not be read again"
            );
        }
    }
}
