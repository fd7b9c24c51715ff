//! Tests of the whole host, in one binary.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access;
mod ahead;
mod articles;
mod backend;
mod changes;
mod cli;
mod conformance;
mod connections;
mod crms;
mod door;
mod embed_route;
mod enquiries;
mod fake_odoo;
mod faults;
mod flow;
mod harness;
mod hostile;
mod late;
mod ledger;
mod oauth;
mod operator;
mod order;
mod pools;
mod preview;
mod program;
mod provision;
mod raw;
mod remote;
mod rules;
mod secrets;
mod shadow;
mod shares;
mod signature;
mod soak;
mod stops;
mod swaps;
mod tidy;
mod time;
mod tls;
mod versions;
mod whence;
