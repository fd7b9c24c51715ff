//! Tests of `deals`.
