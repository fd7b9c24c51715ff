//! One `patchbay serve` at a time at one place, and its end.

use std::{fs::OpenOptions, path::PathBuf, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// Longest wait for a program to start or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program that serves. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// What it printed until it listened.
    pub(crate) said: Vec<String>,
    /// Kept open: a program that prints must not find a closed pipe.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Starts it with the configuration and the log in `folder`, and waits until it listens.
    pub(crate) async fn start(program: &PathBuf, folder: &std::path::Path) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let mut child = Command::new(program)
            .args(["serve", "--show-urls", "--config"])
            .arg(folder.join("patchbay.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        loop {
            let line = timeout(PATIENCE, stdout.next_line()).await;
            let line =
                line.unwrap_or_else(|_| panic!("a host does not start: {}", folder.display()));
            let Some(line) = line.unwrap() else {
                panic!("a host ended at its start: look into {}", folder.display());
            };
            let is_up = line.starts_with("patchbay listens on ");
            said.push(line);
            if is_up {
                return Self { child, said, _stdout: stdout };
            }
        }
    }

    /// What follows the prefix in the line that has it.
    pub(crate) fn told(&self, prefix: &str) -> Option<String> {
        self.said.iter().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// As `kill -9` does.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// As `kill` does. The exit code.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        let pid = Pid::from_raw(self.pid().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        timeout(PATIENCE, self.child.wait()).await.ok()?.unwrap().code()
    }
}
