//! The door of the API: who asks, whether they may, and what they change.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

use super::{ApiError, AppState, client::Client, scopes};
use crate::{
    access::{ApiToken, NewChange, Scope, TokenState},
    id::Digest,
};

/// Longest subject in the audit log, in characters: the ids in a path are shorter.
const SUBJECT_CHARS_MAX: usize = 200;

/// Whose token a request has.
#[derive(Debug, Clone)]
pub(super) struct Caller(Arc<ApiToken>);

impl Caller {
    pub(super) fn may(&self, scope: Scope) -> bool {
        self.0.may(scope)
    }
}

/// What a handler changed, for the audit log: names only, never a value or a person's data.
#[derive(Debug, Clone)]
pub(super) struct Changed(pub(super) String);

/// The end of a change that goes on behind its answer: its status, and what it changed.
#[derive(Debug, Clone)]
pub(super) struct Ending(watch::Receiver<Option<(u16, Option<String>)>>);

/// Tells the [`Ending`] of a change.
#[derive(Debug)]
pub(super) struct Teller(watch::Sender<Option<(u16, Option<String>)>>);

impl Ending {
    /// An end that is told later; the answer has it as an extension.
    pub(super) fn later() -> (Teller, Self) {
        let (teller, ending) = watch::channel(None);
        (Teller(teller), Self(ending))
    }

    async fn ended(&mut self) -> (u16, Option<String>) {
        let ended = self.0.wait_for(Option::is_some).await;
        let ended = ended.ok().and_then(|ended| ended.clone());
        // Whoever should have told it has panicked.
        ended.unwrap_or((500, None))
    }
}

impl Teller {
    /// Returns once the end is written down.
    pub(super) async fn tell(self, status: u16, changed: Option<Changed>) {
        drop(self.0.send(Some((status, changed.map(|changed| changed.0)))));
        self.0.closed().await;
    }
}

/// Lets a request through whose token has the scope; a change is written down before and after.
pub(super) async fn require_token(
    State(state): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let token = Arc::new(known(&state, Given::of(&request)?).await?);
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    // Whoever asks for an address that does not exist is told so, whatever the scope.
    let Some(path) = path else { return Ok(next.run(request).await) };
    let needed = scopes::needed(request.method(), &path);
    if !token.may(needed) {
        let name = token.name.clone();
        return Err(ApiError::Forbidden { name, needed });
    }
    request.extensions_mut().insert(Caller(Arc::clone(&token)));
    if !scopes::is_change(request.method(), &path) {
        return Ok(next.run(request).await);
    }
    let change = change(&state, &token, &path, &request);
    told(&state, change, next.run(request)).await
}

/// The same for pages that are open where the configuration does not say otherwise.
pub(super) async fn require_reader(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if state.door.private_pages {
        let token = known(&state, Given::of(&request)?).await?;
        if !token.may(Scope::Read) {
            return Err(ApiError::Forbidden { name: token.name, needed: Scope::Read });
        }
    }
    Ok(next.run(request).await)
}

/// What a request says of who asks.
struct Given {
    digest: Digest,
    client: Option<IpAddr>,
}

impl Given {
    fn of(request: &Request) -> Result<Self, ApiError> {
        let token = bearer(request.headers()).ok_or(ApiError::NoToken)?;
        Ok(Self { digest: Digest::of(token.as_bytes()), client: client(request) })
    }
}

/// The valid token of a request. An address that guesses is not listened to for a while.
async fn known(state: &AppState, given: Given) -> Result<ApiToken, ApiError> {
    let Given { digest, client } = given;
    let (guesses, now) = (&state.door.guesses, state.clock.now());
    if let Some(wait) = client.and_then(|client| guesses.wait(client, now)) {
        return Err(ApiError::TooFast { wait });
    }
    let found = state.stores.access.token(digest).await?;
    // The database looks a digest up, which tells nothing of the token; compared whole once more.
    let Some(token) = found.filter(|token| bool::from(token.digest.0.ct_eq(&digest.0))) else {
        if let Some(client) = client {
            guesses.count(client, now);
        }
        return Err(ApiError::WrongToken);
    };
    match token.state(now) {
        TokenState::Valid => Ok(token),
        TokenState::Expired => Err(ApiError::TokenEnded { name: token.name, how: "has expired" }),
        TokenState::Revoked => Err(ApiError::TokenEnded { name: token.name, how: "is revoked" }),
    }
}

fn client(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<Client>().map(|client| client.0)
}

fn change(state: &AppState, token: &ApiToken, path: &str, request: &Request) -> NewChange {
    let within = |path: &str| path.trim_start_matches("/api/v1").to_owned();
    // The middleware sees the path as the nested router does.
    let subject = within(request.uri().path());
    NewChange {
        at: state.clock.now(),
        who: token.name.to_string(),
        action: format!("{} {}", request.method(), within(path)),
        subject: subject.trim_start_matches('/').chars().take(SUBJECT_CHARS_MAX).collect(),
        address: client(request).map(|client| client.to_string()).unwrap_or_default(),
    }
}

/// Writes the change down, lets it happen, and writes down how it ended. What cannot be written
/// down does not happen.
///
/// It goes on when whoever asked goes away: else the log would not tell how it ended.
async fn told(
    state: &Arc<AppState>,
    change: NewChange,
    run: impl Future<Output = Response> + Send + 'static,
) -> Result<Response, ApiError> {
    let id = state.stores.access.begin_change(change).await?;
    let (answer, ended) = tokio::sync::oneshot::channel();
    let own = Arc::clone(state);
    state.tasks.spawn(async move {
        let mut response = run.await;
        let detail = response.extensions_mut().remove::<Changed>().map(|changed| changed.0);
        let ending = response.extensions_mut().remove::<Ending>();
        // Whoever has gone misses the answer, not the change.
        if let Some(mut ending) = ending {
            drop(answer.send(response));
            let (status, detail) = ending.ended().await;
            end(&own, id, status, detail).await;
        } else {
            end(&own, id, response.status().as_u16(), detail).await;
            drop(answer.send(response));
        }
    });
    let lost = |_panicked| ApiError::Busy;
    ended.await.map_err(lost)
}

async fn end(state: &AppState, id: i64, status: u16, detail: Option<String>) {
    if let Err(error) = state.stores.access.end_change(id, status, detail).await {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, audit.id = id, "the end of a change could not be written down");
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
