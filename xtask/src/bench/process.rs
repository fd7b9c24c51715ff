//! A process of the bench: its start, what it says first, its end.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use super::usage::{self, Usage};
use crate::steps::{Context as _, Error, Result};

/// Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Kept open: a process that prints must not find a closed pipe.
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it with its errors in `log`, and returns once it has said what `find` looks for.
    pub(crate) fn start<T>(
        command: &mut Command,
        log: &Path,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T)> {
        let stderr = File::create(log).context(format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().context(format!("cannot start {command:?}"))?;
        let stdout = child.stdout.take().ok_or_else(|| Error::new("the process has no stdout"))?;
        let mut process = Self { child, stdout: BufReader::new(stdout) };
        let lines = (&mut process.stdout).lines().map_while(std::io::Result::ok);
        let found = { lines }.find_map(|line| find(line.trim()));
        let found = found.ok_or_else(|| {
            let said = fs::read_to_string(log).unwrap_or_default();
            Error::new(format!("{command:?} ended too early: {said}"))
        })?;
        Ok((process, found))
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).context("the process prints nothing")?;
        Ok(line.trim().to_owned())
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        usage::of(self.child.id())
    }

    /// Kills it without warning: what it answered must be durable by then.
    pub(crate) fn kill(mut self) -> Result {
        self.child.kill().and_then(|()| self.child.wait()).context("cannot kill a process")?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // On the way out of an error; after `kill` both find nothing to do.
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("cannot kill the process {}: {error}", self.child.id());
        }
    }
}

/// `127.0.0.1` with a port that was free a moment ago.
pub(crate) fn free_address() -> Result<String> {
    let reserved = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    Ok(reserved.context("cannot find a free port on loopback")?.to_string())
}

/// A folder with nothing in it.
pub(crate) fn empty(folder: &Path) -> Result {
    if folder.exists() {
        fs::remove_dir_all(folder).context(format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).context(format!("cannot make {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_says_first_is_found_and_the_rest_is_still_there() {
        let log = std::env::temp_dir().join(format!("xtask-process-{}", std::process::id()));
        let mut echo = Command::new("sh");
        echo.args(["-c", "echo hello; echo url 7; echo key; exec sleep 60"]);
        let find = |line: &str| line.strip_prefix("url ").map(str::to_owned);
        let (mut process, url) = Process::start(&mut echo, &log, find).unwrap();
        assert_eq!((url.as_str(), process.line().unwrap().as_str()), ("7", "key"));
        assert!(0 < process.usage().unwrap().rss_kib);
        process.kill().unwrap();
        let mut silent = Command::new("sh");
        silent.args(["-c", "echo no port >&2"]);
        let error = Process::start(&mut silent, &log, find).unwrap_err().to_string();
        assert!(error.contains("no port"), "{error}");
        fs::remove_file(log).unwrap();
    }
}
