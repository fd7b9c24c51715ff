//! Tokens that the host obtains: a channel's API sees them, and the guest does not.

use std::{
    io,
    sync::{Arc, Mutex},
};

use patchbay::{
    account::Account,
    card::AdapterError,
    plugin::{Adapter, Error},
    secret::Secret,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    channel::{card, client, echo},
    stage::{Stage, limits},
};

const TOKEN: &str = "fake.access.token";

/// An API with a token endpoint of its own; echoes the `authorization` of all else.
struct Api {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    _running: JoinSet<()>,
}

impl Api {
    /// `answer` gets each request and how many came before it; it answers status, headers and body.
    async fn start(answer: impl Fn(&str, usize) -> (u16, String) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut running = JoinSet::new();
        let seen = Arc::clone(&requests);
        running.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(converse(stream, answer.clone(), Arc::clone(&seen)));
            }
        });
        Self { url, requests, _running: running }
    }

    /// The paths that were asked for, each with the scheme and value of its `authorization`.
    fn seen(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let line = |request: &String| {
            let path = request.split(' ').nth(1).unwrap();
            format!("{path} {}", authorization(request)).trim_end().to_owned()
        };
        requests.iter().map(line).collect()
    }
}

fn authorization(request: &str) -> &str {
    request.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default()
}

async fn converse(
    mut stream: TcpStream,
    answer: impl Fn(&str, usize) -> (u16, String),
    seen: Arc<Mutex<Vec<String>>>,
) {
    let mut text = String::new();
    let mut chunk = vec![0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        text.push_str(std::str::from_utf8(chunk.get(..count).unwrap()).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() < length.parse().unwrap() {
            continue;
        }
        let request = std::mem::take(&mut text);
        let (status, body) = {
            let mut seen = seen.lock().unwrap();
            let answer = answer(&request, seen.len());
            seen.push(request);
            answer
        };
        let head = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
            return;
        }
    }
}

fn is_for_token(request: &str) -> bool {
    request.starts_with("POST /oauth/access_token ")
}

fn token(number: usize) -> (u16, String) {
    (
        200,
        format!(r#"{{"access_token":"{TOKEN}.{number}","token_type":"Bearer","expires_in":3600}}"#),
    )
}

/// Gives a token to everybody who asks, and takes all of them.
fn generous(request: &str, before: usize) -> (u16, String) {
    if is_for_token(request) { token(before) } else { (200, authorization(request).to_owned()) }
}

async fn push(adapter: &Adapter, system: &str) -> Result<(), Error> {
    adapter.push_card(&client(system), &card()).await
}

#[track_caller]
fn unauthorized(pushed: Result<(), Error>) -> String {
    match pushed.unwrap_err() {
        Error::Adapter(AdapterError::Unauthorized(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// Lines of the log of all tests: a subscriber for one thread alone may miss some, as what is
/// logged nowhere else is switched off for all threads.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn requests_carry_a_token_that_the_guest_and_the_log_never_see() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false);
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let stage = Stage::new(limits());
    let api = Api::start(generous).await;
    let adapter = echo(&stage, &api.url).await;

    push(&adapter, "chat").await.unwrap();
    let told = push(&adapter, "tell").await.unwrap_err();

    let with_token = format!("/clients/c-1 Bearer {TOKEN}.0");
    assert_eq!(api.seen(), ["/oauth/access_token", &with_token, &with_token]);
    let Error::Adapter(AdapterError::NotFound(told)) = told else { panic!("{told:?}") };
    let told: String = told.chars().rev().collect();
    assert!(told.starts_with("Bearer pbsecret") && !told.contains(TOKEN), "{told}");
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("answered 200: Bearer pbsecret"), "{log}");
    assert!(!log.contains(TOKEN) && !log.contains("fake-client-secret"), "{log}");
}

#[tokio::test]
async fn credentials_of_the_adapters_own_need_no_token() {
    let stage = Stage::new(limits());
    let api = Api::start(generous).await;
    let adapter = echo(&stage, &api.url).await;
    push(&adapter, "own").await.unwrap();
    assert_eq!(api.seen(), ["/clients/c-1 Basic own"]);
}

#[tokio::test]
async fn a_refused_token_is_obtained_once_more_and_the_request_repeated_once() {
    let stage = Stage::new(limits());
    let takes_the_second = |request: &str, before| {
        let is_old = authorization(request).ends_with(".0");
        if is_old { (401, "old".to_owned()) } else { generous(request, before) }
    };
    let api = Api::start(takes_the_second).await;
    let adapter = echo(&stage, &api.url).await;
    push(&adapter, "chat").await.unwrap();
    push(&adapter, "chat").await.unwrap();
    let request = |number| format!("/clients/c-1 Bearer {TOKEN}.{number}");
    let token = || "/oauth/access_token".to_owned();
    assert_eq!(api.seen(), [token(), request(0), token(), request(2), request(2)]);
}

#[tokio::test]
async fn a_second_refusal_goes_to_the_adapter() {
    let stage = Stage::new(limits());
    let takes_none = |request: &str, before| {
        if is_for_token(request) { token(before) } else { (401, "no such account".to_owned()) }
    };
    let api = Api::start(takes_none).await;
    let adapter = echo(&stage, &api.url).await;
    assert_eq!(unauthorized(push(&adapter, "chat").await), "no such account");
    assert_eq!(api.seen().len(), 4);
}

#[tokio::test]
async fn refused_credentials_are_unauthorized_with_the_endpoints_words() {
    let stage = Stage::new(limits());
    let refuses = |_: &str, _| (400, r#"{"error":"invalid_client"}"#.to_owned());
    let api = Api::start(refuses).await;
    let adapter = echo(&stage, &api.url).await;
    assert_eq!(
        unauthorized(push(&adapter, "chat").await),
        "the account gets no token: the token endpoint answered 400 `invalid_client`"
    );
    assert_eq!(api.seen(), ["/oauth/access_token"]);
}

#[tokio::test]
async fn an_outage_of_the_token_endpoint_sends_nothing_and_passes() {
    let stage = Stage::new(limits());
    let recovers = |request: &str, before| {
        if before == 0 { (502, String::new()) } else { generous(request, before) }
    };
    let api = Api::start(recovers).await;
    let adapter = echo(&stage, &api.url).await;
    let error = push(&adapter, "chat").await.unwrap_err();
    assert!(
        matches!(&error, Error::Adapter(AdapterError::Unavailable(text)) if text.contains("502")),
        "{error:?}"
    );
    assert_eq!(api.seen(), ["/oauth/access_token"]);
    push(&adapter, "chat").await.unwrap();
}

#[tokio::test]
async fn a_token_endpoint_that_is_asked_too_fast_makes_the_adapter_wait() {
    let stage = Stage::new(limits());
    let api = Api::start(|_: &str, _| (429, String::new())).await;
    let adapter = echo(&stage, &api.url).await;
    let error = push(&adapter, "chat").await.unwrap_err();
    assert!(matches!(error, Error::Adapter(AdapterError::RateLimited(None))), "{error:?}");
}

#[tokio::test]
async fn new_credentials_obtain_a_new_token() {
    let stage = Stage::new(limits());
    let api = Api::start(generous).await;
    let adapter = echo(&stage, &api.url).await;
    push(&adapter, "chat").await.unwrap();
    let mut account = adapter.account().clone();
    let secret = Secret::new("newer-client-secret".to_owned());
    account.secrets.insert("client-secret".to_owned(), secret);
    let again = rebound(&stage, account).await;
    push(&again, "chat").await.unwrap();
    let requests = api.requests.lock().unwrap();
    let asked: Vec<_> = requests.iter().filter(|request| is_for_token(request)).collect();
    assert_eq!(asked.len(), 2);
    assert!(asked.last().unwrap().contains("newer-client-secret"));
}

async fn rebound(stage: &Stage, account: Account) -> Arc<Adapter> {
    let bytes = crate::stage::guest("channel_echo");
    let admitted = stage.plugins.admit(bytes, jiff::Timestamp::UNIX_EPOCH).await;
    stage.plugins.bind(admitted.unwrap().1, Arc::new(account)).unwrap()
}

#[tokio::test]
async fn what_is_not_granted_costs_no_token() {
    let stage = Stage::new(limits());
    let api = Api::start(generous).await;
    let mut account = echo(&stage, &api.url).await.account().clone();
    account.grants.clear();
    let adapter = rebound(&stage, account).await;
    let error = push(&adapter, "chat").await.unwrap_err();
    assert!(
        matches!(&error, Error::Adapter(AdapterError::Unsupported(text)) if text.contains(&api.url)),
        "{error:?}"
    );
    assert_eq!(api.seen(), Vec::<String>::new());
}
