//! The hosts of a soak: their configurations, which of them are up, and what they count.

use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use patchbay_ledger::{KEY, Ledger};
use patchbay_test_postgres::Database;
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::{Options, figures::Counters, program::Program, web::Web};

/// Where the hosts keep their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// One host only: the file is its own.
    Sqlite,
    /// A private server that does not wait for the disk: hosts are killed, not the machine.
    Postgres,
    /// The same, and it waits for the disk.
    DurablePostgres,
}

impl Backend {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL (fsync off)",
            Self::DurablePostgres => "PostgreSQL",
        }
    }

    async fn database(self) -> Option<Database> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(patchbay_test_postgres::database().await),
            Self::DurablePostgres => Some(patchbay_test_postgres::durable_database().await),
        }
    }
}

/// The pool that deals are given to.
pub(crate) const MANAGERS: [&str; 2] = ["m1", "m3"];

/// What the mapping writes on every deal.
pub(crate) const SOURCE: &str = "soak";

/// Channel accounts, each joined to the one ledger.
pub(crate) const CHANNELS: usize = 3;

/// The hosts, their database and their folder.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) seats: Vec<Seat>,
    pub(crate) web: Web,
    /// Of the API.
    pub(crate) token: String,
    /// The paths of the webhook URLs, by channel.
    hooks: Vec<String>,
    program: PathBuf,
    database: Option<Database>,
    folder: std::sync::Mutex<Option<TempDir>>,
}

/// A place where one host after the other runs.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) url: String,
    is_up: AtomicBool,
    pid: AtomicU32,
    program: Mutex<Option<Program>>,
    folder: PathBuf,
}

impl Site {
    /// Starts all hosts, the first one alone: it makes the database.
    pub(crate) async fn open(options: &Options, ledger: &Ledger) -> Self {
        assert!(
            options.backend != Backend::Sqlite || options.hosts == 1,
            "SQLite is for one host: give --hosts 1 or --backend postgres"
        );
        let database = options.backend.database().await;
        let folder = tempfile::Builder::new().prefix("patchbay-soak-").tempdir().unwrap();
        let plugins = folder.path().join("plugins");
        fs::create_dir(&plugins).unwrap();
        for name in ["channel_jivo.wasm", "crm_ledger.wasm"] {
            fs::copy(options.components.join(name), plugins.join(name))
                .unwrap_or_else(|error| panic!("{name}: {error}: run `cargo xtask plugins` first"));
        }
        let seats = (0..options.hosts).map(|number| {
            let seat = Seat::new(folder.path().join(format!("host{number}")));
            let storage = database.as_ref().map(|database| database.url.as_str());
            let text = configuration(&seat, &plugins, ledger, storage);
            fs::write(seat.folder.join("patchbay.toml"), text).unwrap();
            seat
        });
        let seats = seats.collect();
        let mut site = Self {
            seats,
            web: Web::new(),
            token: String::new(),
            hooks: Vec::new(),
            program: options.program.clone(),
            database,
            folder: std::sync::Mutex::new(Some(folder)),
        };
        for seat in &site.seats {
            seat.start(&site.program).await;
        }
        let first = site.seats[0].program.lock().await;
        let program = first.as_ref().unwrap();
        site.token = program.told("API token, shown only now: ").unwrap();
        let hook = |channel| {
            let url = program.told(&format!("webhook jivo-{channel}: ")).unwrap();
            url.strip_prefix(&site.seats[0].url).unwrap().to_owned()
        };
        site.hooks = (0..CHANNELS).map(hook).collect();
        drop(first);
        site
    }

    /// The webhook URL of a channel at a host.
    pub(crate) fn hook(&self, seat: &Seat, channel: usize) -> String {
        format!("{}{}", seat.url, self.hooks[channel])
    }

    /// The hosts that are up now.
    pub(crate) fn up(&self) -> Vec<&Seat> {
        self.seats.iter().filter(|seat| seat.is_up.load(Ordering::Relaxed)).collect()
    }

    pub(crate) async fn start(&self, seat: usize) {
        self.seats[seat].start(&self.program).await;
    }

    /// Ends a host and tells what it had counted, and the exit code of one that was asked to end.
    pub(crate) async fn end(&self, seat: usize, is_asked: bool) -> (Counters, Option<i32>) {
        let seat = &self.seats[seat];
        let counted = self.counted(seat).await;
        let program = seat.program.lock().await.take().expect("the host is up");
        let code = if is_asked {
            program.terminate().await
        } else {
            program.kill().await;
            None
        };
        seat.pid.store(0, Ordering::Relaxed);
        seat.is_up.store(false, Ordering::Relaxed);
        (counted, code)
    }

    async fn counted(&self, seat: &Seat) -> Counters {
        let text = self.web.text(&format!("{}/metrics", seat.url), "").await;
        text.map(|text| Counters::parse(&text)).unwrap_or_default()
    }

    /// Ends all hosts in good order, and tells what they had counted.
    pub(crate) async fn stop(&self) -> Counters {
        let mut all = Counters::default();
        for seat in 0..self.seats.len() {
            let (counted, code) = self.end(seat, true).await;
            all = all.plus(&counted);
            all.bad_exits += u64::from(code != Some(0));
        }
        all
    }

    /// What all hosts have logged.
    pub(crate) fn logs(&self) -> String {
        let logs =
            self.seats.iter().map(|seat| fs::read(seat.folder.join("log")).unwrap_or_default());
        String::from_utf8_lossy(&logs.collect::<Vec<_>>().concat()).into_owned()
    }

    /// Keeps the folder beyond the end of the soak, with a dump of the database where it is elsewhere.
    pub(crate) fn keep(&self) -> Option<PathBuf> {
        let folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner).take()?.keep();
        if let Some(database) = &self.database {
            let mut dump = Command::new("pg_dump");
            // Without a dump there is still the log.
            drop(dump.arg("--file").arg(folder.join("database.sql")).arg(&database.url).status());
        }
        Some(folder)
    }
}

impl Seat {
    fn new(folder: PathBuf) -> Self {
        fs::create_dir(&folder).unwrap();
        // Free now, and soon taken by the host.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self {
            url: format!("http://127.0.0.1:{port}"),
            is_up: AtomicBool::new(false),
            pid: AtomicU32::new(0),
            program: Mutex::default(),
            folder,
        }
    }

    /// The process that runs here now.
    pub(crate) fn pid(&self) -> Option<u32> {
        Some(self.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }

    async fn start(&self, program: &PathBuf) {
        let program = Program::start(program, &self.folder).await;
        self.pid.store(program.pid(), Ordering::Relaxed);
        *self.program.lock().await = Some(program);
        self.is_up.store(true, Ordering::Relaxed);
    }
}

/// Short limits, so that the leases of a dead host soon run out.
fn configuration(seat: &Seat, plugins: &Path, ledger: &Ledger, storage: Option<&str>) -> String {
    let storage = storage.map(|url| {
        // All seats share the database, each with a folder of its own.
        let key = "5e".repeat(32);
        format!("storage = '{url}'\nsealing.key = {{ command = ['echo', '{key}'] }}")
    });
    let storage = storage.unwrap_or_default();
    let listen = seat.url.strip_prefix("http://").unwrap();
    let mut text = format!(
        r#"
listen = "{listen}"
profile = "dev"
data = '{data}'
plugins = '{plugins}'
{storage}
[worker]
poll_ms = 200
grace_s = 5
[limits]
wall_ms = 3000
[egress]
timeout_ms = 2000
connect_ms = 1000
[retry]
attempts_max = 50
base_ms = 100
cap_s = 2
breaker_base_ms = 200
breaker_cap_s = 2
[[account]]
id = "ledger"
plugin = "crm-ledger"
settings = {{ base-url = "{url}" }}
secrets = {{ key = {{ file = '{key}' }} }}
grants = [{{ allow = "{url}", private = true }}]
[[pool]]
id = "sales"
crm = "ledger"
members = [{members}]
"#,
        members = MANAGERS.map(|id| format!("{{ manager = '{id}' }}")).join(", "),
        data = seat.folder.join("data").display(),
        plugins = plugins.display(),
        key = seat.folder.join("key").display(),
        url = ledger.url,
    );
    fs::write(seat.folder.join("key"), KEY).unwrap();
    for channel in 0..CHANNELS {
        write!(
            text,
            r#"
[[account]]
id = "jivo-{channel}"
plugin = "channel-jivo"
[[integration]]
id = "jivo-{channel}-to-ledger"
channel = "jivo-{channel}"
crm = "ledger"
options = {{ deals = true, tasks = true, notes = true }}
[integration.rules]
note = {{ source = true }}
responsible = {{ agent = false, pool = "sales" }}
mapping = [{{ field = "deal.source", value = "{SOURCE}" }}]
"#
        )
        .unwrap();
    }
    text
}
