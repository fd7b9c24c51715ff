//! Tests of `activity`.
