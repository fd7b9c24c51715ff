//! Tests of the whole host, in one binary.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod changes;
mod cli;
mod door;
mod fake_odoo;
mod faults;
mod flow;
mod harness;
mod hostile;
mod program;
mod provision;
mod tidy;
