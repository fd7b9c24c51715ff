//! The adapter under the test host: documented answers, requests of the vendor's own library, and a
//! simulated portal.

pub(crate) mod bench;
mod documented;
mod faults;
mod flows;
mod golden;
mod odd;
mod records;
mod suite;
mod timeline;
