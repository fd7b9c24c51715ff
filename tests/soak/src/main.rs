//! `cargo xtask soak`: a soak of any length, with a table of figures at its end.
#![expect(clippy::print_stdout, reason = "a command line tool prints")]

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use patchbay_soak::{Backend, Options, run};

/// Soaks hosts: mixed load, random kills, and a check of every effect.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long the load lasts.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Hosts on one database.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=16))]
    hosts: Option<u8>,
    #[arg(long, value_enum, default_value_t = Choice::Postgres)]
    backend: Choice,
    /// New webhooks a second.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Between two kills on average, in seconds.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..))]
    kill_every_s: u64,
    /// The same seed, the same load, kills and faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Choice {
    Postgres,
    Sqlite,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (backend, hosts) = match arguments.backend {
        Choice::Postgres => (Backend::DurablePostgres, arguments.hosts.unwrap_or(3)),
        Choice::Sqlite => (Backend::Sqlite, arguments.hosts.unwrap_or(1)),
    };
    // <target>/debug/soak
    let own = std::env::current_exe().expect("the program has a path");
    let target = own.ancestors().nth(2).expect("the program is in the target folder");
    let options = Options {
        length: Duration::from_secs_f64(arguments.minutes * 60.0),
        hosts: hosts.into(),
        backend,
        rate: arguments.rate,
        kill_every: Duration::from_secs(arguments.kill_every_s),
        seed: arguments.seed,
        program: own.with_file_name("patchbay"),
        components: target.join("wasm32-wasip2/guest"),
    };
    println!("{}", options.line());
    let report = run(&options).await;
    println!("{report}");
    if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
