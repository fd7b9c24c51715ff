//! Where a plugin comes from: who signed it, and what it says of how it was made.

use serde::{Deserialize, Serialize};

/// A signature that was verified when the plugin was taken in, and is again whenever it is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The name that the configuration gave the key then.
    pub key: String,
    /// What the key is called by minisign: `EA72EC623A731B06`.
    pub key_id: String,
    /// What the signer says of the plugin; it is signed as well.
    pub comment: String,
    /// The whole file, for whoever wants to verify it too.
    pub file: String,
}

/// What a plugin says of how it was made. It may say anything: only a signature vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// The last commit that changed its sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether something was changed that no commit has.
    #[serde(default)]
    pub modified: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What it is built from, without itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Why what it says cannot be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// A package that a plugin is built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// SHA-256 of the package as it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}
