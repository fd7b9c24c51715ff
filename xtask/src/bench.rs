//! Hosts and a native reference under the same loads, one after the other.

use std::{cell::OnceCell, fs, path::PathBuf};

use clap::{Args, ValueEnum};

use crate::{
    plugins,
    steps::{Context as _, Result, Steps, cargo},
    workspace::Workspace,
};

mod disk;
mod effects;
mod figures;
mod flow;
mod ingest;
mod ledger;
mod load;
mod overload;
mod postgres;
mod process;
mod report;
mod sender;
mod stage;
mod steady;
mod usage;
mod wake;
mod web;

use postgres::Postgres;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Measure some of them only: `--only sqlite,postgres`.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Contestant>,
    /// Measure these things only: `--parts ingest,wake`.
    #[arg(long, value_delimiter = ',')]
    parts: Vec<Part>,
    /// How often the ingest is measured; the table shows medians.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Length of a measurement in seconds, after some of warm-up.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Connections of the load generators, all kept alive.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(3..))]
    connections: u32,
    /// Everything once and short, to see that it works: too short for figures to be told.
    #[arg(long)]
    quick: bool,
    /// Measure the programs in `target/dist` as they are, without building them.
    #[arg(long)]
    as_built: bool,
    /// Run the micro-benchmarks of the host instead: `cargo bench -p patchbay`.
    #[arg(long)]
    criterion: bool,
}

/// Who is measured, in the order of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contestant {
    /// The native reference: the same rows and durability, no sandbox.
    Reference,
    /// One host with its own SQLite.
    Sqlite,
    /// One host on PostgreSQL.
    Postgres,
    /// Three hosts on one PostgreSQL.
    ThreeHosts,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Durable webhooks a second.
    Ingest,
    /// Jobs and effects on a CRM a second.
    Effects,
    /// Acknowledgements while webhooks arrive at a constant rate.
    Steady,
    /// From the acknowledgement to the plugin's start, when idle.
    Wake,
    /// Memory under ten times the load that can be worked off.
    Overload,
}

impl Contestant {
    const ALL: [Self; 4] = [Self::Reference, Self::Sqlite, Self::Postgres, Self::ThreeHosts];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::ThreeHosts => "PostgreSQL, 3 hosts",
        }
    }

    fn is_on_postgres(self) -> bool {
        matches!(self, Self::Postgres | Self::ThreeHosts)
    }

    pub(crate) fn hosts(self) -> u32 {
        if self == Self::ThreeHosts { 3 } else { 1 }
    }
}

/// What every part needs.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) contestants: Vec<Contestant>,
    /// On the disk that is measured.
    pub(crate) folder: PathBuf,
    pub(crate) rounds: u32,
    pub(crate) seconds: u32,
    pub(crate) connections: u32,
    pub(crate) is_quick: bool,
    postgres: OnceCell<Postgres>,
}

impl Bench<'_> {
    /// Those that do jobs.
    pub(crate) fn hosts(&self) -> Vec<Contestant> {
        let all = self.contestants.iter().copied();
        all.filter(|one| *one != Contestant::Reference).collect()
    }

    /// The private server, started when it is first needed.
    pub(crate) fn postgres(&self) -> Result<&Postgres> {
        if let Some(started) = self.postgres.get() {
            return Ok(started);
        }
        let started = Postgres::start(&self.folder.join("postgres"))?;
        Ok(self.postgres.get_or_init(|| started))
    }
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result {
    let mut steps = Steps::default();
    if options.criterion {
        return steps.run("criterion", cargo(workspace).args(["bench", "-p", "patchbay"]));
    }
    load::ensure_wrk(&mut steps)?;
    if !options.as_built {
        build(workspace, &mut steps)?;
    }
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder).context(format!("cannot make {}", folder.display()))?;
    flow::gather_plugins(workspace, &folder)?;
    let is_in = |one: &Contestant| options.only.is_empty() || options.only.contains(one);
    let bench = Bench {
        workspace,
        contestants: Contestant::ALL.into_iter().filter(is_in).collect(),
        folder,
        rounds: if options.quick { 1 } else { options.rounds },
        seconds: if options.quick { 2 } else { options.seconds },
        connections: options.connections,
        is_quick: options.quick,
        postgres: OnceCell::new(),
    };
    let parts: &[Part] =
        if options.parts.is_empty() { Part::value_variants() } else { &options.parts };
    let mut tables = Vec::new();
    for part in parts {
        tables.push(match part {
            Part::Ingest => ingest::run(&bench)?,
            Part::Effects => effects::run(&bench)?,
            Part::Steady => steady::run(&bench)?,
            Part::Wake => wake::run(&bench)?,
            Part::Overload => overload::run(&bench)?,
        });
    }
    report::print(&tables, &disk::probe(&bench.folder)?);
    Ok(())
}

fn build(workspace: &Workspace, steps: &mut Steps) -> Result {
    plugins::build(workspace, steps)?;
    let mut command = cargo(workspace);
    command.args(["build", "--profile", "dist"]);
    for package in ["patchbay", "patchbay-reference", "patchbay-ledger", "patchbay-load"] {
        command.args(["-p", package]);
    }
    steps.run("build", &mut command)
}
