//! PostgreSQL for the tests, which start a private server of their own.

use std::{env, fs, os::unix::fs::MetadataExt as _, path::PathBuf, process::Command};

use crate::steps::{Error, Result, Steps};

/// Makes sure that `initdb` and `pg_ctl` are there.
pub(crate) fn ensure(steps: &mut Steps) -> Result {
    if is_installed() {
        return Ok(());
    }
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !is_root {
        return Err(Error::new(
            "PostgreSQL is not installed, and the tests start one: run `sudo apt-get install postgresql`, or put the folder of `initdb` and `pg_ctl` into PATH",
        ));
    }
    println!("PostgreSQL is missing: installing it with apt-get");
    steps.run("apt update", Command::new("apt-get").arg("update"))?;
    steps.run("apt install", Command::new("apt-get").args(["install", "--yes", "postgresql"]))
}

/// Whether there is a folder with the programs that make and run a server.
fn is_installed() -> bool {
    folders()
        .iter()
        .any(|folder| ["initdb", "pg_ctl"].iter().all(|name| folder.join(name).is_file()))
}

/// Where they may be: Debian keeps them out of the path.
fn folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let path = env::var_os("PATH").unwrap_or_default();
    versions.map(|version| version.path().join("bin")).chain(env::split_paths(&path)).collect()
}
