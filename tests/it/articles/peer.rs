//! A vendor's own API, as far as the host writes to it: takes everything and keeps it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

/// A running API; it stops when this is dropped.
pub(super) struct Peer {
    pub(super) url: String,
    shared: Arc<Mutex<Shared>>,
    _server: JoinSet<()>,
}

/// One request that came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    pub(super) body: Value,
}

#[derive(Default)]
struct Shared {
    /// By path; any other is answered with 404.
    answers: BTreeMap<String, Value>,
    status: Option<u16>,
    calls: Vec<Call>,
}

impl Peer {
    /// Answers each path with its JSON.
    pub(super) async fn start(answers: &[(&str, Value)]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = answers.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone()));
        let shared = Shared { answers: answers.collect(), ..Shared::default() };
        let shared = Arc::new(Mutex::new(shared));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, _server: server }
    }

    /// Every answer has this status from now on.
    pub(super) fn set_status(&self, status: Option<u16>) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).status = status;
    }

    /// Requests so far whose path has this end.
    pub(super) fn calls(&self, end: &str) -> Vec<Call> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.calls.iter().filter(|call| call.path.ends_with(end)).cloned().collect()
    }

    /// For an account that may reach it.
    pub(super) fn grants(&self) -> Value {
        json!([{ "allow": self.url, "private": true }])
    }
}

async fn answer(
    State(shared): State<Arc<Mutex<Shared>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let call = Call {
        method: method.to_string(),
        path: uri.path().to_owned(),
        authorization,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    shared.calls.push(call);
    if let Some(status) = shared.status {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    match shared.answers.get(uri.path()) {
        Some(answer) => {
            ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
