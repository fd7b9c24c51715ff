//! Every route of the process, and what its handlers share.

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    response::Response,
    routing::{any, delete, get, post},
};
use tokio::sync::{Notify, Semaphore};

use crate::{
    account::Rate, attempt::Means, clock::Clock, config::Config, directory::Directory,
    intake::Intake, storage::Stores, tasks::Tasks, telemetry::Metrics, waiters::Waiters,
};

mod accounts;
mod audit;
mod auth;
mod body;
mod client;
mod dead_letters;
mod denials;
mod embed;
mod error;
mod events;
mod forget;
mod framing;
mod guesses;
mod headers;
mod health;
mod integrations;
mod lanes;
mod listen;
mod oauth;
mod openapi;
mod pace;
mod page;
mod plugins;
mod pools;
mod preview;
mod progress;
mod response;
mod sample;
mod scopes;
mod test_request;
mod tls;
mod tokens;
mod unread;
mod versions;
mod webhook;
mod webhook_token;

use self::guesses::Guesses;
pub use self::{error::ApiError, listen::Gate, pace::Pace};

/// How fast one account's pages are rendered: each costs what a webhook costs, and anybody may ask.
const PAGE_RATE: Rate = Rate { per_second: 50.0, burst: 100 };

/// How fast consents end, of all accounts together: each costs a write.
const CONSENT_RATE: Rate = Rate { per_second: 5.0, burst: 20 };

/// What the handlers need. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub intake: Intake,
    /// For previews, and what CRMs have told of themselves.
    pub means: Means,
    pub stores: Stores,
    pub directory: Arc<Directory>,
    pub clock: Arc<dyn Clock>,
    pub waiters: Waiters,
    pub metrics: Metrics,
    pub tasks: Tasks,
    pub door: Door,
    /// How the world reaches this host, without a slash at the end.
    pub base_url: Arc<str>,
    /// Largest plugin taken, in bytes.
    pub plugin_bytes_max: usize,
    /// Tells whoever reads unread webhooks again that a plugin is new.
    pub reread: Arc<Notify>,
}

/// The limits at the door.
#[derive(Debug, Clone)]
pub struct Door {
    pub body_bytes_max: usize,
    pub header_bytes_max: usize,
    pub in_flight: Arc<Semaphore>,
    pub pace: Arc<Pace>,
    /// Apart from `pace`: whoever asks for pages holds up no webhook.
    pub page_pace: Arc<Pace>,
    guesses: Arc<Guesses>,
    /// Whether the pages that tell nothing of anybody need a token, too.
    private_pages: bool,
    /// Ends of consents: anybody may send one.
    pub consent_pace: Arc<Pace>,
}

impl Door {
    pub fn new(config: &Config) -> Self {
        let intake = &config.intake;
        let in_flight = usize::try_from(intake.in_flight_max).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            body_bytes_max: intake.body_bytes_max,
            header_bytes_max: intake.header_bytes_max,
            in_flight: Arc::new(Semaphore::new(in_flight)),
            pace: Arc::new(Pace::new(Rate {
                per_second: intake.url_per_second.get().into(),
                burst: intake.url_burst.get(),
            })),
            page_pace: Arc::new(Pace::new(PAGE_RATE)),
            guesses: Arc::default(),
            private_pages: config.access.private_pages,
            consent_pace: Arc::new(Pace::new(CONSENT_RATE)),
        }
    }

    /// Largest body that holds a whole webhook in JSON: in base64 it is a third longer, as a text
    /// every byte of it may be escaped.
    fn sample_bytes_max(&self) -> usize {
        self.body_bytes_max.saturating_mul(2).saturating_add(body::JSON_BYTES_MAX)
    }
}

/// All routes. The order of the layers: what a handler refuses is refused after the token check.
pub fn router(state: Arc<AppState>) -> Router {
    let reader = middleware::from_fn_with_state(Arc::clone(&state), auth::require_reader);
    let api = Router::new()
        .route("/plugins", get(plugins::list).post(plugins::upload))
        .route("/plugins/{name}/versions", get(versions::list))
        .route("/plugins/{name}/activate", post(versions::activate))
        .route("/plugins/{name}/approve", post(versions::approve))
        .route("/plugins/{name}/rollback", post(versions::roll_back))
        .route("/plugins/{name}/shadow", post(versions::shadow))
        .route("/accounts", get(accounts::list))
        .route("/accounts/{id}", get(accounts::show).put(accounts::set))
        .route("/accounts/{id}/cards", get(accounts::cards))
        .route("/accounts/{id}/webhook-token", post(webhook_token::replace))
        .route("/accounts/{id}/denials", get(denials::list))
        .route("/accounts/{id}/oauth", get(oauth::show).post(oauth::begin))
        .route("/integrations", get(integrations::list))
        .route("/integrations/{id}", get(integrations::show).put(integrations::set))
        .route("/integrations/{id}/preview", post(preview::preview))
        .route("/integrations/{id}/test", post(test_request::send))
        .route("/pools", get(pools::list))
        .route("/pools/{id}", get(pools::show).put(pools::set).delete(pools::delete))
        .route("/events", get(events::list))
        .route("/events/{id}", get(events::show))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/replay", post(dead_letters::replay_all))
        .route("/dead-letters/{job}/replay", post(dead_letters::replay))
        .route("/lanes", get(lanes::list))
        .route("/lanes/{lane}/resume", post(lanes::resume))
        .route("/forget", post(forget::forget))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{name}", delete(tokens::revoke))
        .route("/audit", get(audit::list))
        .fallback(no_such_address)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&state), auth::require_token))
        .layer(middleware::map_response(for_nobody_else));
    Router::new()
        .route("/hooks/{token}", any(webhook::receive))
        .route("/hooks/{token}/", any(webhook::receive))
        .route("/hooks/{token}/{*path}", any(webhook::receive))
        .route("/embed/{account}", get(embed::show))
        .route("/embed/{account}/", get(embed::show))
        .route("/embed/{account}/{*path}", get(embed::show))
        .nest("/api/v1", api)
        .route("/oauth/callback", get(oauth::callback))
        .route("/openapi.json", get(openapi::show).layer(reader.clone()))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics).layer(reader))
        .fallback(no_such_address)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(state)
}

/// Takes connections until the tasks stop; a stop waits for those that are open.
pub async fn serve(listener: tokio::net::TcpListener, state: AppState, gate: Gate) {
    let tasks = state.tasks.clone();
    if let Some(certificate) = gate.certificate() {
        let (certificate, own) = (Arc::clone(certificate), tasks.clone());
        tasks.keep("certificate", move || Arc::clone(&certificate).keep_fresh(own.clone()));
    }
    listen::run(listener, router(Arc::new(state)), gate, tasks).await;
}

/// Answers of the API hold personal data: they are kept nowhere.
async fn for_nobody_else(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

async fn no_such_address() -> ApiError {
    ApiError::NoSuchAddress
}
