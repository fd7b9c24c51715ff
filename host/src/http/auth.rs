//! The bearer token of the API.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use subtle::ConstantTimeEq as _;

use super::{ApiError, AppState};
use crate::id::Digest;

/// Lets a request through whose token is known.
pub(super) async fn require_token(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let given = Digest::of(bearer(request.headers()).ok_or(ApiError::NoToken)?.as_bytes());
    let known = state.stores.registry.tokens().await?;
    // Digests of equal length are compared whole, so that time tells nothing of the token.
    if known.iter().any(|token| bool::from(token.0.ct_eq(&given.0))) {
        Ok(next.run(request).await)
    } else {
        Err(ApiError::WrongToken)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
