//! Programs that the tests start and that a machine may lack: installed where we may, else named.

use std::{
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::steps::{Error, Result, Steps};

/// The names of Chromium on the systems that it comes with.
const BROWSERS: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome-headless-shell",
];

/// A program, and how to get it.
struct Missing {
    title: &'static str,
    /// The Debian package.
    package: &'static str,
    remedy: &'static str,
}

const POSTGRES: Missing = Missing {
    title: "PostgreSQL",
    package: "postgresql",
    remedy: "run `sudo apt-get install postgresql`, or put the folder of `initdb` and `pg_ctl` into PATH",
};

const BROWSER: Missing = Missing {
    title: "Chromium",
    package: "chromium-headless-shell",
    remedy: "run `sudo apt-get install chromium-headless-shell`, or put `chromium` or `google-chrome` into PATH",
};

const AUTHLIB: Missing = Missing {
    title: "Authlib",
    package: "python3-authlib",
    remedy: "run `sudo apt-get install python3-authlib`, or `pip install authlib` for the `python3` in PATH",
};

/// Where Debian's packages are, then whatever the path has.
const INTERPRETERS: [&str; 2] = ["/usr/bin/python3", "python3"];

/// Makes sure that there is a database server, an authorization server and a browser.
pub(crate) fn ensure_all(steps: &mut Steps) -> Result {
    ensure_postgres(steps)?;
    if !INTERPRETERS.iter().any(|python| has_authlib(python)) {
        install(steps, &AUTHLIB)?;
    }
    if BROWSERS.iter().any(|name| runs(name)) { Ok(()) } else { install(steps, &BROWSER) }
}

/// Makes sure that `initdb` and `pg_ctl` are there.
pub(crate) fn ensure_postgres(steps: &mut Steps) -> Result {
    let has_both =
        |folder: &PathBuf| ["initdb", "pg_ctl"].iter().all(|name| folder.join(name).is_file());
    if folders().iter().any(has_both) { Ok(()) } else { install(steps, &POSTGRES) }
}

fn install(steps: &mut Steps, missing: &Missing) -> Result {
    let Missing { title, package, remedy } = missing;
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !is_root {
        return Err(Error::new(format!(
            "{title} is not installed, and the tests start it: {remedy}"
        )));
    }
    println!("{title} is missing: installing it with apt-get");
    steps.run("apt update", Command::new("apt-get").arg("update"))?;
    steps.run("apt install", Command::new("apt-get").args(["install", "--yes", package]))
}

fn has_authlib(python: &str) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import authlib.oauth2"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn runs(program: &str) -> bool {
    let mut command = Command::new(program);
    let status = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Where the server's programs may be: Debian keeps them out of the path.
fn folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let path = env::var_os("PATH").unwrap_or_default();
    versions.map(|version| version.path().join("bin")).chain(env::split_paths(&path)).collect()
}
