//! The audit log: every change, newest first.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState,
    page::{PageBody, PageParameters, Parameters},
};
use crate::access::ChangeRecord;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    before: Option<String>,
    limit: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ChangeBody {
    id: i64,
    at: Timestamp,
    /// The token's name, or `host`.
    who: String,
    action: String,
    subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    address: String,
    /// Absent where it was cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// `GET /api/v1/audit?before=…&limit=…`
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    Parameters(query): Parameters<AuditQuery>,
) -> Result<Json<PageBody<ChangeBody>>, ApiError> {
    let page = PageParameters::from_texts(query.before.as_deref(), query.limit.as_deref())?;
    Ok(Json(PageBody::new(state.stores.access.changes(page.query()?).await?, show)))
}

fn show(line: ChangeRecord) -> ChangeBody {
    let ChangeRecord { id, change, status, detail } = line;
    ChangeBody {
        id,
        at: change.at,
        who: change.who,
        action: change.action,
        subject: change.subject,
        address: change.address,
        status,
        detail,
    }
}
