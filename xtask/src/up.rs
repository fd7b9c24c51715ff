//! From a fresh clone to a running host.

use std::{fs, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use crate::{
    plugins,
    steps::{Context as _, Error, Result, Steps, cargo},
    workspace::Workspace,
};

const CONFIG: &str = "xtask/up/patchbay.toml";

/// Builds what is stale, then becomes the host. Returns only if it could not start.
pub(crate) fn run(workspace: &Workspace, serve_arguments: &[String]) -> Result {
    let mut steps = Steps::default();
    plugins::build(workspace, &mut steps)?;
    steps.run("host", cargo(workspace).args(["build", "--release", "-p", "patchbay"]))?;
    gather(workspace)?;
    let program = workspace.target.join("release/patchbay");
    let mut host = Command::new(&program);
    host.current_dir(&workspace.root).arg("serve");
    for (option, value) in defaults(workspace, serve_arguments) {
        if !names(serve_arguments, option) {
            host.arg(option).arg(value);
        }
    }
    let error = host.args(serve_arguments).exec();
    Err(Error::new(format!(
        "cannot start {}: {error}; remove it and run this again",
        program.display()
    )))
}

/// Puts the adapters that the configuration names into a folder of their own: the others are for
/// the operator to upload.
fn gather(workspace: &Workspace) -> Result {
    let folder = workspace.target.join("up");
    let config = workspace.root.join(CONFIG);
    let text = fs::read_to_string(&config).context(format!("cannot read {}", config.display()))?;
    fs::create_dir_all(&folder).context(format!("cannot make {}", folder.display()))?;
    for name in named_plugins(&text) {
        let file = format!("{name}.wasm");
        fs::copy(plugins::folder(workspace).join(&file), folder.join(&file))
            .context(format!("cannot copy {file}"))?;
    }
    Ok(())
}

fn named_plugins(config: &str) -> impl Iterator<Item = &str> {
    config.lines().filter_map(|line| line.strip_prefix("plugin = \"")?.strip_suffix('"'))
}

/// The arguments of `patchbay serve` unless the operator gives others.
fn defaults(workspace: &Workspace, serve_arguments: &[String]) -> Vec<(&'static str, PathBuf)> {
    let data = value(serve_arguments, "--data").unwrap_or_else(|| "patchbay-data".to_owned());
    vec![
        ("--config", CONFIG.into()),
        ("--welcome", "xtask/up/welcome.txt".into()),
        ("--plugins", workspace.target.join("up")),
        ("--token-file", PathBuf::from(&data).join("token")),
        ("--data", data.into()),
    ]
}

/// The value of an option, in either spelling.
fn value(arguments: &[String], option: &str) -> Option<String> {
    let mut rest = arguments.iter();
    let given = rest.find(|argument| argument.split('=').next() == Some(option))?;
    given.split_once('=').map(|(_, value)| value.to_owned()).or_else(|| rest.next().cloned())
}

/// Whether the operator gives the option himself, as `--x y` or `--x=y`.
fn names(arguments: &[String], option: &str) -> bool {
    arguments.iter().any(|argument| argument.split('=').next() == Some(option))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_given_by_hand_is_seen_in_both_spellings() {
        for spelling in ["--data", "--data=folder"] {
            assert!(names(&["--listen".to_owned(), spelling.to_owned()], "--data"));
        }
        assert!(!names(&["--database".to_owned()], "--data"));
    }

    #[test]
    fn the_adapters_of_the_configuration_are_found() {
        let config = include_str!("../up/patchbay.toml");
        let names: Vec<&str> = named_plugins(config).collect();
        assert_eq!(names, ["channel-jivo", "crm-notebook"]);
    }

    #[test]
    fn the_value_of_an_option_is_found_in_both_spellings() {
        let spaced = ["--data".to_owned(), "folder".to_owned()];
        assert_eq!(value(&spaced, "--data").as_deref(), Some("folder"));
        assert_eq!(value(&["--data=folder".to_owned()], "--data").as_deref(), Some("folder"));
        assert_eq!(value(&spaced, "--config"), None);
    }
}
