//! Serves the simulated amoCRM on loopback until it is stopped, for `check/amocrm/check.py`.

use patchbay_sims::{Stage, amocrm::Amocrm, serve};

/// The long-lived token of the simulated account.
const TOKEN: &str = "long-lived";

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the caller reads the address from here")]
async fn main() -> std::io::Result<()> {
    let mut crm = Amocrm::new(TOKEN);
    crm.filters = true;
    let served = serve(Stage::new(crm)).await?;
    println!("{}", served.url);
    std::future::pending().await
}
