//! Decides what an event means for a CRM. Pure: no I/O, no clock.
//!
//! `book` holds the rules of one integration, compiled once. It reads an event, `policy` compares
//! what was read with the cards that the CRM has, `enquiry` decides on deal, task and notes, and
//! `responsible` on who looks after them.

pub mod book;
mod check;
pub mod conflict;
mod context;
pub mod decision;
pub mod enquiry;
pub mod follow_up;
pub mod identity;
pub mod lines;
pub mod phone;
pub mod policy;
pub mod pool;
pub mod responsible;
mod template;
mod update;

#[cfg(test)]
mod tests;
