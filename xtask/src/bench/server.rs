//! One server under load: its start, what it uses, its end.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use super::Contestant;
use crate::{
    plugins,
    steps::{Context as _, Error, Result},
    workspace::Workspace,
};

/// Both keep the requests in a table of this name.
const TABLE: &str = "request";
/// Nothing but intake is measured: no job runs.
const HOST_CONFIG: &str = r#"
worker.slots = 0

[[account]]
id = "jivo"
plugin = "channel-jivo"
reply_deadline_ms = 0

[[account]]
id = "notebook"
plugin = "crm-notebook"

[[integration]]
id = "jivo-to-notebook"
channel = "jivo"
crm = "notebook"
"#;
/// What Linux counts processor time in, on every architecture that Rust runs on.
const TICK_US: u64 = 10_000;

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    url: String,
    /// Kept open: a server that prints must not find a closed pipe.
    stdout: BufReader<ChildStdout>,
}

/// What a process has used so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) cpu_us: u64,
    pub(crate) rss_kib: u64,
    pub(crate) rss_peak_kib: u64,
}

impl Server {
    /// Starts a server on `folder`, and returns once it has printed its webhook URL.
    pub(crate) fn start(
        workspace: &Workspace,
        contestant: Contestant,
        folder: &Path,
    ) -> Result<Self> {
        let log = folder.join("stderr.log");
        let stderr = File::create(&log).context(format!("cannot write {}", log.display()))?;
        let mut command = command(workspace, contestant, folder)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().context(format!("cannot start {command:?}"))?;
        let stdout = child.stdout.take().ok_or_else(|| Error::new("the server has no stdout"))?;
        let mut server = Self { child, url: String::new(), stdout: BufReader::new(stdout) };
        let url = (&mut server.stdout)
            .lines()
            .map_while(std::io::Result::ok)
            .find_map(|line| webhook_url(&line));
        server.url = url.ok_or_else(|| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            Error::new(format!(
                "the {} ended before it printed its webhook URL: {said}",
                contestant.name()
            ))
        })?;
        Ok(server)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        let read = |file: &str| {
            let path = format!("/proc/{}/{file}", self.child.id());
            fs::read_to_string(&path).context(format!("cannot read {path}"))
        };
        parse_usage(&read("stat")?, &read("status")?)
            .ok_or_else(|| Error::new("/proc is not the one of Linux"))
    }

    /// Kills it without warning: what it answered must be durable by then.
    pub(crate) fn kill(mut self) -> Result {
        self.child.kill().and_then(|()| self.child.wait()).context("cannot kill the server")?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // On the way out of an error; after `kill` both find nothing to do.
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("cannot kill the server {}: {error}", self.child.id());
        }
    }
}

fn command(workspace: &Workspace, contestant: Contestant, folder: &Path) -> Result<Command> {
    let reserved = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let address = reserved.context("cannot find a free port on loopback")?.to_string();
    let mut command = Command::new(program(workspace, contestant));
    match contestant {
        Contestant::Reference => {
            command.arg("serve").arg(folder).arg(address);
        }
        Contestant::Host => {
            let config = folder.join("patchbay.toml");
            fs::write(&config, HOST_CONFIG)
                .context(format!("cannot write {}", config.display()))?;
            command.args(["serve", "--show-urls", "--listen", &address]);
            command.arg("--plugins").arg(plugins::folder(workspace));
            command.arg("--data").arg(folder).arg("--config").arg(config);
        }
    }
    Ok(command)
}

fn program(workspace: &Workspace, contestant: Contestant) -> PathBuf {
    workspace.target.join("dist").join(match contestant {
        Contestant::Host => "patchbay",
        Contestant::Reference => "patchbay-reference",
    })
}

/// The webhooks in the one database in `folder`.
pub(crate) fn journaled(workspace: &Workspace, folder: &Path) -> Result<u64> {
    let entries = fs::read_dir(folder).context(format!("cannot list {}", folder.display()))?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let database =
        files
            .find(|path| path.extension().is_some_and(|extension| extension == "db"))
            .ok_or_else(|| Error::new(format!("no database `*.db` in {}", folder.display())))?;
    let output = Command::new(program(workspace, Contestant::Reference))
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
    let (_account, url) = line.trim().strip_prefix("webhook")?.split_once(": ")?;
    Some(url.to_owned())
}

fn parse_usage(stat: &str, status: &str) -> Option<Usage> {
    // The name in parentheses may hold anything; user and system time are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    let kib = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some(Usage { cpu_us: ticks * TICK_US, rss_kib: kib("VmRSS")?, rss_peak_kib: kib("VmHWM")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_an_odd_name_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 12 30 0 0 20 0 1 0 100 0 0";
        let status = "Name:\ta\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        let usage = Usage { cpu_us: 420_000, rss_kib: 1024, rss_peak_kib: 2048 };
        assert_eq!(parse_usage(stat, status), Some(usage));
    }

    #[test]
    fn only_the_line_of_the_webhook_names_the_url() {
        assert_eq!(webhook_url("webhook: http://a/b\n").as_deref(), Some("http://a/b"));
        assert_eq!(webhook_url("webhook jivo: http://a/b").as_deref(), Some("http://a/b"));
        assert_eq!(webhook_url("console: http://a/b"), None);
    }
}
