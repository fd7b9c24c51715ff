//! The simulated Odoo over HTTP, with faults that a test switches on for a time.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Json, Response};
use hyper::body::Frame;
use patchbay_sims::{Request, Simulator as _, odoo::Odoo};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The API key that is accepted.
pub(crate) const API_KEY: &str = "odoo-test-key-0123456789";
/// The one database; requests may name it or not.
pub(crate) const DATABASE: &str = "odoo_test";

/// What goes wrong instead of, or after, the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 503, and nothing is done.
    Unavailable,
    /// 429 with `Retry-After`, and nothing is done.
    TooManyRequests { retry_after_s: u32 },
    /// No answer ever, and nothing is done.
    Hang,
    /// Everything is done; the answer to a write is cut off. Reads are answered.
    LostAnswer,
    /// A page with 200 instead of an answer, and nothing is done.
    Html,
    /// JSON of something else with 200, and nothing is done.
    WrongJson,
    /// The record breaks a rule of the database, and nothing is done.
    Refused,
}

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct FakeOdoo {
    /// For the setting `base-url`.
    pub url: String,
    shared: Arc<Mutex<Shared>>,
    _server: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    crm: Odoo,
    /// The fault, and for how many requests; `None` is for all.
    fault: Option<(Fault, Option<u32>)>,
    calls: BTreeMap<String, u32>,
}

pub(crate) async fn start() -> FakeOdoo {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port is free");
    let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
    let mut crm = Odoo::default();
    API_KEY.clone_into(&mut crm.key);
    crm.database = Some(DATABASE.to_owned());
    let shared = Arc::new(Mutex::new(Shared { crm, fault: None, calls: BTreeMap::new() }));
    let router = Router::new().fallback(call).with_state(Arc::clone(&shared));
    let mut server = JoinSet::new();
    server
        .spawn(async { axum::serve(listener, router).await.expect("an axum server does not end") });
    FakeOdoo { url, shared, _server: server }
}

impl FakeOdoo {
    /// All partners but those of a new database, with their stored values, the oldest first.
    pub(crate) fn partners(&self) -> Vec<Value> {
        let brought = Odoo::default().all("res.partner").len();
        lock(&self.shared).crm.all("res.partner").split_off(brought)
    }

    /// From now on, until another one is set.
    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        lock(&self.shared).fault = fault.map(|fault| (fault, None));
    }

    /// For the next requests only.
    pub(crate) fn fault_next(&self, fault: Fault, requests: u32) {
        lock(&self.shared).fault = Some((fault, Some(requests)));
    }

    /// How often the method was called, faults included, with a good key or not.
    pub(crate) fn calls(&self, method: &str) -> u32 {
        lock(&self.shared).calls.get(method).copied().unwrap_or_default()
    }

    /// Calls of any method.
    pub(crate) fn all_calls(&self) -> u32 {
        lock(&self.shared).calls.values().sum()
    }
}

impl Shared {
    fn fault_now(&mut self) -> Option<Fault> {
        let (fault, left) = self.fault.take()?;
        match left {
            None => self.fault = Some((fault, None)),
            Some(0) => return None,
            Some(left) => self.fault = Some((fault, Some(left - 1))),
        }
        Some(fault)
    }
}

async fn call(
    State(shared): State<Arc<Mutex<Shared>>>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let called = uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    let fault = {
        let mut shared = lock(&shared);
        *shared.calls.entry(called.clone()).or_default() += 1;
        shared.fault_now()
    };
    match fault {
        Some(Fault::Unavailable) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Fault::TooManyRequests { retry_after_s }) => {
            let wait = [(header::RETRY_AFTER, retry_after_s.to_string())];
            return (StatusCode::TOO_MANY_REQUESTS, wait).into_response();
        }
        Some(Fault::Hang) => return pending().await,
        Some(Fault::Html) => return Html("<!doctype html><title>Odoo</title>").into_response(),
        Some(Fault::WrongJson) => return Json(json!({ "status": "ok" })).into_response(),
        Some(Fault::Refused) => {
            let text = "The operation cannot be completed: another rule of the company forbids it";
            let error = json!({ "name": "odoo.exceptions.ValidationError", "message": text });
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(error)).into_response();
        }
        Some(Fault::LostAnswer) | None => {}
    }
    let answer = answered(&shared, &method, &uri, &headers, &body);
    let is_write = matches!(called.as_str(), "load" | "write");
    if fault == Some(Fault::LostAnswer) && is_write {
        return Response::new(Body::new(Cut));
    }
    answer
}

fn answered(
    shared: &Mutex<Shared>,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
    let mut request = Request::new(method.as_str(), format!("http://127.0.0.1{uri}"));
    request.headers = headers.iter().map(|(key, value)| (key.to_string(), text(value))).collect();
    request.body = body.to_vec();
    let answer = lock(shared).crm.answer(&request, Duration::ZERO);
    let headers = answer.headers.into_iter();
    let builder = headers
        .fold(Response::builder().status(answer.status), |builder, (key, value)| {
            builder.header(key, value)
        });
    builder.body(Body::from(answer.body)).expect("the simulator makes HTTP")
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body that breaks off, and the connection with it.
#[derive(Debug)]
struct Cut;

impl HttpBody for Cut {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
    }
}

mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// Status and the whole text of an answer; `None` where it broke off.
    async fn ask(
        odoo: &FakeOdoo,
        key: &str,
        method: &str,
        arguments: &Value,
    ) -> Option<(u16, String)> {
        let host = odoo.url.trim_start_matches("http://");
        let body = arguments.to_string();
        let request = format!(
            "POST /json/2/res.partner/{method} HTTP/1.1\r\nhost: {host}\r\nauthorization: bearer {key}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(host).await.expect("the server listens");
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        let is_whole = answer.contains("content-length") || answer.ends_with("\r\n0\r\n\r\n");
        is_whole.then_some((status, answer))
    }

    fn row(name: &str) -> Value {
        json!({ "fields": ["id", "name"], "data": [["patchbay.k", name]] })
    }

    #[tokio::test]
    async fn the_fake_odoo_keeps_one_partner_for_one_external_id() {
        let odoo = start().await;
        for name in ["Anna", "Anna Test"] {
            assert_eq!(ask(&odoo, API_KEY, "load", &row(name)).await.unwrap().0, 200);
        }
        let partners = odoo.partners();
        assert_eq!((partners.len(), &partners[0]["name"]), (1, &json!("Anna Test")));
        assert_eq!((odoo.calls("load"), odoo.all_calls()), (2, 2));
    }

    #[tokio::test]
    async fn the_fake_odoo_answers_errors_as_recorded() {
        let odoo = start().await;
        for (key, method, arguments, status, name) in [
            ("wrong", "read", json!({}), 401, "werkzeug.exceptions.Unauthorized"),
            (API_KEY, "no_such", json!({}), 404, "werkzeug.exceptions.NotFound"),
            (
                API_KEY,
                "write",
                json!({ "ids": [999_999], "vals": {} }),
                404,
                "odoo.exceptions.MissingError",
            ),
            (
                API_KEY,
                "search_read",
                json!({ "domain": [["nope", "=", 1]] }),
                500,
                "builtins.ValueError",
            ),
            (API_KEY, "search_read", json!({ "bogus": 1 }), 500, "builtins.TypeError"),
        ] {
            let (got, text) = ask(&odoo, key, method, &arguments).await.unwrap();
            assert!(got == status && text.contains(name), "{method}: {text}");
        }
    }

    #[tokio::test]
    async fn the_fake_odoo_loses_an_answer_and_not_the_write() {
        let odoo = start().await;
        odoo.fault_next(Fault::LostAnswer, 1);
        assert_eq!(ask(&odoo, API_KEY, "load", &row("Anna")).await, None);
        assert_eq!(odoo.partners().len(), 1);
        assert_eq!(ask(&odoo, API_KEY, "load", &row("Anna")).await.unwrap().0, 200);
        assert_eq!(odoo.partners().len(), 1);
    }

    #[tokio::test]
    async fn the_fake_odoo_does_nothing_while_it_is_at_fault() {
        let odoo = start().await;
        for (fault, status, text) in [
            (Fault::Unavailable, 503, ""),
            (Fault::TooManyRequests { retry_after_s: 7 }, 429, "retry-after: 7"),
            (Fault::Html, 200, "<!doctype html>"),
            (Fault::WrongJson, 200, "status"),
            (Fault::Refused, 422, "ValidationError"),
        ] {
            odoo.set_fault(Some(fault));
            let (got, answer) = ask(&odoo, API_KEY, "load", &row("Anna")).await.unwrap();
            assert!(got == status && answer.contains(text), "{answer}");
        }
        odoo.set_fault(Some(Fault::Hang));
        let asked = json!({});
        tokio::select! {
            biased;
            answer = ask(&odoo, API_KEY, "read", &asked) => panic!("a hanging server answered {answer:?}"),
            () = async { while odoo.calls("read") == 0 { tokio::task::yield_now().await } } => {}
        }
        odoo.set_fault(None);
        assert_eq!(odoo.partners(), Vec::<Value>::new());
        assert_eq!(ask(&odoo, API_KEY, "load", &row("Anna")).await.unwrap().0, 200);
    }
}
