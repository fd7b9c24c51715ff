//! The adapter as a whole: against what a real Tryton answered, and against a real one.

mod bench;
mod concurrent;
mod lost;
mod real;
mod recorded;
mod scenario;
mod suite;
