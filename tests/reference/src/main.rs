//! The yardstick of `cargo xtask bench`: the same webhooks, rows and durability, without a sandbox.
//!
//! `patchbay-reference serve DIR ADDRESS` journals Jivo webhooks sent to `/hooks/bench`;
//! `patchbay-reference count DATABASE TABLE` prints how many rows a table of any database has.

use std::{env, io::Write as _, net::SocketAddr, path::Path, process::ExitCode};

mod count;
mod http;
mod jivo;
mod journal;

/// The secret part of the one webhook URL.
const TOKEN: &str = "bench";

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("`{0}` is no address and port: give one like `127.0.0.1:0`")]
    Address(String),
    #[error("cannot start the runtime or listen")]
    Io(#[from] std::io::Error),
    #[error("cannot open the journal")]
    Journal(#[from] rusqlite::Error),
    #[error(
        "usage: patchbay-reference serve DIR ADDRESS | patchbay-reference count DATABASE TABLE"
    )]
    Usage,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["serve", dir, address] => serve(Path::new(dir), address),
        ["count", database, table] => print_count(Path::new(database), table),
        _ => Err(Error::Usage),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    let cause =
        std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    // A closed stderr leaves nobody to tell; the exit code still does.
    writeln!(std::io::stderr(), "{error}{cause}").map_or(ExitCode::from(2), |()| ExitCode::FAILURE)
}

/// Serves until it is killed; the first line on stdout names the webhook URL.
fn serve(dir: &Path, address: &str) -> Result<(), Error> {
    let address: SocketAddr =
        address.parse().map_err(|_ignored| Error::Address(address.to_owned()))?;
    let journal = journal::start(&dir.join("journal.db"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        writeln!(std::io::stdout(), "webhook: http://{bound}/hooks/{TOKEN}")?;
        axum::serve(listener, http::router(journal)).await?;
        Ok(())
    })
}

fn print_count(database: &Path, table: &str) -> Result<(), Error> {
    let rows = count::rows(database, table)?;
    writeln!(std::io::stdout(), "{rows}")?;
    Ok(())
}
