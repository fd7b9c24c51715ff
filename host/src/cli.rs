//! The command line: what each subcommand does, and the exit codes.

use std::{io, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::plugin;

mod check;
mod client;
mod integration;
mod pool;
mod remote;
mod sample;
mod serve;
mod table;
mod trial;

/// A plugin host between channels and CRMs: webhooks in, cards up to date, answers out.
#[derive(Debug, Parser)]
#[command(name = "patchbay", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the host until SIGTERM or SIGINT; a second signal ends it at once.
    Serve(ServeArgs),
    /// Check a configuration file without starting, and tell every fault.
    Check(CheckArgs),
    /// Put dead letters back to work on a running host.
    Replay(ReplayArgs),
    /// Erase what a running host has received of a client, by what the client is known by.
    Forget(ForgetArgs),
    /// List lanes that do not flow, and let stopped ones go on.
    #[command(subcommand)]
    Lane(LaneCommand),
    /// List and upload plugins on a running host.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// List, set and remove pools of managers who take turns.
    #[command(subcommand)]
    Pool(pool::PoolCommand),
    /// List integrations, show one, and set its rules.
    #[command(subcommand)]
    Integration(integration::IntegrationCommand),
    /// Tell what an integration would do with an event, and send nothing.
    Preview(trial::PreviewArgs),
    /// Send a request through an integration as if the vendor had sent it.
    TestRequest(trial::TestArgs),
    /// Compile a component from standard input. For the host itself.
    #[command(hide = true)]
    CompilePlugin {
        /// Memory the compiler may use, in bytes.
        memory_bytes: u64,
    },
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Address to listen on, over the file.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Data folder, over the file.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of plugins to install, over the file.
    #[arg(long)]
    plugins: Option<PathBuf>,
    /// Write the first API token to this file too, readable by its owner only.
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Print the webhook URL of every channel account. They are secrets.
    #[arg(long)]
    show_urls: bool,
    /// Print this file once the host listens, with `{url}`, `{data}` and `{webhook:ACCOUNT}` filled in.
    #[arg(long)]
    welcome: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The configuration file.
    #[arg(long, env = "PATCHBAY_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Print the reference file with every key and its default instead.
    #[arg(long)]
    reference: bool,
}

/// Where the running host is.
#[derive(Debug, Args)]
struct RemoteArgs {
    /// Address of the host.
    #[arg(long, env = "PATCHBAY_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// File with the API token; without it `PATCHBAY_TOKEN` is read.
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Jobs to put back, by number.
    #[arg(required_unless_present = "all")]
    jobs: Vec<i64>,
    /// Put every dead letter back.
    #[arg(long, conflicts_with = "jobs")]
    all: bool,
    /// With --all: only those of this integration.
    #[arg(long, requires = "all")]
    integration: Option<String>,
    /// With --all: only those dead since this time, as in 2026-01-31T12:00:00Z.
    #[arg(long, requires = "all")]
    since: Option<jiff::Timestamp>,
    /// With --all: only those of this kind of event, `conversation-finished` for example.
    #[arg(long, requires = "all")]
    kind: Option<String>,
    /// With --all: only those whose reason holds this text.
    #[arg(long, requires = "all")]
    reason: Option<String>,
}

/// Cards in CRMs are not touched: they are listed, and erased there.
#[derive(Debug, Args)]
#[group(id = "client", required = true, multiple = true)]
struct ForgetArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// A phone of the client.
    #[arg(long, group = "client")]
    phone: Option<String>,
    /// An e-mail address of the client.
    #[arg(long, group = "client")]
    email: Option<String>,
    /// An id in another system, as `system:id`.
    #[arg(long, group = "client")]
    external: Option<String>,
}

#[derive(Debug, Subcommand)]
enum LaneCommand {
    /// List lanes that wait for a retry, for another job of their client, or for an operator.
    List {
        #[command(flatten)]
        remote: RemoteArgs,
        /// Only those of this integration.
        #[arg(long)]
        integration: Option<String>,
    },
    /// Let stopped lanes go on after their dead letters.
    Resume {
        #[command(flatten)]
        remote: RemoteArgs,
        /// Lanes by number.
        #[arg(required = true)]
        lanes: Vec<i64>,
    },
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// List the installed plugins.
    List {
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Upload a plugin; accounts of its name use it from the next call on.
    Push {
        #[command(flatten)]
        remote: RemoteArgs,
        /// The component, a `.wasm` file.
        file: PathBuf,
    },
}

/// Why a command failed; the code follows sysexits.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    NoPermission(String),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 64,
            Self::Refused(_) => 65,
            Self::Unavailable(_) => 69,
            Self::Io(_) => 74,
            Self::NoPermission(_) => 77,
        }
    }
}

/// Runs the program's command line.
#[expect(clippy::print_stderr, reason = "a failed command tells why on standard error")]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let is_fault = error.use_stderr();
            if let Err(error) = error.print() {
                return ExitCode::from(Error::Io(error).exit_code());
            }
            return if is_fault { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    let result = match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Replay(args) => remote::replay(&args),
        Command::Forget(args) => remote::forget(&args),
        Command::Lane(LaneCommand::List { remote, integration }) => {
            remote::list_lanes(&remote, integration.as_deref())
        }
        Command::Lane(LaneCommand::Resume { remote, lanes }) => {
            remote::resume_lanes(&remote, &lanes)
        }
        Command::Plugin(PluginCommand::List { remote }) => remote::list_plugins(&remote),
        Command::Plugin(PluginCommand::Push { remote, file }) => {
            remote::push_plugin(&remote, &file)
        }
        Command::Pool(command) => pool::run(&command),
        Command::Integration(command) => integration::run(&command),
        Command::Preview(args) => trial::preview(&args),
        Command::TestRequest(args) => trial::test_request(&args),
        Command::CompilePlugin { memory_bytes } => return plugin::compile_child(memory_bytes),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has seen enough of it.
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("patchbay: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_defined() {
        super::Cli::command().debug_assert();
    }
}
