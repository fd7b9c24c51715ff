//! wrk, from processes of its own: as many webhooks as the connections carry.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use super::figures::Figures;
use crate::steps::{Context as _, Error, Result, Steps};

/// Chats that each wrk has for itself.
const CHATS: u64 = 10_000_000_000;

#[derive(Debug)]
pub(crate) struct Load<'a> {
    /// The folder with the script and the bodies.
    pub(crate) bodies: PathBuf,
    /// Each gets a wrk of its own and its part of the connections.
    pub(crate) urls: &'a [String],
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
    pub(crate) first_chat: u64,
}

impl Load<'_> {
    /// Loads the servers, or fails if a single request was not answered with 2xx.
    pub(crate) fn run(&self) -> Result<Figures> {
        let parts = u32::try_from(self.urls.len()).unwrap_or(u32::MAX).max(1);
        let started: Vec<Child> = (0u64..)
            .zip(self.urls)
            .map(|(number, url)| {
                let first_chat = self.first_chat + number * CHATS;
                self.command(url, self.connections / parts, first_chat)
                    .spawn()
                    .context("cannot start wrk")
            })
            .collect::<Result<_>>()?;
        let mut all = Figures::default();
        for wrk in started {
            let output = wrk.wait_with_output().context("cannot wait for wrk")?;
            all = all.join(checked(Figures::read(&output)?)?);
        }
        Ok(all)
    }

    fn command(&self, url: &str, connections: u32, first_chat: u64) -> Command {
        let mut command = Command::new("wrk");
        command
            .args(["--threads", "1", "--timeout", "10s"])
            .args(["--connections", &connections.to_string()])
            .args(["--duration", &format!("{}s", self.seconds)])
            .arg("--script")
            .arg(self.bodies.join("jivo.lua"))
            .args([url, "--"])
            .arg(&self.bodies)
            .arg(first_chat.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// One refused webhook or broken connection spoils the run.
fn checked(figures: Figures) -> Result<Figures> {
    let (refused, broken) = (figures.get("status")?, figures.get("socket")?);
    if refused + broken == 0 {
        return Ok(figures);
    }
    Err(Error::new(format!(
        "{refused} webhooks were refused and {broken} connections broke: look at the server's stderr.log in target/bench"
    )))
}

/// Makes sure that wrk is there.
pub(crate) fn ensure_wrk(steps: &mut Steps) -> Result {
    // `wrk -v` prints its version and exits with 1: only starting it counts.
    if Command::new("wrk").arg("-v").stdin(Stdio::null()).output().is_ok() {
        return Ok(());
    }
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !is_root {
        return Err(Error::new(
            "wrk is not installed: run `sudo apt-get install wrk`, or build it from github.com/wg/wrk",
        ));
    }
    println!("wrk is missing: installing it with apt-get");
    steps.run("apt update", Command::new("apt-get").arg("update"))?;
    steps.run("apt install", Command::new("apt-get").args(["install", "--yes", "wrk"]))
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::process::ExitStatusExt as _,
        process::{ExitStatus, Output},
    };

    use super::*;

    fn said(line: &str) -> Result<Figures> {
        let stdout = format!("result: requests=10 {line}\n").into_bytes();
        checked(Figures::read(&Output {
            status: ExitStatus::from_raw(0),
            stdout,
            stderr: Vec::new(),
        })?)
    }

    #[test]
    fn one_refused_webhook_or_broken_connection_spoils_the_run() {
        assert!(said("status=0 socket=0").is_ok());
        for line in ["status=1 socket=0", "status=0 socket=1", "status=0"] {
            assert!(said(line).is_err(), "{line}");
        }
    }
}
