//! A private PostgreSQL for tests: one server for each test program, a fresh database for each test.
//!
//! The server ends with the test program, however that ends: a shell keeps it, and stops it when
//! the pipe from the program closes.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio_postgres::{Client, NoTls};

/// Makes a cluster in `$1` with the programs in `$2` and the options `$3`, runs it until standard
/// input ends, and removes it.
const KEEPER: &str = r#"
trap '' INT TERM HUP
as=""
if [ "$(id -u)" = 0 ]; then
    chown postgres "$1" || exit 1
    as="runuser -u postgres --"
fi
cd "$1" || exit 1
{
    $as "$2/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C --no-sync &&
    $as "$2/pg_ctl" -D "$1/data" -l "$1/server.log" -o "$3" -w start
} >"$1/keeper.log" 2>&1 </dev/null
if [ $? = 0 ]; then echo ready; else cat "$1/keeper.log" "$1/server.log"; fi
exec >/dev/null 2>&1
while read -r line; do :; done
$as "$2/pg_ctl" -D "$1/data" -m immediate -w stop
cd / && rm -rf "$1"
"#;

/// A fresh database. Once it is dropped the next one that is made removes it.
#[derive(Debug)]
pub struct Database {
    /// `postgres://…`, as in the configuration.
    pub url: String,
    name: String,
    server: &'static Server,
}

impl Drop for Database {
    fn drop(&mut self) {
        lock(&self.server.unused).push(std::mem::take(&mut self.name));
    }
}

/// A fresh database on a server that does not wait for the disk.
///
/// # Panics
/// When PostgreSQL is missing or does not start; the text tells the remedy.
pub async fn database() -> Database {
    static SERVER: OnceLock<Server> = OnceLock::new();
    fresh(&SERVER, "-c fsync=off -c full_page_writes=off").await
}

/// A fresh database on a server that waits for the disk, for what is said about durability.
///
/// # Panics
/// When PostgreSQL is missing or does not start; the text tells the remedy.
pub async fn durable_database() -> Database {
    static SERVER: OnceLock<Server> = OnceLock::new();
    fresh(&SERVER, "-c fsync=on").await
}

#[derive(Debug)]
struct Server {
    folder: PathBuf,
    made: AtomicU32,
    unused: Mutex<Vec<String>>,
    /// Its standard input is the pipe whose end stops the server.
    #[expect(dead_code, reason = "held until the program ends")]
    keeper: Child,
}

async fn fresh(server: &'static OnceLock<Server>, options: &'static str) -> Database {
    let start = move || server.get_or_init(|| Server::start(options));
    let server = tokio::task::spawn_blocking(start).await.expect("the server starts");
    let admin = connect(&server.url("postgres")).await;
    let unused = std::mem::take(&mut *lock(&server.unused));
    for name in unused {
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        admin.batch_execute(&drop).await.expect("an unused database can be dropped");
    }
    let name = format!("test_{}", server.made.fetch_add(1, Ordering::Relaxed));
    let create = format!("CREATE DATABASE {name} TEMPLATE template0");
    admin.batch_execute(&create).await.expect("a database can be made");
    Database { url: server.url(&name), name, server }
}

/// A connection of the test's own, beside those of the code under test.
///
/// # Panics
/// When the server does not answer.
pub async fn connect(url: &str) -> Client {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.expect("the test's server answers");
    #[expect(clippy::disallowed_methods, reason = "ends with the client")]
    tokio::spawn(async move { drop(connection.await) });
    client
}

impl Server {
    fn start(options: &str) -> Self {
        let programs = programs().expect(
            "PostgreSQL is not installed: run `cargo xtask test`, or `apt-get install postgresql`",
        );
        let folder = tempfile::Builder::new().prefix("patchbay-pg-").tempdir().expect("a folder");
        let folder = folder.keep();
        let options = format!(
            "-c listen_addresses= -k {} -c max_connections=400 -c shared_buffers=64MB \
             -c max_wal_size=256MB {options}",
            folder.display()
        );
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .args([&folder, &programs])
            .arg(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell can be started");
        let output = keeper.stdout.take().expect("the output is a pipe");
        let told: Vec<String> =
            BufReader::new(output).lines().collect::<Result<_, _>>().expect("the output is text");
        assert_eq!(told, ["ready"], "PostgreSQL did not start");
        Self { folder, made: AtomicU32::new(0), unused: Mutex::default(), keeper }
    }

    fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}/{database}")
    }
}

/// The folder of `initdb`: Debian keeps it out of the path.
fn programs() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the path is where programs are looked for")]
    let path = std::env::var("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    folders.sort();
    folders.reverse();
    folders.extend(path.split(':').map(PathBuf::from));
    folders.into_iter().find(|folder| has(folder, "initdb") && has(folder, "pg_ctl"))
}

fn has(folder: &Path, program: &str) -> bool {
    folder.join(program).is_file()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
