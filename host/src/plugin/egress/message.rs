//! What goes out and what comes back, as the guest sees it.

/// A request as the guest wrote it, with placeholders for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Shortens the limit of the configuration, never lengthens it.
    pub timeout_ms: Option<u32>,
}

/// A response as the guest sees it, with placeholders for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no response. The texts hold no secret and no filled URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not asked or not granted; the text names the grant that would allow it.
    #[error("denied: {0}")]
    Denied(String),
    #[error("invalid request: {0}")]
    Invalid(String),
    /// Surely nothing was sent.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The request, or a part of it, may have been sent.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// Nothing was sent.
    #[error("request too large: {0}")]
    RequestTooLarge(String),
    /// The request was sent.
    #[error("response too large: {0}")]
    ResponseTooLarge(String),
}
