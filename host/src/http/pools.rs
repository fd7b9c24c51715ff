//! Pools of managers who take turns: list, show, set, remove.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::StatusCode};
use serde::Deserialize;

use super::{
    ApiError, AppState,
    accounts::field_problem,
    body,
    page::{PageBody, Segment},
};
use crate::{
    account::{Member, Pool, Strategy},
    id::{AccountId, PoolId},
};

/// What an operator sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PoolInput {
    crm: AccountId,
    #[serde(default)]
    strategy: Strategy,
    members: Vec<Member>,
}

/// `GET /api/v1/pools`
pub(super) async fn list(State(state): State<Arc<AppState>>) -> Json<PageBody<Pool>> {
    Json(PageBody::whole(state.directory.snapshot().pools.values().cloned().collect()))
}

/// `GET /api/v1/pools/{id}`
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Segment(id): Segment<String>,
) -> Result<Json<Pool>, ApiError> {
    let found =
        id.parse::<PoolId>().ok().and_then(|id| state.directory.snapshot().pools.get(&id).cloned());
    found.map(Json).ok_or(ApiError::NotFound { what: "pool", id })
}

/// `PUT /api/v1/pools/{id}`
pub(super) async fn set(
    State(state): State<Arc<AppState>>,
    Segment(id): Segment<String>,
    input: Body,
) -> Result<Json<Pool>, ApiError> {
    let id: PoolId = id.parse().map_err(|error| field_problem("id", &error))?;
    let PoolInput { crm, strategy, members } = body::read_json(input).await?;
    let pool = Pool { id, crm, strategy, members };
    state.directory.put_pool(pool.clone()).await?;
    tracing::info!(pool.name = %pool.id, "pool set");
    state.waiters.wake_worker();
    Ok(Json(pool))
}

/// `DELETE /api/v1/pools/{id}`
pub(super) async fn delete(
    State(state): State<Arc<AppState>>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    let not_found = || ApiError::NotFound { what: "pool", id: id.clone() };
    let pool: PoolId = id.parse().map_err(|_no_name| not_found())?;
    if !state.directory.delete_pool(pool.clone()).await? {
        return Err(not_found());
    }
    tracing::info!(pool.name = %pool, "pool removed");
    Ok(StatusCode::NO_CONTENT)
}
