//! The stages of the gate, as whoever waits for an upload sees them.

use serde::Serialize;

/// What the gate is at. In this order; a plugin that was compiled before skips `Compile`, and one
/// that carries no cases `Conformance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "stage", rename_all = "kebab-case")]
pub enum Stage {
    /// The bytes are read: kind, contract version, interfaces, imports, sizes.
    Read,
    /// Machine code is made, in a process of its own.
    Compile,
    /// It is started once, and every export is looked at.
    Start,
    /// It tells what it is and what it asks for.
    Describe,
    /// The cases that its author recorded are played: this one of so many.
    Conformance { case: u32, of: u32 },
    /// What a call costs is measured.
    Measure,
    /// It is compared with the version that is active, and stored.
    Store,
}

/// Told of each stage as it begins.
pub type Observer = dyn Fn(Stage) + Send + Sync;
