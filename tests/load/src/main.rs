//! Loads of `cargo xtask bench` that wrk cannot make: at a constant rate, ahead of the work, one by one.
//!
//! Each webhook is of a new client, so that none is a repeat and no two wait for each other. Every
//! load prints one line `result: key=number …`.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

mod bodies;
mod clock;
mod figures;
mod http;
mod stream;
mod wake;

/// Posts Jivo webhooks, and tells how long the answers took.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    load: Load,
}

#[derive(Debug, Subcommand)]
enum Load {
    /// A stream of webhooks over many connections.
    Stream(stream::Options),
    /// One webhook at a time, with pauses, to a host whose CRM is this program.
    Wake(wake::Options),
}

/// What every load needs.
#[derive(Debug, Args)]
struct Source {
    /// The folder of the bodies.
    #[arg(long)]
    bodies: PathBuf,
    /// The number of the first chat.
    #[arg(long, default_value_t = 1_000_000_000)]
    first_chat: u64,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().load {
        Load::Stream(options) => stream::run(&options),
        Load::Wake(options) => wake::run(&options),
    };
    let told = result.and_then(|line| writeln!(io::stdout(), "result: {line}"));
    let Err(error) = told else { return ExitCode::SUCCESS };
    // A closed stderr leaves nobody to tell; the exit code still does.
    writeln!(io::stderr(), "{error}").map_or(ExitCode::from(2), |()| ExitCode::FAILURE)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        Arguments::command().debug_assert();
    }
}
