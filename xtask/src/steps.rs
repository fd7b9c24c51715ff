//! Runs commands as named steps, and tells at the end how long each took.

use std::{
    fmt::Display,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::workspace::Workspace;

/// One sentence for a person, with the remedy in it.
#[derive(Debug)]
pub(crate) struct Error(String);

pub(crate) type Result<T = ()> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was being done when something failed.
pub(crate) trait Context<T> {
    fn context(self, what: impl Display) -> Result<T>;
}

impl<T, E: Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl Display) -> Result<T> {
        self.map_err(|error| Error(format!("{what}: {error}")))
    }
}

/// The steps of one chore so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    taken: Vec<(String, Duration, bool)>,
}

impl Steps {
    /// Runs a command to its end, without input, its output shown.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> Result {
        println!("==> {name}: {}", line_of(command));
        let started = now();
        let status = command.stdin(Stdio::null()).status();
        let good = status.as_ref().is_ok_and(std::process::ExitStatus::success);
        self.taken.push((name.to_owned(), started.elapsed(), good));
        let status = status.context(format!("cannot start `{}`", line_of(command)))?;
        if good {
            return Ok(());
        }
        Err(Error(format!(
            "the step `{name}` failed ({status}): mend what it printed above and run `{}` again",
            line_of(command)
        )))
    }

    /// One line for each step, if there was more than one.
    pub(crate) fn print_table(&self) {
        if self.taken.len() < 2 {
            return;
        }
        println!();
        for (name, took, good) in &self.taken {
            println!(
                "{name:<12} {:>8.1} s  {}",
                took.as_secs_f64(),
                if *good { "ok" } else { "FAILED" }
            );
        }
    }
}

/// The cargo that runs us, in the root of the workspace.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&workspace.root);
    // Set for this program, not for what it builds: some build scripts run again when they change.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

#[expect(clippy::disallowed_methods, reason = "there is no runtime whose time could be paused")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "there is no runtime that it could block")]
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}

/// The command as a person would type it.
fn line_of(command: &Command) -> String {
    let program =
        std::path::Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let settings = command.get_envs().filter_map(|(key, value)| {
        let value = value?.to_string_lossy();
        Some(format!("{}='{value}'", key.to_string_lossy()))
    });
    let words = std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned());
    settings.chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_an_error_and_is_in_the_table() {
        let mut steps = Steps::default();
        let error = steps.run("lie", Command::new("false").arg("x")).unwrap_err();
        assert!(error.to_string().contains("run `false x` again"), "{error}");
        assert!(!steps.taken.first().unwrap().2);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error =
            Steps::default().run("ghost", &mut Command::new("/no/such/program")).unwrap_err();
        assert!(error.to_string().starts_with("cannot start `program`"), "{error}");
    }

    #[test]
    fn a_command_is_shown_with_its_settings() {
        let mut command = Command::new("/bin/cargo");
        command.env("RUSTDOCFLAGS", "-D warnings").arg("doc");
        assert_eq!(line_of(&command), "RUSTDOCFLAGS='-D warnings' cargo doc");
    }
}
