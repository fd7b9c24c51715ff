//! Lines for the operator: no personal data, no secrets.
//!
//! ```no_run
//! patchbay_sdk::log::warn(format!("the CRM asks to wait {} ms", 250));
//! ```

pub use crate::bindings::imports::patchbay::adapter::log::Level;

use crate::imports;

/// Writes a line at this level.
pub fn write(level: Level, message: impl AsRef<str>) {
    imports::write(level, message.as_ref());
}

/// Somebody has to act.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message);
}

/// Something is wrong, and the adapter went on.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message);
}

/// Worth knowing.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message);
}

/// For the author of the adapter.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message);
}
