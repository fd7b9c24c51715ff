//! Decides what an event means for a card. Pure: no I/O, no clock.
//!
//! The part that every integration needs: who the client is, and which values a card lacks.

pub mod enquiry;
pub mod identity;
pub mod phone;
pub mod policy;
