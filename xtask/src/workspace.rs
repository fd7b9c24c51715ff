//! Where things lie: the root of the workspace, the target folder, the packages of a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::steps::{Context as _, Error, Result};

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo builds into, whatever decided it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned();
        if !root.join("Cargo.toml").is_file() {
            return Err(Error::new(format!(
                "the workspace is no longer in {}: run `cargo clean -p xtask` and then `cargo xtask` again",
                root.display()
            )));
        }
        let program = std::env::current_exe().context("cannot find the xtask program")?;
        // <target>/debug/xtask
        let target = program.ancestors().nth(2).unwrap_or(Path::new("target")).to_owned();
        Ok(Self { root, target })
    }

    /// The names of the packages in the folders directly below `folder`, sorted.
    pub(crate) fn packages_in(&self, folder: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let below = self.root.join(folder);
        let entries = fs::read_dir(&below).context(format!("cannot list {}", below.display()))?;
        for entry in entries {
            let manifest = entry
                .context(format!("cannot list {}", below.display()))?
                .path()
                .join("Cargo.toml");
            if !manifest.is_file() {
                continue;
            }
            let text = fs::read_to_string(&manifest)
                .context(format!("cannot read {}", manifest.display()))?;
            let name = package_name(&text).ok_or_else(|| {
                Error::new(format!("{} has no line `name = \"…\"`: add one", manifest.display()))
            })?;
            names.push(name.to_owned());
        }
        names.sort();
        Ok(names)
    }
}

/// The name in the `[package]` table of a manifest.
fn package_name(manifest: &str) -> Option<&str> {
    let table = manifest.split("[package]").nth(1)?;
    let table = table.split("\n[").next()?;
    let line = table.lines().find_map(|line| line.strip_prefix("name"))?;
    line.trim_start().strip_prefix('=')?.trim().strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_one_of_the_package_table() {
        assert_eq!(package_name("[lib]\nname = \"a\"\n[package]\nname = \"b\"\n"), Some("b"));
        assert_eq!(package_name("[package]\nversion = \"1\"\n[lib]\nname = \"a\"\n"), None);
    }

    #[test]
    fn the_adapters_of_this_workspace_are_found() {
        let adapters = Workspace::find().unwrap().packages_in("plugins").unwrap();
        assert!(adapters.contains(&"crm-notebook".to_owned()), "{adapters:?}");
    }
}
