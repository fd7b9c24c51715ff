//! A ledger in a process of its own, for loads and for people.

use std::{io::Write as _, net::SocketAddr, time::Duration};

use clap::Parser;
use patchbay_ledger::{KEY, Ledger};

/// A CRM for tests. Prints its URL and its key, and runs until it is killed; `GET /figures` counts.
#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How long every answer takes.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let ledger = Ledger::listen(arguments.listen).await?;
    ledger.set_latency(Duration::from_millis(arguments.latency_ms));
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}\n{KEY}", ledger.url)?;
    output.flush()?;
    drop(output);
    std::future::pending().await
}
