//! Tests of `upsert`.
