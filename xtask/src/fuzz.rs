//! Runs the fuzz targets of `fuzz/`, one after another.

use std::{
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::Args;

use crate::{
    steps::{Context as _, Error, Result, Steps, cargo},
    workspace::Workspace,
};

/// Longer than any webhook of the fixtures, and so short that inputs still meet each other's parts.
const INPUT_BYTES_MAX: u32 = 16_384;
/// One input may take so long, under a fuzzer's build and on a busy machine.
const INPUT_SECONDS_MAX: u32 = 10;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long each target is run.
    #[arg(long, default_value = "60")]
    seconds: NonZeroU32,
    /// The one target to run, by the name of its file in `fuzz/targets`; all where it is left out.
    target: Option<String>,
}

/// Runs the targets until the first that finds something.
pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, options: &Options) -> Result {
    let probe = Command::new("cargo-fuzz").arg("--version").stdout(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        return Err(Error::new(
            "cargo-fuzz is not installed: run `cargo install --locked cargo-fuzz`",
        ));
    }
    let all = targets(&workspace.root)?;
    let chosen: Vec<String> = match &options.target {
        Some(name) if all.contains(name) => vec![name.clone()],
        Some(name) => {
            return Err(Error::new(format!(
                "there is no target `{name}`: choose one of {}",
                all.join(", ")
            )));
        }
        None => all,
    };
    for name in chosen {
        steps.run(&name, &mut command(workspace, &name, options.seconds)?)?;
    }
    Ok(())
}

/// Without a sanitizer: there is no unsafe code of ours to look at, and coverage alone needs no nightly
/// compiler.
fn command(workspace: &Workspace, name: &str, seconds: NonZeroU32) -> Result<Command> {
    let found = workspace.root.join("fuzz/corpus").join(name);
    fs::create_dir_all(&found).context(format!("cannot make {}", found.display()))?;
    let mut fuzz = cargo(workspace);
    fuzz.args(["fuzz", "run", "--sanitizer", "none", "--target-dir"]);
    fuzz.arg(workspace.target.join("fuzz")).arg(name).arg(found);
    fuzz.args(seeds(&workspace.root, name));
    fuzz.arg("--").arg(format!("-max_total_time={seconds}"));
    fuzz.arg(format!("-max_len={INPUT_BYTES_MAX}")).arg(format!("-timeout={INPUT_SECONDS_MAX}"));
    fuzz.args(["-print_final_stats=1", "-verbosity=1"]);
    Ok(fuzz)
}

/// What a target starts from: the fixtures of the adapter that it is named after, and seeds of its own.
fn seeds(root: &Path, name: &str) -> Vec<PathBuf> {
    let fixtures = root.join("plugins").join(name.replace('_', "-")).join("fixtures");
    let own = root.join("fuzz/seeds").join(name);
    [fixtures, own].into_iter().filter(|folder| folder.is_dir()).collect()
}

/// The names of the files in `fuzz/targets`, sorted.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/targets");
    let entries = fs::read_dir(&folder).context(format!("cannot list {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_in_the_manifest_and_has_something_to_start_from() {
        let root = Workspace::find().unwrap().root;
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let names = targets(&root).unwrap();
        assert!(names.contains(&"channel_jivo".to_owned()), "{names:?}");
        for name in &names {
            let line = format!("path = \"targets/{name}.rs\"");
            assert_eq!(manifest.matches(&line).count(), 1, "{line} is not in fuzz/Cargo.toml once");
            assert!(!seeds(&root, name).is_empty(), "`{name}` has no folder fuzz/seeds/{name}");
        }
        assert_eq!(manifest.matches("path = \"targets/").count(), names.len());
    }

    #[test]
    fn every_channel_adapter_has_its_target() {
        let workspace = Workspace::find().unwrap();
        let names = targets(&workspace.root).unwrap();
        for adapter in workspace.packages_in("plugins").unwrap() {
            if adapter.starts_with("channel-") {
                assert!(names.contains(&adapter.replace('-', "_")), "{adapter}");
            }
        }
    }
}
