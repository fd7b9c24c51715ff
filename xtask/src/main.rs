//! The chores of the workspace: `cargo xtask --help` lists them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool prints")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod audit;
mod bench;
mod checks;
mod conformance;
mod fuzz;
mod packages;
mod plugins;
mod sbom;
mod steps;
mod tryton;
mod up;
mod workspace;

use steps::{Steps, cargo};
use workspace::Workspace;

/// The chores of the Patchbay workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Build everything and run the host with the demo accounts: Jivo to the notebook.
    ///
    /// Builds the adapters and a release host, then becomes `patchbay serve`, which prints the
    /// token and ready-to-paste curl lines. Further arguments go to `patchbay serve`.
    Up {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        serve_arguments: Vec<String>,
    },
    /// Run everything that must be clean: plugins, format, lints, docs, build, tests. CI runs this.
    ///
    /// Arguments after `--` go to `cargo test --workspace`. Installs PostgreSQL and Chromium with
    /// apt-get and Tryton with pip where they are missing: the tests start them.
    Test {
        #[arg(last = true)]
        test_arguments: Vec<String>,
    },
    /// Build all adapters and test guests as components, into `target/wasm32-wasip2/guest`.
    ///
    /// Installs the target wasm32-wasip2 with rustup if it is missing. The adapters alone are
    /// copied to `target/plugins`.
    Plugins,
    /// Install the Tryton server that tests start, with pip into `target/tryton`.
    ///
    /// Needs Python 3 with its module venv. `cargo xtask test` does it too; what is there already is
    /// left as it is.
    Tryton,
    /// Soak hosts: a mixed load, random kills, and a check of every effect at the end.
    ///
    /// `--minutes 30 --hosts 3 --backend postgres|sqlite --rate 40 --kill-every-s 8 --seed 1`; the
    /// arguments go to `target/debug/soak`. Prints a table of figures, and keeps the folder with
    /// data and logs where a promise was broken.
    Soak {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        soak_arguments: Vec<String>,
    },
    /// Swap versions of plugins a hundred times under 500 webhooks in a second, and check that none
    /// failed, was lost or took effect twice.
    Swaps,
    /// Attack a running host in every way, some ten thousand times, and look at what is left.
    ///
    /// Prints each attack with its outcome, its cause in the metrics and its neighbour's latencies;
    /// then memory, files, threads and pool before and after. Fails on a leak.
    Hostile {
        /// Attacks in all, shared out among the kinds.
        #[arg(long, default_value_t = 10_000)]
        repetitions: u32,
        /// With the profile of tests, as `cargo build` leaves the host.
        #[arg(long)]
        dev: bool,
    },
    /// Drain a thousand events into Bitrix24 and into amoCRM at the pace that the vendors allow.
    ///
    /// Takes an hour. Fails where a simulator refuses one request as too fast, or where less than nine
    /// tenths of the limit are used.
    Drains,
    /// Format all code.
    Fmt,
    /// Run clippy over all code; a warning is a fault.
    Lint,
    /// Check licences, bans, sources and known faults of the dependencies with cargo-deny.
    ///
    /// The advisory database is fetched from GitHub. Where that is out of reach, set
    /// `PATCHBAY_ADVISORY_DB` to a clone of it, or say `--without-advisories`.
    Audit(audit::Options),
    /// Run the fuzz targets of `fuzz/`, or one of them, with cargo-fuzz.
    ///
    /// What is found lies in `fuzz/artifacts`; what was learnt stays in `fuzz/corpus`, for the next run.
    Fuzz(fuzz::Options),
    /// Load hosts on SQLite and PostgreSQL and the native reference, and compare them.
    ///
    /// Needs wrk, which it installs with apt-get if you are root, and the programs of PostgreSQL,
    /// of which it runs a server of its own. The hosts are killed at the end of each measurement,
    /// and the journal must hold every webhook that was answered.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> steps::Result {
    let workspace = Workspace::find()?;
    let mut steps = Steps::default();
    let result = match chore {
        Chore::Up { serve_arguments } => return up::run(&workspace, &serve_arguments),
        Chore::Bench(options) => return bench::run(&workspace, &options),
        Chore::Test { test_arguments } => checks::test(&workspace, &mut steps, &test_arguments),
        Chore::Soak { soak_arguments } => checks::soak(&workspace, &mut steps, &soak_arguments),
        Chore::Swaps => checks::swaps(&workspace, &mut steps),
        Chore::Hostile { repetitions, dev } => {
            checks::hostile(&workspace, &mut steps, repetitions, dev)
        }
        Chore::Drains => checks::drains(&workspace, &mut steps),
        Chore::Plugins => plugins::build(&workspace, &mut steps),
        Chore::Tryton => tryton::ensure(&workspace, &mut steps),
        Chore::Fmt => steps.run("format", cargo(&workspace).args(["fmt", "--all"])),
        Chore::Lint => checks::lint(&workspace, &mut steps),
        Chore::Audit(options) => audit::run(&workspace, &mut steps, &options),
        Chore::Fuzz(options) => fuzz::run(&workspace, &mut steps, &options),
    };
    steps.print_table();
    result
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_after_up_belong_to_the_host() {
        let arguments = Arguments::parse_from(["xtask", "up", "--listen", "127.0.0.1:0"]);
        let Chore::Up { serve_arguments } = arguments.chore else { panic!("not `up`") };
        assert_eq!(serve_arguments, ["--listen", "127.0.0.1:0"]);
    }
}
