//! Conformance cases on their way into a component: a folder of files becomes a custom section.

use std::path::PathBuf;

mod folder;
mod section;

pub use folder::read;
pub use section::put;

/// The name of the custom section.
pub const SECTION: &str = "patchbay:conformance";

/// The version of what is in it.
pub const VERSION: u32 = 1;

/// Why the cases cannot be put in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{}` cannot be read: {error}", path.display())]
    Read { path: PathBuf, error: std::io::Error },
    #[error("`{}` is not JSON: {error}", path.display())]
    Json { path: PathBuf, error: serde_json::Error },
    #[error("`{}` holds neither a case nor a list of cases", .0.display())]
    NoCase(PathBuf),
    #[error("`{}` has nothing at `{pointer}`", path.display())]
    NoPart { path: PathBuf, pointer: String },
    #[error("`{}` has no `*.json` file in it", .0.display())]
    Empty(PathBuf),
    #[error("this is no whole component: build it for `wasm32-wasip2`")]
    NoComponent,
    #[error("the cases have more bytes than a section can have")]
    TooLarge,
}
