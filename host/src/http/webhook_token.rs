//! A new webhook URL for an account, while the one before it still works for a time.

use std::sync::Arc;

use axum::{Extension, Json, body::Body, extract::State};
use jiff::SignedDuration;
use serde::Deserialize;

use super::{
    ApiError, AppState,
    accounts::{self, AccountBody, field_problem},
    auth::{Caller, Changed},
    body,
    page::Segment,
};

/// Longest time for which two URLs of one account work, in seconds: 30 days.
const OVERLAP_S_MAX: u32 = 30 * 24 * 60 * 60;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ReplaceInput {
    /// How long the URL of now goes on working, in seconds; 0 for not at all.
    overlap_s: u32,
}

impl Default for ReplaceInput {
    fn default() -> Self {
        Self { overlap_s: 24 * 60 * 60 }
    }
}

/// `POST /api/v1/accounts/{id}/webhook-token`
pub(super) async fn replace(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Segment(id): Segment<String>,
    input: Body,
) -> Result<(Extension<Changed>, Json<AccountBody>), ApiError> {
    let ReplaceInput { overlap_s } = body::read_json(input).await?;
    if OVERLAP_S_MAX < overlap_s {
        return Err(field_problem("overlap_s", &format!("{overlap_s} is above {OVERLAP_S_MAX}")));
    }
    let account = accounts::entry(&state, &id)?.account;
    let overlap = SignedDuration::from_secs(overlap_s.into());
    let until = state.clock.now().saturating_add(overlap).unwrap_or(jiff::Timestamp::MAX);
    state.directory.replace_webhook_token(account.id.clone(), until).await?;
    tracing::info!(account.id = %account.id, overlap_s, "webhook token replaced");
    let changed = Changed(format!("overlap: {overlap_s} s"));
    let shown = accounts::show_entry(&state, &caller, &accounts::entry(&state, &id)?);
    Ok((Extension(changed), Json(shown)))
}
