//! Tests of `lookup`.
