//! The CRM of the loads: the ledger of `tests/ledger` in a process of its own.

use std::process::Command;

use super::{Bench, process::Process, usage::Usage, web};
use crate::steps::{Error, Result};

/// What the ledger takes; it prints the same, and the bench compares.
pub(crate) const KEY: &str = "ledger-test-key-0123456789";
/// Where the hosts read it from, below the bench's folder.
pub(crate) const KEY_FILE: &str = "ledger.key";

#[derive(Debug)]
pub(crate) struct Ledger {
    process: Process,
    pub(crate) url: String,
}

impl Ledger {
    pub(crate) fn open(bench: &Bench<'_>, latency_ms: u32) -> Result<Self> {
        let mut command = Command::new(bench.workspace.target.join("dist/ledger"));
        command.args(["--latency-ms", &latency_ms.to_string()]);
        let find = |line: &str| line.starts_with("http://").then(|| line.to_owned());
        let log = bench.folder.join("ledger.log");
        let (mut process, url) = Process::start(&mut command, &log, find)?;
        if process.line()? != KEY {
            return Err(Error::new("the ledger has another key: write it into bench/ledger.rs"));
        }
        Ok(Self { process, url })
    }

    /// The effects so far.
    pub(crate) fn writes(&self) -> Result<u64> {
        web::number(&self.figures()?, "writes")
    }

    /// Fails if an effect came twice.
    pub(crate) fn check(&self) -> Result {
        match web::number(&self.figures()?, "duplicates")? {
            0 => Ok(()),
            twice => Err(Error::new(format!("{twice} effects came twice at the ledger"))),
        }
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        self.process.usage()
    }

    fn figures(&self) -> Result<String> {
        web::get(&format!("{}/figures", self.url))
    }
}
