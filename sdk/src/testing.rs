//! The native test kit: a host of values, so that adapters are tested without a component.
//!
//! [`Host`] stands for the host of one account, [`webhooks`] reads stored webhooks with the answers
//! their senders expect, [`intake`] looks at what was made of them, [`arbitrary`] bends them at any
//! place, [`cassettes`] plays back recorded answers of a CRM, and [`conformance`] holds what every CRM
//! adapter has to keep. A fixture that cannot be read fails the test at once.

use std::fs;
use std::path::Path;

use serde_json::Value;

pub mod arbitrary;
pub mod cassettes;
pub mod conformance;
pub mod host;
pub mod intake;
pub mod webhooks;

pub use host::Host;

/// Ends a test whose fixtures are at fault.
#[expect(clippy::panic, reason = "a test kit fails a test by panicking")]
#[track_caller]
fn fail(text: &str) -> ! {
    panic!("{text}")
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path)
        .unwrap_or_else(|error| fail(&format!("cannot read `{}`: {error}", path.display())))
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&read(path))
        .unwrap_or_else(|error| fail(&format!("`{}` is not JSON: {error}", path.display())))
}

/// The names of the files in a folder that end so, without the ending, in order.
fn names(dir: &Path, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(dir)
        .unwrap_or_else(|error| fail(&format!("cannot list `{}`: {error}", dir.display())));
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(ending).map(str::to_owned))
        .collect();
    names.sort();
    if names.is_empty() {
        fail(&format!("`{}` holds no file that ends with `{ending}`", dir.display()));
    }
    names
}
