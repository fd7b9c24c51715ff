//! Stateful simulators of CRMs, which behave as the vendors document and fail where a test tells them to.
//!
//! A [`Simulator`] is plain state without a network. On a [`Stage`] it gets faults and a record of what
//! was asked; native tests of adapters call the stage directly, and [`serve`] puts it on loopback for
//! the running host and for the vendors' own clients.

pub mod amocrm;
pub mod bitrix24;
pub mod hubspot;
pub mod odoo;
mod server;
mod stage;

pub use server::{Served, serve};
pub use stage::{Fault, Stage};

use std::time::Duration;

pub use patchbay_sdk::http::{Request, Response};

/// A CRM that remembers.
pub trait Simulator {
    /// Answers one request. `now` is the time since the stage was set up, for limits by time.
    fn answer(&mut self, request: &Request, now: Duration) -> Response;
}

/// The path of a URL without its query: `/rest/1/token/crm.item.add`.
pub fn path(url: &str) -> &str {
    let after_host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_host.find('/').map_or("/", |start| after_host.split_at(start).1);
    path.split(['?', '#']).next().unwrap_or(path)
}

/// The query of a URL, without the question mark.
pub fn query(url: &str) -> &str {
    url.split_once('?').map_or("", |(_, query)| query)
}
