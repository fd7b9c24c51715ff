//! Serves the simulated Odoo on loopback until it is stopped, for `check/odoo/check.py`.

use patchbay_sims::{Stage, odoo::Odoo, serve};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the caller reads the address from here")]
async fn main() -> std::io::Result<()> {
    let mut crm = Odoo::default();
    "0123456789".clone_into(&mut crm.key);
    let served = serve(Stage::new(crm)).await?;
    println!("{}", served.url);
    std::future::pending().await
}
