//! A private PostgreSQL that waits for the disk, for the length of the bench.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{
    process::{empty, free_address},
    usage::{self, Usage},
};
use crate::steps::{Context as _, Error, Result, sleep};

/// Where Debian keeps `initdb`, by version.
const VERSIONS: &str = "/usr/lib/postgresql";
const DATABASE: &str = "bench";
/// Looks for a server that starts, and the time between them.
const LOOKS: u32 = 300;
const LOOK: Duration = Duration::from_millis(100);

/// Stopped when it is dropped, and when the bench is killed.
#[derive(Debug)]
pub(crate) struct Postgres {
    server: Child,
    programs: PathBuf,
    folder: PathBuf,
    port: String,
}

impl Postgres {
    /// Makes a cluster with the defaults in `folder`, and starts it on a free port.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let programs = programs()?;
        empty(folder)?;
        let log = folder.join("server.log");
        let stderr = File::create(&log).context(format!("cannot write {}", log.display()))?;
        if is_root()? {
            own(folder)?;
        }
        let mut initdb = as_postgres(&programs.join("initdb"), folder)?;
        initdb.arg("-D").arg(folder.join("data"));
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]);
        succeed(&mut initdb)?;
        let address = free_address()?;
        let port = address.rsplit(':').next().unwrap_or_default().to_owned();
        let mut server = as_postgres(&programs.join("postgres"), folder)?;
        server.arg("-D").arg(folder.join("data"));
        server.args(["-c", "fsync=on", "-c", "listen_addresses=127.0.0.1", "-p", &port]);
        server.arg("-k").arg(folder);
        let output = stderr.try_clone().context("cannot share the log of PostgreSQL")?;
        server.stdin(Stdio::null()).stdout(output).stderr(stderr);
        let server = server.spawn().context("cannot start PostgreSQL")?;
        let postgres = Self { server, programs, folder: folder.to_owned(), port };
        for _ in 0..LOOKS {
            if postgres.sql("postgres", "SELECT 1").is_ok() {
                return Ok(postgres);
            }
            sleep(LOOK);
        }
        Err(Error::new(format!("PostgreSQL does not start: look into {}", log.display())))
    }

    /// An empty database, for `storage = "…"`; the one before is gone.
    pub(crate) fn fresh(&self) -> Result<String> {
        self.sql("postgres", &format!("DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"))?;
        self.sql("postgres", &format!("CREATE DATABASE {DATABASE} TEMPLATE template0"))?;
        self.sql("postgres", "CHECKPOINT")?;
        Ok(format!("postgres://postgres@127.0.0.1:{}/{DATABASE}", self.port))
    }

    /// The rows of a table of the database.
    pub(crate) fn count(&self, table: &str) -> Result<u64> {
        let rows = self.sql(DATABASE, &format!("SELECT count(*) FROM {table}"))?;
        rows.trim().parse().context(format!("`{rows}` is no count"))
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        usage::of_family(self.server.id())
    }

    fn sql(&self, database: &str, statement: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-A", "-t", "-h", "127.0.0.1", "-p", &self.port, "-U", "postgres"]);
        psql.args(["-c", statement, database]);
        succeed(&mut psql)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT stops it at once, its children too; a SIGKILL would leave them behind.
        let id = self.server.id().to_string();
        let stopped = Command::new("kill").args(["-QUIT", &id]).status();
        if let Err(error) = stopped.and_then(|_| self.server.wait()) {
            eprintln!("cannot stop PostgreSQL {id}: {error}");
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("cannot remove {}: {error}", self.folder.display());
        }
    }
}

/// The newest version that is installed.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.into_iter().rfind(|folder| folder.join("initdb").is_file()).ok_or_else(|| {
        Error::new(format!(
            "PostgreSQL is not in {VERSIONS}: run `apt-get install postgresql`, or `cargo xtask bench --only reference,sqlite`"
        ))
    })
}

/// PostgreSQL refuses to run as root; whoever runs it, it ends with the bench.
fn as_postgres(program: &Path, folder: &Path) -> Result<Command> {
    let mut command = Command::new("setpriv");
    if is_root()? {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.args(["--pdeathsig", "QUIT"]).arg(program).current_dir(folder);
    Ok(command)
}

fn own(folder: &Path) -> Result {
    succeed(Command::new("chown").arg("-R").arg("postgres:").arg(folder)).map(drop)
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self").context("there is no /proc")?.uid() == 0)
}

/// What the command prints, if it succeeds.
fn succeed(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().context(format!("cannot run {command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(Error::new(format!("{command:?} failed: {}{}", text(&output.stdout), text(&output.stderr))))
}
