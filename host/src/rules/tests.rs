//! Tests of the rules as a whole, and samples for those of their parts.

mod acceptance;
pub(super) mod samples;
