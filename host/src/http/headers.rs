//! Headers that every answer has, whoever made it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// A browser that follows an answer of this host loads nothing, frames nothing and sends nothing on.
const EVERYWHERE: [(HeaderName, HeaderValue); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];

/// A year. Only where this process ends TLS itself: a proxy that does so says it itself.
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Adds what is missing; a handler that knows better has said so already.
pub(super) fn secure(headers: &mut HeaderMap, is_tls: bool) {
    for (name, value) in EVERYWHERE {
        headers.entry(name).or_insert(value);
    }
    if is_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, TLS_ONLY);
    }
}

/// Ends the connection after this answer.
pub(super) fn close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}
