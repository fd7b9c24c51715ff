//! A contestant from an empty database to the count of its journal after a kill.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Bench, Contestant,
    flow::{self, Flow},
    ledger,
    process::{Process, empty, free_address},
    usage::Usage,
};
use crate::steps::{Context as _, Error, Result};

/// All keep the requests in a table of this name.
const TABLE: &str = "request";

/// The servers of a contestant.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    bench: &'a Bench<'a>,
    contestant: Contestant,
    folder: PathBuf,
    servers: Vec<Process>,
    /// One webhook URL for each server.
    pub(crate) urls: Vec<String>,
}

impl<'a> Stage<'a> {
    /// Starts the servers one after the other; each has printed its webhook URL.
    pub(crate) fn open(bench: &'a Bench<'a>, contestant: Contestant, flow: &Flow) -> Result<Self> {
        let folder = bench.folder.join("servers");
        empty(&folder)?;
        let database =
            if contestant.is_on_postgres() { Some(bench.postgres()?.fresh()?) } else { None };
        let mut stage = Self { bench, contestant, folder, servers: Vec::new(), urls: Vec::new() };
        for number in 1..=contestant.hosts() {
            let folder = stage.folder.join(number.to_string());
            empty(&folder)?;
            let mut command = match contestant {
                Contestant::Reference => reference(bench, &folder)?,
                _ => host(bench, flow, database.as_deref(), &folder)?,
            };
            let log = folder.join("stderr.log");
            let (server, url) = Process::start(&mut command, &log, webhook_url)?;
            stage.servers.push(server);
            stage.urls.push(url);
        }
        Ok(stage)
    }

    /// What the servers use, together.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let mut servers = self.servers.iter();
        servers.try_fold(Usage::default(), |all, server| Ok(all.and(server.usage()?)))
    }

    /// What PostgreSQL uses, where it is the database.
    pub(crate) fn database_usage(&self) -> Result<Usage> {
        if self.contestant.is_on_postgres() {
            return self.bench.postgres()?.usage();
        }
        Ok(Usage::default())
    }

    /// Kills the servers without warning, and fails unless the journal holds what was answered.
    ///
    /// `unsure` webhooks were sent whose answer nobody waited for.
    pub(crate) fn close(self, answered: u64, unsure: u64) -> Result {
        for server in self.servers {
            server.kill()?;
        }
        let journaled = if self.contestant.is_on_postgres() {
            self.bench.postgres()?.count(TABLE)?
        } else {
            count(self.bench, &self.folder.join("1"))?
        };
        if (answered..=answered + unsure).contains(&journaled) {
            return fs::remove_dir_all(&self.folder)
                .context(format!("cannot empty {}", self.folder.display()));
        }
        Err(Error::new(format!(
            "{}: answered {answered} webhooks and journaled {journaled}: look into {}",
            self.contestant.title(),
            self.folder.display()
        )))
    }
}

fn reference(bench: &Bench<'_>, folder: &Path) -> Result<Command> {
    let mut command = Command::new(program(bench, "patchbay-reference"));
    command.arg("serve").arg(folder).arg(free_address()?);
    Ok(command)
}

fn host(bench: &Bench<'_>, flow: &Flow, database: Option<&str>, folder: &Path) -> Result<Command> {
    let config = folder.join("patchbay.toml");
    let text = flow.config(database, &bench.folder.join(ledger::KEY_FILE));
    fs::write(&config, text).context(format!("cannot write {}", config.display()))?;
    let mut command = Command::new(program(bench, "patchbay"));
    command.args(["serve", "--show-urls", "--listen", &free_address()?]);
    command.arg("--plugins").arg(bench.folder.join(flow::PLUGINS));
    command.arg("--data").arg(folder).arg("--config").arg(config);
    Ok(command)
}

fn program(bench: &Bench<'_>, name: &str) -> PathBuf {
    bench.workspace.target.join("dist").join(name)
}

/// The webhooks in the one SQLite database in `folder`.
fn count(bench: &Bench<'_>, folder: &Path) -> Result<u64> {
    let entries = fs::read_dir(folder).context(format!("cannot list {}", folder.display()))?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let database =
        files
            .find(|path| path.extension().is_some_and(|extension| extension == "db"))
            .ok_or_else(|| Error::new(format!("no database `*.db` in {}", folder.display())))?;
    let output = Command::new(program(bench, "patchbay-reference"))
        .arg("count")
        .args([database.as_os_str(), TABLE.as_ref()])
        .output()
        .context("cannot start patchbay-reference")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .context(format!("cannot count: {}", String::from_utf8_lossy(&output.stderr)))
}

/// `webhook: URL` of the reference, `webhook jivo: URL` of the host.
fn webhook_url(line: &str) -> Option<String> {
    let (_account, url) = line.strip_prefix("webhook")?.split_once(": ")?;
    Some(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_of_the_webhook_names_the_url() {
        assert_eq!(webhook_url("webhook: http://a/b").as_deref(), Some("http://a/b"));
        assert_eq!(webhook_url("webhook jivo: http://a/b").as_deref(), Some("http://a/b"));
        assert_eq!(webhook_url("console: http://a/b"), None);
    }
}
