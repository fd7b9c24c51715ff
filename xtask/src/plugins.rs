//! Builds adapters and test guests as components.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    conformance,
    sbom::Build,
    steps::{Context as _, Error, Result, Steps, cargo},
    workspace::Workspace,
};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "guest";

/// Builds every package in `plugins/` and `tests/guests/`, and gathers the adapters in [`folder`].
pub(crate) fn build(workspace: &Workspace, steps: &mut Steps) -> Result {
    ensure_target(workspace, steps)?;
    let adapters = workspace.packages_in("plugins")?;
    let guests = workspace.packages_in("tests/guests")?;
    let mut command = cargo(workspace);
    command.args(["build", "--target", TARGET, "--profile", PROFILE]);
    for package in adapters.iter().chain(&guests) {
        command.args(["-p", package]);
    }
    steps.run("plugins", &mut command)?;
    gather(workspace, &adapters)
}

/// The folder that holds the adapters and nothing else.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("plugins")
}

/// Copies the adapters to a folder of their own, without the test guests beside them, each with its
/// conformance cases and the list of its parts.
fn gather(workspace: &Workspace, adapters: &[String]) -> Result {
    let built = workspace.target.join(TARGET).join(PROFILE);
    let folder = folder(workspace);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).context("cannot empty target/plugins");
        }
        _ => fs::create_dir_all(&folder).context("cannot make target/plugins")?,
    }
    let origin = Build::of(workspace, TARGET, PROFILE)?;
    for adapter in adapters {
        let component = built.join(format!("{}.wasm", adapter.replace('-', "_")));
        let bytes = fs::read(&component).context(format!(
            "{adapter} made no component {}: its Cargo.toml needs crate-type \"cdylib\"",
            component.display()
        ))?;
        let whole = origin.with_parts(adapter, bytes)?;
        let path = folder.join(format!("{adapter}.wasm"));
        fs::write(&path, whole).context(format!("cannot write {}", path.display()))?;
        conformance::put_in(workspace, adapter, &path)?;
    }
    Ok(())
}

/// Makes sure that the standard library for components is there; rustup is needed only if it is not.
fn ensure_target(workspace: &Workspace, steps: &mut Steps) -> Result {
    if has_target(&workspace.root) {
        return Ok(());
    }
    println!("the Rust target {TARGET} is missing: installing it with rustup");
    let mut rustup = Command::new("rustup");
    rustup.current_dir(&workspace.root).args(["target", "add", TARGET]);
    steps.run("target", &mut rustup).map_err(|error| {
        Error::new(format!(
            "the Rust target {TARGET} is missing and could not be installed ({error}); install rustup from \
             https://rustup.rs and run `rustup target add {TARGET}`, or install your distribution's package of it"
        ))
    })
}

/// Asks rustc and not rustup, which not every machine has.
fn has_target(root: &Path) -> bool {
    let output = Command::new("rustc")
        .current_dir(root)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    output.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout);
        output.status.success() && Path::new(folder.trim()).is_dir()
    })
}
