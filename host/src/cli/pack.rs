//! Conformance cases written into a component, read once as the gate of a host reads them.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;

use super::Error;
use crate::plugin::count_cases;

#[derive(Debug, Args)]
pub(super) struct PackArgs {
    /// The component, a `.wasm` file.
    file: PathBuf,
    /// The folder with the cases, one or a list of them in each `*.json` file.
    #[arg(long)]
    cases: PathBuf,
    /// Where the component with the cases is written. May be the component itself.
    #[arg(long, short)]
    output: PathBuf,
}

pub(super) fn run(args: &PackArgs) -> Result<(), Error> {
    let refused = |error: &dyn std::fmt::Display| Error::Refused(error.to_string());
    let failed = |path: &Path, error: io::Error| {
        Error::Io(io::Error::new(error.kind(), format!("`{}`: {error}", path.display())))
    };
    let component = fs::read(&args.file).map_err(|error| failed(&args.file, error))?;
    let cases = patchbay_cases::read(&args.cases).map_err(|error| refused(&error))?;
    let packed = patchbay_cases::put(&component, &cases).map_err(|error| refused(&error))?;
    let count = count_cases(&packed).map_err(|error| refused(&error))?;
    fs::write(&args.output, packed).map_err(|error| failed(&args.output, error))?;
    let told = format!("cases: {count}, in {} bytes of `{}`", cases.len(), args.output.display());
    Ok(writeln!(io::stdout(), "{told}")?)
}
