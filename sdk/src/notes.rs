//! What a CRM adapter with notes is given.

pub use crate::bindings::notes::exports::patchbay::adapter::notes::Note;
