//! Host and native reference under the same load, one after the other, several rounds.

use std::{fs, path::Path};

use clap::{Args, ValueEnum};

use crate::{
    plugins,
    steps::{Context as _, Error, Result, Steps, cargo},
    workspace::Workspace,
};

mod disk;
mod load;
mod report;
mod server;

use load::Load;
use report::Sample;
use server::Server;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Measure one of the two only.
    #[arg(long)]
    only: Option<Contestant>,
    /// How often each is measured; the table shows medians.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Length of a measurement in seconds, after 2 s of warm-up.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Connections of the load generator, all kept alive.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Run the micro-benchmarks of the host instead: `cargo bench -p patchbay`.
    #[arg(long)]
    criterion: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contestant {
    Host,
    Reference,
}

impl Contestant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Reference => "reference",
        }
    }
}

const WARM_UP_S: u32 = 2;

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result {
    let mut steps = Steps::default();
    if options.criterion {
        return steps.run("criterion", cargo(workspace).args(["bench", "-p", "patchbay"]));
    }
    load::ensure_wrk(&mut steps)?;
    let contestants: &[Contestant] = match &options.only {
        Some(one) => std::slice::from_ref(one),
        None => &[Contestant::Host, Contestant::Reference],
    };
    build(workspace, &mut steps, contestants)?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder).context(format!("cannot make {}", folder.display()))?;
    let disk = disk::probe(&folder)?;
    let mut samples = Vec::new();
    for round in 1..=options.rounds {
        for &contestant in contestants {
            let sample = measure(workspace, options, contestant, &folder.join(contestant.name()))?;
            println!("round {round} {}", sample.line());
            samples.push(sample);
        }
    }
    report::print(&samples, contestants, &disk);
    Ok(())
}

fn build(workspace: &Workspace, steps: &mut Steps, contestants: &[Contestant]) -> Result {
    // The reference counts the rows of both.
    let mut command = cargo(workspace);
    command.args(["build", "--profile", "dist", "-p", "patchbay-reference"]);
    if contestants.contains(&Contestant::Host) {
        plugins::build(workspace, steps)?;
        command.args(["-p", "patchbay"]);
    }
    steps.run("build", &mut command)
}

/// One server, from an empty folder to the count of its rows after a kill.
fn measure(
    workspace: &Workspace,
    options: &Options,
    contestant: Contestant,
    folder: &Path,
) -> Result<Sample> {
    if folder.exists() {
        fs::remove_dir_all(folder).context(format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).context(format!("cannot make {}", folder.display()))?;
    let server = Server::start(workspace, contestant, folder)?;
    let load = |seconds, first_chat| {
        Load {
            bodies: workspace.root.join("tests/load"),
            url: server.url(),
            connections: options.connections,
            seconds,
            first_chat,
        }
        .run()
    };
    let warm_up = load(WARM_UP_S, 1_000_000_000_000)?;
    let before = server.usage()?;
    let run = load(options.seconds, 2_000_000_000_000)?;
    let after = server.usage()?;
    server.kill()?;
    let journaled = server::journaled(workspace, folder)?;
    let answered = warm_up.requests + run.requests;
    // wrk hangs up at the end of a run: what it had asked by then may be journaled, and is not counted.
    let cut_off_max = 2 * u64::from(options.connections);
    if !(answered..=answered + cut_off_max).contains(&journaled) {
        return Err(Error::new(format!(
            "the {} answered {answered} webhooks and journaled {journaled}: look into {}",
            contestant.name(),
            folder.display()
        )));
    }
    fs::remove_dir_all(folder).context(format!("cannot empty {}", folder.display()))?;
    Ok(Sample::new(contestant, &run, &before, &after, answered, journaled))
}
