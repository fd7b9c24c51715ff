//! The Tryton server that tests start: a virtual environment with packages that pip fetches, and a database.

use std::{fs, path::Path, process::Command};

use crate::{
    steps::{Context as _, Error, Result, Steps},
    workspace::Workspace,
};

const REMEDY: &str = "run `sudo apt-get install python3-venv`, see that https://pypi.org (or the index of your \
    pip.conf) can be reached, and run `cargo xtask tryton` again";

/// Makes sure that `target/tryton` holds the server that `tests/tryton` describes.
pub(crate) fn ensure(workspace: &Workspace, steps: &mut Steps) -> Result {
    let source = workspace.root.join("tests/tryton");
    let folder = workspace.target.join("tryton");
    let stamp = stamp(&source)?;
    if fs::read_to_string(folder.join("stamp")).is_ok_and(|found| found == stamp) {
        return Ok(());
    }
    println!("Tryton is missing in {}: installing it from PyPI", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).context(format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).context(format!("cannot make {}", folder.display()))?;
    install(&source, &folder, steps).map_err(|error| {
        Error::new(format!(
            "Tryton could not be installed, and the tests start it ({error}): {REMEDY}"
        ))
    })?;
    // The last one, so that what is half made is made again.
    fs::write(folder.join("stamp"), stamp).context("cannot write the stamp")
}

fn install(source: &Path, folder: &Path, steps: &mut Steps) -> Result {
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    steps.run("tryton venv", Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    steps.run("tryton pip", pip.arg(source.join("requirements.txt")))?;
    let mut prepare = Command::new(&python);
    steps.run("tryton data", prepare.arg(source.join("prepare.py")).arg(folder))
}

/// What `tests/tryton` compares before it starts the server.
fn stamp(source: &Path) -> Result<String> {
    let mut stamp = String::new();
    for file in ["requirements.txt", "prepare.py"] {
        let file = source.join(file);
        let text = fs::read_to_string(&file).context(format!("cannot read {}", file.display()))?;
        stamp.push_str(&text);
    }
    Ok(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_left_as_it_is_and_what_is_older_is_not() {
        let workspace = Workspace::find().unwrap();
        let source = workspace.root.join("tests/tryton");
        let folder = std::env::temp_dir().join(format!("patchbay-xtask-{}", std::process::id()));
        fs::create_dir_all(folder.join("tryton")).unwrap();
        let known = folder.join("tryton/stamp");
        fs::write(&known, stamp(&source).unwrap()).unwrap();
        let there = Workspace { root: workspace.root, target: folder.clone() };
        ensure(&there, &mut Steps::default()).unwrap();
        assert!(known.is_file());
        // No file of the repository is there, and so nothing is installed.
        let elsewhere = Workspace { root: folder.clone(), target: folder.clone() };
        let error = ensure(&elsewhere, &mut Steps::default()).unwrap_err();
        assert!(error.to_string().contains("requirements.txt"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }
}
