//! The operator's consent: where it is begun, where it ends, and how an account stands.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState, accounts,
    client::Client,
    page::{Parameters, Segment},
};
use crate::{
    access::{ChangeRecord, NewChange},
    directory::Directory,
    id::{AccountId, Digest},
    plugin::egress::{Connection, ConsentError},
    secret::Secret,
    storage,
};

/// Words of the other side that are shown, in bytes.
const WORDS_BYTES_MAX: usize = 300;

/// Whose pace all ends of consents keep: their accounts are known only afterwards.
const EVERYBODY: &str = "everybody";

#[derive(Debug, Serialize)]
pub(super) struct BegunBody {
    /// Where the operator consents, in a browser.
    url: Secret<String>,
    until: Timestamp,
}

#[derive(Debug, Serialize)]
pub(super) struct ConnectionBody {
    needs_consent: bool,
    is_connected: bool,
    generation: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    good_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

/// What the other side sends the operator's browser back with; more is passed over.
#[derive(Debug, Deserialize)]
pub(super) struct CallbackQuery {
    state: Option<Secret<String>>,
    code: Option<Secret<String>>,
    error: Option<String>,
    error_description: Option<String>,
}

/// `POST /api/v1/accounts/{id}/oauth`
pub(super) async fn begin(
    State(state): State<Arc<AppState>>,
    Segment(id): Segment<String>,
) -> Result<Json<BegunBody>, ApiError> {
    let adapter = accounts::entry(&state, &id)?.adapter.map_err(ApiError::Invalid)?;
    let redirect = format!("{}/oauth/callback", state.base_url);
    let begun = adapter.begin_consent(&redirect).await.map_err(of_api)?;
    tracing::info!(account.id = %adapter.account().id, "a consent was begun");
    Ok(Json(BegunBody { url: begun.url, until: begun.until }))
}

/// `GET /api/v1/accounts/{id}/oauth`
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Segment(id): Segment<String>,
) -> Result<Json<ConnectionBody>, ApiError> {
    let adapter = accounts::entry(&state, &id)?.adapter.map_err(ApiError::Invalid)?;
    let connection = adapter.connection().await.map_err(of_api)?;
    let Connection { needs_consent, is_connected, generation, good_until, refused } = connection;
    Ok(Json(ConnectionBody { needs_consent, is_connected, generation, good_until, refused }))
}

/// `GET /oauth/callback`: a browser comes here, so that the answer is for people.
pub(super) async fn callback(
    State(state): State<Arc<AppState>>,
    Extension(client): Extension<Client>,
    Parameters(query): Parameters<CallbackQuery>,
) -> Response {
    match end(&state, client, query).await {
        Ok(account) => {
            tracing::info!(account.id = %account, "the account is connected");
            let text = format!("The account {account} is connected. This page can be closed.");
            page(StatusCode::OK, &text)
        }
        Err((status, why)) => page(status, &format!("The account is not connected: {why}.")),
    }
}

/// What the operator is told where the database cannot be asked.
fn unavailable(error: &storage::Error) -> (StatusCode, String) {
    tracing::error!(error = error as &dyn std::error::Error, "a consent could not be ended");
    (StatusCode::SERVICE_UNAVAILABLE, "the host cannot store anything now".to_owned())
}

async fn end(
    state: &AppState,
    client: Client,
    query: CallbackQuery,
) -> Result<AccountId, (StatusCode, String)> {
    let unknown = || {
        let text = "this consent is unknown, over or used already: begin it again";
        (StatusCode::BAD_REQUEST, text.to_owned())
    };
    let everybody: AccountId = EVERYBODY.parse().map_err(|_slug| unknown())?;
    let admitted = state.door.consent_pace.admit(&everybody, None, state.clock.now());
    admitted.map_err(|_wait| {
        (StatusCode::TOO_MANY_REQUESTS, "too many at once: load this page again".to_owned())
    })?;
    let given = query.state.ok_or_else(unknown)?;
    let digest = Digest::of(given.expose().as_bytes());
    let flow = state.stores.tokens.end_flow(digest, state.clock.now()).await;
    let flow = flow.map_err(|error| unavailable(&error))?.ok_or_else(unknown)?;
    let Some(code) = query.code else {
        let why = query.error_description.or(query.error).unwrap_or_default();
        return Err((StatusCode::BAD_REQUEST, format!("the other side said: {}", plain(&why))));
    };
    let entry = state.directory.snapshot().accounts.get(&flow.account).cloned();
    let adapter = entry.and_then(|entry| entry.adapter.ok()).ok_or_else(unknown)?;
    let line =
        begin_line(state, client, &flow.account).await.map_err(|error| unavailable(&error))?;
    if let Err(error) = adapter.end_consent(&flow, &code).await {
        let error_text = plain(&error.to_string());
        tracing::warn!(account.id = %flow.account, error = error_text, "a consent brought no tokens");
        end_line(state, line, StatusCode::BAD_GATEWAY).await;
        return Err((StatusCode::BAD_GATEWAY, error_text));
    }
    resume(&state.directory, &flow.account).await;
    state.waiters.wake_worker();
    end_line(state, line, StatusCode::OK).await;
    Ok(flow.account)
}

/// The line of the audit log, before the account is connected. Who began the consent has a line of
/// its own.
async fn begin_line(state: &AppState, client: Client, account: &AccountId) -> storage::Result<i64> {
    let change = NewChange {
        at: state.clock.now(),
        who: ChangeRecord::HOST.to_owned(),
        action: "GET /oauth/callback".to_owned(),
        subject: format!("accounts/{account}/oauth"),
        address: client.0.to_string(),
    };
    state.stores.access.begin_change(change).await
}

async fn end_line(state: &AppState, line: i64, status: StatusCode) {
    if let Err(error) = state.stores.access.end_change(line, status.as_u16(), None).await {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, audit.id = line, "the end of a consent could not be written down");
    }
}

/// An account that was paused for want of tokens works again.
async fn resume(directory: &Arc<Directory>, account: &AccountId) {
    if let Err(error) = directory.resume(account).await {
        let error = &error as &dyn std::error::Error;
        tracing::error!(account.id = %account, error, "the connected account could not be resumed");
    }
}

fn plain(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.get(..line.floor_char_boundary(WORDS_BYTES_MAX)).unwrap_or_default().to_owned()
}

/// Plain text, so that nothing in it means anything to a browser. The address holds a code that
/// nobody else may see.
fn page(status: StatusCode, text: &str) -> Response {
    let mut response = (status, text.to_owned()).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn of_api(error: ConsentError) -> ApiError {
    match error {
        ConsentError::NotOffered(text) => ApiError::Conflict(text),
        ConsentError::Refused(text) | ConsentError::Unavailable(text) => ApiError::Crm(text),
    }
}
