//! One run of wrk, from a process of its own.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::steps::{Context as _, Error, Result, Steps};

#[derive(Debug)]
pub(crate) struct Load<'a> {
    /// The folder with the script and the bodies.
    pub(crate) bodies: PathBuf,
    pub(crate) url: &'a str,
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
    pub(crate) first_chat: u64,
}

/// What wrk saw.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answers {
    /// All of them answered with 2xx.
    pub(crate) requests: u64,
    pub(crate) duration_us: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

impl Load<'_> {
    /// Loads the server, or fails if a single request was not answered with 2xx.
    pub(crate) fn run(&self) -> Result<Answers> {
        let output = Command::new("wrk")
            .args(["--threads", "1", "--timeout", "10s"])
            .args([
                "--connections",
                &self.connections.to_string(),
                "--duration",
                &format!("{}s", self.seconds),
            ])
            .arg("--script")
            .arg(self.bodies.join("jivo.lua"))
            .args([self.url, "--"])
            .arg(&self.bodies)
            .arg(self.first_chat.to_string())
            .stdin(Stdio::null())
            .output()
            .context("cannot start wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().find_map(|line| line.strip_prefix("result: ")).map_or_else(
            || {
                Err(Error::new(format!(
                    "wrk gave no result: {text}{}",
                    String::from_utf8_lossy(&output.stderr)
                )))
            },
            parse,
        )
    }
}

/// Reads the line that `jivo.lua` prints at the end.
fn parse(line: &str) -> Result<Answers> {
    let number = |key: &str| -> Result<u64> {
        let word = line.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let word =
            word.ok_or_else(|| Error::new(format!("wrk's result `{line}` has no `{key}`")))?;
        word.parse().context(format!("`{key}` in wrk's result `{line}` is no number"))
    };
    let (refused, broken) = (number("status")?, number("socket")?);
    if refused + broken > 0 {
        return Err(Error::new(format!(
            "{refused} webhooks were refused and {broken} connections broke: look at the server's stderr.log in target/bench"
        )));
    }
    Ok(Answers {
        requests: number("requests")?,
        duration_us: number("duration_us")?,
        p50_us: number("p50_us")?,
        p99_us: number("p99_us")?,
    })
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
    use super::*;

    #[test]
    fn a_result_is_read_by_its_keys() {
        let line = "requests=10 duration_us=2000000 status=0 socket=0 p50_us=5 p99_us=9";
        let answers = Answers { requests: 10, duration_us: 2_000_000, p50_us: 5, p99_us: 9 };
        assert_eq!(parse(line).unwrap(), answers);
    }

    #[test]
    fn one_refused_webhook_or_broken_connection_spoils_the_run() {
        for line in ["status=1 socket=0", "status=0 socket=1"] {
            let line = format!("requests=10 duration_us=2 {line} p50_us=5 p99_us=9");
            assert!(parse(&line).is_err());
        }
    }

    #[test]
    fn a_missing_number_is_named() {
        let error = parse("status=0 socket=0").unwrap_err().to_string();
        assert!(error.contains("`requests`"), "{error}");
    }
}
