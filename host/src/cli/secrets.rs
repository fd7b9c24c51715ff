//! The secrets in the database, and the key that they are sealed with.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};

use super::{Error, FileArgs, check};
use crate::{host, storage};

#[derive(Debug, Subcommand)]
pub(super) enum SecretsCommand {
    /// Seal all secrets with a new key. Where the key stands in the data folder a new one is made,
    /// and no host may run meanwhile; else the first key of `sealing.key` seals what others have
    /// sealed.
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Data folder, over the file.
    #[arg(long)]
    data: Option<PathBuf>,
}

pub(super) fn run(command: &SecretsCommand) -> Result<(), Error> {
    let SecretsCommand::Rotate(args) = command;
    let mut config = check::read(args.file.config.as_ref())?;
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let resealed = runtime.block_on(host::rotate(&config)).map_err(of_rotation)?;
    let storage::Resealed { key, records } = resealed;
    let line = format!("sealed with key `{key}` from now on; records sealed anew: {records}");
    Ok(writeln!(io::stdout().lock(), "{line}")?)
}

fn of_rotation(error: host::Error) -> Error {
    match error {
        host::Error::SealingKey(_) | host::Error::Storage(storage::Error::Sealed(_)) => {
            Error::Usage(error.to_string())
        }
        error => Error::Unavailable(error.to_string()),
    }
}
