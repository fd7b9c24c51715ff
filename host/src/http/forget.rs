//! Erasing what is known of a client.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State};
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState,
    accounts::{ClientQuery, identifiers},
    body,
};
use crate::id::AccountId;

/// Whom to forget: one identifier or several of one person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgetInput {
    phone: Option<String>,
    email: Option<String>,
    /// `system:id`
    external: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct ForgetBody {
    /// Webhooks whose headers and bodies are empty now.
    requests: u64,
    events: u64,
    /// Jobs that had not ended, and will not.
    jobs: u64,
    /// Cards in CRMs, which only there can be erased.
    cards: Vec<CardBody>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct CardBody {
    account: AccountId,
    card: String,
}

/// `POST /api/v1/forget`
pub(super) async fn forget(
    State(state): State<Arc<AppState>>,
    input: Body,
) -> Result<Json<ForgetBody>, ApiError> {
    let ForgetInput { phone, email, external } = body::read_json(input).await?;
    let wanted = identifiers(ClientQuery { phone, email, external, card: None })?;
    let mut sum = ForgetBody::default();
    for identifier in wanted {
        let erased = state.stores.journal.forget(&identifier, state.clock.now()).await?;
        sum.requests += erased.requests;
        sum.events += erased.events;
        sum.jobs += erased.jobs;
        for (account, card) in erased.cards {
            let card = CardBody { account, card };
            if !sum.cards.contains(&card) {
                sum.cards.push(card);
            }
        }
    }
    state.waiters.wake_worker();
    tracing::info!(requests = sum.requests, events = sum.events, "a client is forgotten");
    Ok(Json(sum))
}
