//! What an account was denied on its way out, with the grant that would allow it.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    ApiError, AppState, accounts,
    page::{PageBody, Segment},
};
use crate::{account::Grant, storage::Denial};

#[derive(Debug, Serialize)]
pub(super) struct DenialBody {
    origin: String,
    method: String,
    /// `not-granted`, `not-asked`, `method`, `address` or `secret`.
    reason: String,
    message: String,
    /// What may be added to the account's grants to allow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<Grant>,
    first_at: Timestamp,
    last_at: Timestamp,
    count: u64,
}

/// `GET /api/v1/accounts/{id}/denials`
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    Segment(id): Segment<String>,
) -> Result<Json<PageBody<DenialBody>>, ApiError> {
    let entry = accounts::entry(&state, &id)?;
    let denials = state.directory.denials_of(&entry.account.id).await?;
    let show = |denial: Denial| {
        let Denial { origin, method, reason, message, grant, first_at, last_at, count, .. } =
            denial;
        DenialBody { origin, method, reason, message, grant, first_at, last_at, count }
    };
    Ok(Json(PageBody::whole(denials.into_iter().map(show).collect())))
}
