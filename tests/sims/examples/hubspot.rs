//! Serves a simulated HubSpot on loopback until it is killed; for `check/hubspot`.
#![expect(clippy::print_stdout, reason = "the address is what this program is run for")]

use std::{io, time::Duration};

use patchbay_sims::{Stage, hubspot::HubSpot, serve};

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut crm = HubSpot::default();
    "t".clone_into(&mut crm.token);
    crm.search_lag = Duration::from_millis(300);
    for kind in ["contacts", "deals"] {
        crm.define(kind, "patchbay_key", true);
    }
    let served = serve(Stage::new(crm)).await?;
    println!("{}", served.url);
    std::future::pending().await
}
