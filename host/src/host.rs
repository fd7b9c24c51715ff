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

use tokio::{net::TcpListener, sync::Notify};

use crate::{
    attempt::Runner,
    clock::Clock,
    config::Config,
    directory::Directory,
    http::{self, AppState, Door},
    id::{Digest, random_token},
    intake::{self, Intake},
    outcome::RetryPolicy,
    plugin::{self, Plugins},
    secret::Secret,
    storage::{self, Stores, sqlite::Sqlite},
    tasks::Tasks,
    telemetry::Metrics,
    upkeep::{self, Upkeep},
    waiters::Waiters,
    worker,
};

mod provision;

/// A host that listens and works.
#[derive(Debug)]
pub struct Host {
    pub address: SocketAddr,
    /// The API token, where this start made the first one.
    pub new_token: Option<Secret<String>>,
    pub state: AppState,
    database: Arc<Sqlite>,
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
    #[error("the sandbox cannot be set up: {}", chain(.0))]
    Plugins(#[from] plugin::Error),
    #[error(transparent)]
    Directory(#[from] crate::directory::Error),
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
        make_folder(&config.data)?;
        let (database, stores) = open_database(&config)?;
        let options = plugin::Options {
            limits: config.limits.clone(),
            egress: config.egress.clone(),
            compiled: config.data.join("compiled"),
            compiler,
        };
        let plugins = Plugins::new(options, Arc::clone(&stores.kv))?;
        let tasks = Tasks::default();
        let directory = Directory::open(stores.clone(), plugins, tasks.clone()).await?;
        let directory = Arc::new(directory);
        let faults = provision::apply(&config, &directory, clock.as_ref()).await;
        if !faults.is_empty() {
            return Err(Error::Provision(faults));
        }
        let listener = listen(config.listen).await?;
        let address = listener
            .local_addr()
            .map_err(|source| Error::Listen { address: config.listen, source })?;
        // Last of all that can fail: a token that is kept and never shown would lock everybody out.
        let new_token = first_token(&stores).await?;
        let state = app_state(&config, address, stores, directory, clock, tasks.clone());
        start_loops(&config, &state, &tasks);
        serve(listener, state.clone(), &tasks);
        let grace = Duration::from_secs(config.worker.grace_s.into());
        Ok(Self { address, new_token, state, database, tasks, grace })
    }

    /// Stops: no new webhooks, no new leases, running attempts end, the journal is flushed.
    ///
    /// What has not ended within the grace time gives its lease back at the next start.
    pub async fn stop(self) {
        self.tasks.stop();
        if tokio::time::timeout(self.grace, self.tasks.ended()).await.is_err() {
            tracing::warn!(
                "work did not end within the grace time: its leases are given back at the next start"
            );
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

fn open_database(config: &Config) -> Result<(Arc<Sqlite>, Stores), Error> {
    let database = Sqlite::open(&config.data.join("patchbay.db"), &config.storage)?;
    let stores = database.stores();
    Ok((database, stores))
}

/// The first start makes the API token; only its digest is kept.
async fn first_token(stores: &Stores) -> Result<Option<Secret<String>>, Error> {
    let token = random_token();
    let is_first = stores.registry.put_first_token(Digest::of(token.as_bytes())).await?;
    Ok(is_first.then(|| Secret::new(token)))
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
        },
        stores,
        directory,
        clock,
        waiters,
        metrics,
        tasks,
        door: Door::new(&config.intake),
        base_url: base_url.into(),
        plugin_bytes_max: config.limits.plugin_bytes,
        reread: Arc::new(Notify::new()),
    }
}

fn start_loops(config: &Config, state: &AppState, tasks: &Tasks) {
    let runner = Runner {
        journal: Arc::clone(&state.stores.journal),
        directory: Arc::clone(&state.directory),
        clock: Arc::clone(&state.clock),
        waiters: state.waiters.clone(),
        metrics: state.metrics.clone(),
        policy: RetryPolicy {
            attempts_max: config.retry.attempts_max.get(),
            base: Duration::from_millis(config.retry.base_ms.get().into()),
            cap: Duration::from_secs(config.retry.cap_s.get().into()),
        },
    };
    let options = worker::Options {
        slots: config.worker.slots,
        lease: config.lease(),
        poll: Duration::from_millis(config.worker.poll_ms.get().into()),
    };
    let own = tasks.clone();
    tasks.keep("worker", move || worker::run(runner.clone(), own.clone(), options));
    let upkeep = Upkeep {
        journal: Arc::clone(&state.stores.journal),
        directory: Arc::clone(&state.directory),
        clock: Arc::clone(&state.clock),
        waiters: state.waiters.clone(),
        metrics: state.metrics.clone(),
        reread: Arc::clone(&state.reread),
    };
    let own = tasks.clone();
    tasks.keep("upkeep", move || upkeep::run(upkeep.clone(), own.clone()));
    let (state, own) = (state.clone(), tasks.clone());
    tasks.keep("reread", move || reread_loop(state.clone(), own.clone()));
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

fn serve(listener: TcpListener, state: AppState, tasks: &Tasks) {
    tasks.spawn(async move {
        if let Err(error) = http::serve(listener, state).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the listener failed");
        }
    });
}
