//! The ledger: a CRM for tests that keeps contacts, deals, tasks and notes, and fails where it is told to.
//!
//! It does not recognise a repeated create by its `idempotency-key` unless it is told to: it only
//! keeps the key as a marker that can be searched for. So an effect that comes twice is seen twice.

#![expect(clippy::indexing_slicing, reason = "JSON that is not there is `null`")]

mod api;
mod books;
mod draw;
mod faults;
mod naming;
mod scene;
mod server;

pub use api::Endpoint;
pub use books::{Kind, Write};
pub use draw::Draw;
pub use faults::{Fault, Weather};
pub use server::{KEY, Ledger};
