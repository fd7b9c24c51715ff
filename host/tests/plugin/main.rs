//! Tests of the plugin floor from outside: what passes the gate, and what a hostile guest costs.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod channel;
mod conformance;
mod gate;
mod hostile;
mod oauth;
mod optional;
mod stage;
