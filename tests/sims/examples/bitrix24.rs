//! Serves a simulated Bitrix24 on loopback until it is ended, and prints its address: for checks by
//! hand with the vendor's own library (`tests/sims/check/bitrix24`).

use std::io;

use patchbay_sims::{Stage, bitrix24::Bitrix24, serve};
use serde_json::json;

/// Contacts that are there from the start: more than one page of a list.
const CONTACTS: usize = 60;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the one who starts it reads the address there")]
async fn main() -> io::Result<()> {
    let mut portal = Bitrix24::new("hooksecret");
    for index in 0..CONTACTS {
        let fields = json!({ "name": format!("Client {index}"), "assignedById": 6 });
        portal.put_contact(&fields, &[], &[]);
    }
    let served = serve(Stage::new(portal)).await?;
    println!("{}", served.url);
    std::future::pending().await
}
