//! Tokens of the API: list, make, revoke.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState,
    accounts::field_problem,
    auth::Changed,
    body,
    page::{PageBody, Segment},
};
use crate::{
    access::{ApiToken, ChangeRecord, Scope, TokenState},
    id::{Digest, TokenName, random_token},
};

/// A token as the API shows it; the token itself only once.
#[derive(Debug, Serialize)]
pub(super) struct TokenBody {
    name: TokenName,
    scopes: Vec<Scope>,
    state: TokenState,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenInput {
    name: TokenName,
    scopes: Vec<Scope>,
    /// `None` for ever.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// `GET /api/v1/tokens`
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
) -> Result<Json<PageBody<TokenBody>>, ApiError> {
    let now = state.clock.now();
    let tokens = state.stores.access.tokens().await?;
    Ok(Json(PageBody::whole(tokens.into_iter().map(|token| show(token, now)).collect())))
}

/// `POST /api/v1/tokens`
pub(super) async fn create(
    State(state): State<Arc<AppState>>,
    input: Body,
) -> Result<Response, ApiError> {
    let TokenInput { name, mut scopes, expires_at } = body::read_json(input).await?;
    let now = state.clock.now();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(field_problem(
            "scopes",
            &"name one at least: `read`, `operate`, `install` or `admin`",
        ));
    }
    if let Some(until) = expires_at.filter(|until| *until <= now) {
        return Err(field_problem("expires_at", &format!("{until} has passed")));
    }
    if name.as_str() == ChangeRecord::HOST {
        return Err(field_problem("name", &"`host` is the host itself: choose another name"));
    }
    let secret = random_token();
    let token = ApiToken {
        name: name.clone(),
        digest: Digest::of(secret.as_bytes()),
        scopes,
        created_at: Some(now),
        expires_at,
        revoked_at: None,
    };
    if !state.stores.access.put_token(token.clone()).await? {
        let message = format!("there is or was a token `{name}`: choose another name");
        return Err(ApiError::Conflict(message));
    }
    let changed = Changed(format!("{name}: {}", scope_names(&token.scopes)));
    tracing::info!(token.name = %name, "API token made");
    let shown = TokenBody { token: Some(secret), ..show(token, now) };
    Ok((StatusCode::CREATED, Extension(changed), Json(shown)).into_response())
}

/// `DELETE /api/v1/tokens/{name}`
pub(super) async fn revoke(
    State(state): State<Arc<AppState>>,
    Segment(name): Segment<String>,
) -> Result<StatusCode, ApiError> {
    let not_found = || ApiError::NotFound { what: "valid token", id: name.clone() };
    let id: TokenName = name.parse().map_err(|_no_name| not_found())?;
    if !state.stores.access.revoke_token(&id, state.clock.now()).await? {
        return Err(not_found());
    }
    tracing::info!(token.name = %id, "API token revoked");
    Ok(StatusCode::NO_CONTENT)
}

fn scope_names(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", ")
}

fn show(token: ApiToken, now: Timestamp) -> TokenBody {
    TokenBody {
        state: token.state(now),
        name: token.name,
        scopes: token.scopes,
        created_at: token.created_at,
        expires_at: token.expires_at,
        revoked_at: token.revoked_at,
        token: None,
    }
}
