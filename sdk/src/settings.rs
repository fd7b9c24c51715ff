//! What the operator set on the account, defaults filled in.

use crate::imports;
use crate::types::Error;

/// The value as text; for a secret setting its placeholder; `None` where nothing is set.
pub fn get(key: &str) -> Option<String> {
    imports::setting(key).filter(|value| !value.is_empty())
}

/// The value, or an error that names the setting.
pub fn required(key: &str) -> Result<String, Error> {
    get(key).ok_or_else(|| Error::invalid(key, "is not set; set it on the account"))
}
