//! What a CRM adapter with tasks is given.

pub use crate::bindings::tasks::exports::patchbay::adapter::tasks::Task;
