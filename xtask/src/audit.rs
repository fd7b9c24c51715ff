//! The dependencies against `deny.toml`: licences, bans, sources, and what is known of their faults.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::Args;

use crate::{
    steps::{Context as _, Error, Result, Steps, cargo},
    workspace::Workspace,
};

/// A clone of the advisory database, where it cannot be fetched.
const DATABASE: &str = "PATCHBAY_ADVISORY_DB";
/// How cargo-deny calls the folder of the database that it would fetch.
const FOLDER: &str = "advisory-db-3157b0e258782691";
const TABLE: &str = "[advisories]\n";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Leave the advisories out: for machines that cannot fetch the database.
    #[arg(long)]
    without_advisories: bool,
}

/// Checks all that needs no network first, then the advisories.
pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, options: &Options) -> Result {
    let probe = Command::new("cargo-deny").arg("--version").stdout(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        return Err(Error::new(
            "cargo-deny is not installed: run `cargo install --locked cargo-deny`",
        ));
    }
    let mut deny = cargo(workspace);
    deny.args(["deny", "--workspace", "check", "--hide-inclusion-graph"]);
    steps.run("audit", deny.args(["licenses", "bans", "sources"]))?;
    if options.without_advisories {
        println!("\nNOT CHECKED: advisories were left out. Licences, bans and sources are clean.");
        return Ok(());
    }
    advisories(workspace, steps)
}

fn advisories(workspace: &Workspace, steps: &mut Steps) -> Result {
    let mut deny = cargo(workspace);
    deny.args(["deny", "--offline", "--workspace"]);
    match std::env::var_os(DATABASE) {
        Some(clone) => {
            deny.arg("--config").arg(with_clone(workspace, Path::new(&clone))?);
        }
        None => fetch(workspace, steps)?,
    }
    steps.run("advisories", deny.args(["check", "--hide-inclusion-graph", "advisories"]))
}

fn fetch(workspace: &Workspace, steps: &mut Steps) -> Result {
    steps.run("fetch", cargo(workspace).args(["deny", "fetch", "db"])).map_err(|_told| {
        Error::new(format!(
            "advisories were NOT looked at: their database cannot be fetched from github.com. Licences, bans and \
             sources are clean. Set {DATABASE} to a clone of https://github.com/rustsec/advisory-db, or say \
             --without-advisories"
        ))
    })
}

/// A copy of `deny.toml` that looks for the database where this clone is.
fn with_clone(workspace: &Workspace, clone: &Path) -> Result<PathBuf> {
    let clone = clone.canonicalize().context(format!("{DATABASE} is {}", clone.display()))?;
    if !clone.join(".git").exists() || !clone.join("crates").is_dir() {
        return Err(Error::new(format!(
            "{DATABASE} is {}, which is no clone of https://github.com/rustsec/advisory-db: it has no `.git`, or no \
             folder `crates`",
            clone.display()
        )));
    }
    let own = workspace.root.join("deny.toml");
    let text = fs::read_to_string(&own).context(format!("cannot read {}", own.display()))?;
    let folder = workspace.target.join("audit");
    fs::create_dir_all(&folder).context(format!("cannot make {}", folder.display()))?;
    let link = folder.join(FOLDER);
    if link.is_symlink() {
        fs::remove_file(&link).context(format!("cannot remove {}", link.display()))?;
    }
    symlink(&clone, &link).context(format!("cannot make {}", link.display()))?;
    let config = folder.join("deny.toml");
    let text = looking_in(&text, &folder)?;
    fs::write(&config, text).context(format!("cannot write {}", config.display()))?;
    Ok(config)
}

fn looking_in(deny: &str, databases: &Path) -> Result<String> {
    let Some((before, after)) = deny.split_once(TABLE) else {
        return Err(Error::new("deny.toml has no table `[advisories]`: put it back"));
    };
    Ok(format!("{before}{TABLE}db-path = \"{}\"\n{after}", databases.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_takes_the_place_of_the_network() {
        let deny = "[graph]\nall-features = true\n\n[advisories]\nignore = []\n";
        let expected =
            "[graph]\nall-features = true\n\n[advisories]\ndb-path = \"/t\"\nignore = []\n";
        assert_eq!(looking_in(deny, Path::new("/t")).unwrap(), expected);
        assert!(looking_in("[bans]\n", Path::new("/t")).is_err());
    }

    #[test]
    fn a_folder_that_is_no_clone_is_refused() {
        let workspace = Workspace::find().unwrap();
        let error = with_clone(&workspace, &workspace.root.join("xtask")).unwrap_err();
        assert!(error.to_string().contains("no clone of"), "{error}");
        let error = with_clone(&workspace, Path::new("/no/such/folder")).unwrap_err();
        assert!(error.to_string().starts_with(DATABASE), "{error}");
    }
}
