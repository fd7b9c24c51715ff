//! `patchbay check`, and the reading of the configuration file for every command.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use super::{CheckArgs, Error};
use crate::config::{self, Config};

pub(super) fn run(args: &CheckArgs) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    if args.reference {
        return Ok(out.write_all(config::reference().as_bytes())?);
    }
    let path = args
        .file
        .config
        .clone()
        .ok_or_else(|| Error::Usage("name the file with --config".to_owned()))?;
    read(Some(&path))?;
    writeln!(out, "{}: no faults", path.display())?;
    Ok(())
}

/// The file's configuration, or the defaults without one. All faults in one message.
pub(super) fn read(path: Option<&PathBuf>) -> Result<Config, Error> {
    let Some(path) = path else { return Ok(Config::default()) };
    let text = fs::read_to_string(path)
        .map_err(|error| Error::Usage(format!("`{}` cannot be read: {error}", path.display())))?;
    Config::parse(&text).map_err(|faults| Error::Usage(listing(path, &faults)))
}

fn listing(path: &Path, faults: &[config::Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    let noun = if faults.len() == 1 { "fault" } else { "faults" };
    format!("`{}` has {} {noun}:{}", path.display(), faults.len(), lines.concat())
}
