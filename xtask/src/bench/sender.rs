//! The sender of `tests/load`: constant rates, loads just ahead of the work, single webhooks.

use std::process::{Child, Command, Stdio};

use super::{Bench, figures::Figures};
use crate::steps::{Context as _, Result};

/// A stream of webhooks of new clients.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    pub(crate) bench: &'a Bench<'a>,
    pub(crate) urls: &'a [String],
    pub(crate) pace: Pace,
    /// Whether it asks the hosts meanwhile; the reference does no jobs.
    pub(crate) counts_jobs: bool,
    pub(crate) warm_up_s: u32,
    pub(crate) seconds: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// So many in a second, whatever is answered.
    Rate(u32),
    /// So many ahead of the jobs that are done.
    Ahead(u32),
}

/// A load generator at work; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running(Option<Child>);

impl Stream<'_> {
    pub(crate) fn start(&self) -> Result<Running> {
        let mut command = command(self.bench, "stream");
        command
            .args(["--connections", &self.bench.connections.to_string()])
            .args(["--seconds", &self.seconds.to_string()])
            .args(["--warm-up", &self.warm_up_s.to_string()]);
        match self.pace {
            Pace::Rate(rate) => command.args(["--rate", &rate.to_string()]),
            Pace::Ahead(jobs) => command.args(["--ahead", &jobs.to_string()]),
        };
        for url in self.urls.iter().filter(|_| self.counts_jobs) {
            command.args(["--metrics", &metrics(url)]);
        }
        start(command.args(self.urls))
    }

    pub(crate) fn run(&self) -> Result<Figures> {
        self.start()?.wait()
    }
}

impl Running {
    pub(crate) fn wait(mut self) -> Result<Figures> {
        let child = self.0.take().expect("it is waited for once");
        Figures::read(&child.wait_with_output().context("cannot wait for the sender")?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(child) = &mut self.0 else { return };
        if let Err(error) = child.kill().and_then(|()| child.wait()) {
            eprintln!("cannot kill the sender: {error}");
        }
    }
}

/// Single webhooks with pauses, to a host whose CRM is the sender at `crm`.
pub(crate) fn wake(bench: &Bench<'_>, url: &str, crm: &str, webhooks: u32) -> Result<Figures> {
    let mut command = command(bench, "wake");
    command.args(["--listen", crm, "--webhooks", &webhooks.to_string(), url]);
    start(&mut command)?.wait()
}

fn command(bench: &Bench<'_>, load: &str) -> Command {
    let mut command = Command::new(bench.workspace.target.join("dist/patchbay-load"));
    command.arg(load).arg("--bodies").arg(bench.workspace.root.join("tests/load"));
    command
}

fn start(command: &mut Command) -> Result<Running> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(Running(Some(command.spawn().context("cannot start patchbay-load")?)))
}

/// Where the host of a webhook URL tells its metrics.
fn metrics(url: &str) -> String {
    let host = url.split_once("/hooks/").map_or(url, |(host, _)| host);
    format!("{host}/metrics")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_lie_beside_the_webhooks() {
        assert_eq!(metrics("http://127.0.0.1:7/hooks/x"), "http://127.0.0.1:7/metrics");
    }
}
