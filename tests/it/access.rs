//! Who may do what: tokens with scopes, and their end.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use patchbay::clock::ManualClock;
use serde_json::{Value, json};

use crate::{
    backend::{Backend, on_every_backend},
    harness::{Answer, TestHost},
    program::Site,
};

mod audit;
mod command_line;

on_every_backend!(
    every_route_is_open_to_its_scope_and_to_no_other,
    a_revoked_token_opens_nothing_from_then_on,
);

async fn start(backend: &Backend) -> TestHost {
    TestHost::with(|config| backend.configure(config)).await
}

/// Makes a token with these scopes.
async fn token(host: &TestHost, name: &str, scopes: &[&str]) -> String {
    let input = json!({ "name": name, "scopes": scopes }).to_string();
    let answer = host.api(Method::POST, "/tokens", input).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["token"].as_str().unwrap().to_owned()
}

async fn ask(
    host: &TestHost,
    token: &str,
    method: Method,
    path: &str,
    body: impl Into<Bytes>,
) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("{}/api/v1{path}", host.url()))
        .header(header::AUTHORIZATION, format!("bearer {token}"));
    host.send(request.body(http_body_util::Full::new(body.into())).unwrap()).await
}

/// Which scope opens what is told here once more, apart from the code.
fn opens(scope: &str, needed: &str) -> bool {
    match scope {
        "read" => needed == "read",
        "operate" => matches!(needed, "read" | "operate"),
        "install" => needed == "install",
        "admin" => true,
        other => panic!("{other}"),
    }
}

async fn every_route_is_open_to_its_scope_and_to_no_other(backend: Backend) {
    let host = start(&backend).await;
    let scopes = ["read", "operate", "install", "admin"];
    let mut tokens = BTreeMap::new();
    for scope in scopes {
        tokens.insert(scope, token(&host, scope, &[scope]).await);
    }
    let openapi = Request::get(format!("{}/openapi.json", host.url())).body("".into()).unwrap();
    let openapi = host.send(openapi).await.json();
    let mut asked = 0;
    for (path, operations) in openapi["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/v1") else { continue };
        let path = path.replace("{id}", "none").replace("{job}", "0").replace("{lane}", "0");
        let path = path.replace("{name}", "none").replace("{digest}", &"0".repeat(64));
        for (method, operation) in operations.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            let needed = operation["security"][0]["token"][0].as_str().unwrap_or("admin");
            let method: Method = method.to_uppercase().parse().unwrap();
            for scope in scopes {
                let answer = ask(&host, &tokens[scope], method.clone(), &path, "").await;
                let is_open = answer.status != StatusCode::FORBIDDEN;
                assert_eq!(is_open, opens(scope, needed), "{scope}: {method} {path}: {answer:?}");
                if !is_open {
                    assert_eq!(answer.json()["code"], "forbidden");
                    let title = answer.json()["title"].as_str().unwrap().to_owned();
                    assert!(title.contains(&format!("`{scope}`")), "{title}");
                    assert!(title.contains(&format!("`{needed}`")), "{title}");
                }
                asked += 1;
            }
        }
    }
    assert!(100 < asked, "{asked}");
    host.stop().await;
}

async fn a_revoked_token_opens_nothing_from_then_on(backend: Backend) {
    let host = start(&backend).await;
    let ci = token(&host, "ci", &["read"]).await;
    let other = match &backend {
        Backend::Sqlite => None,
        Backend::Postgres(_) => Some(second(&backend, &host).await),
    };
    let answer = ask(&host, &ci, Method::GET, "/plugins", "").await;
    assert_eq!(answer.status, StatusCode::OK);
    if let Some((other, _)) = &other {
        assert_eq!(status(other, &ci).await, StatusCode::OK, "a token is one for all hosts");
    }

    let revoked = host.api(Method::DELETE, "/tokens/ci", "").await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);

    let answer = ask(&host, &ci, Method::GET, "/plugins", "").await;
    assert_eq!((answer.status, answer.json()["code"].clone()), ended());
    if let Some((other, site)) = other {
        assert_eq!(status(&other, &ci).await, StatusCode::UNAUTHORIZED, "at once, everywhere");
        drop((other, site));
    }
    let again = host.api(Method::DELETE, "/tokens/ci", "").await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let input = json!({ "name": "ci", "scopes": ["read"] }).to_string();
    let taken = host.api(Method::POST, "/tokens", input).await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "the log would not tell them apart");
    host.stop().await;
}

fn ended() -> (StatusCode, Value) {
    (StatusCode::UNAUTHORIZED, json!("token-ended"))
}

/// Another host on the same database.
async fn second(backend: &Backend, first: &TestHost) -> (crate::program::Program, Site) {
    let mut site = Site::new(&[], &backend.text());
    site.set_token(first.token());
    let program = site.serve(&[]).await;
    (program, site)
}

async fn status(program: &crate::program::Program, token: &str) -> StatusCode {
    let request = Request::get(format!("{}/api/v1/plugins", program.url))
        .header(header::AUTHORIZATION, format!("bearer {token}"));
    crate::harness::Web::new().send(request.body("".into()).unwrap()).await.status
}

#[tokio::test]
async fn a_token_opens_nothing_from_its_last_moment_on() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let host = TestHost::on_clock(Arc::<ManualClock>::clone(&clock), |_| {}).await;
    let until = Timestamp::from_second(1_800_000_060).unwrap();
    let input = json!({ "name": "brief", "scopes": ["read"], "expires_at": until }).to_string();
    let brief = host.api(Method::POST, "/tokens", input).await.json();
    let brief = brief["token"].as_str().unwrap();

    clock.advance(Duration::from_secs(59));
    assert_eq!(ask(&host, brief, Method::GET, "/plugins", "").await.status, StatusCode::OK);
    clock.advance(Duration::from_secs(1));

    let answer = ask(&host, brief, Method::GET, "/plugins", "").await;
    assert_eq!((answer.status, answer.json()["code"].clone()), ended());
    assert_eq!(host.get("/tokens").await["items"][0]["state"], "expired");
    host.stop().await;
}

#[tokio::test]
async fn a_token_is_made_with_a_name_and_scopes_and_shown_once() {
    let host = TestHost::start().await;
    let faults = [
        (json!({ "name": "a", "scopes": [] }), "name one at least"),
        (json!({ "name": "a", "scopes": ["root"] }), "unknown variant `root`"),
        (json!({ "name": "No Name", "scopes": ["read"] }), "lower case"),
        (json!({ "name": "host", "scopes": ["read"] }), "the host itself"),
        (
            json!({ "name": "a", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z" }),
            "passed",
        ),
        (json!({ "name": "first", "scopes": ["read"] }), "there is or was a token `first`"),
    ];
    for (input, word) in faults {
        let answer = host.api(Method::POST, "/tokens", input.to_string()).await;
        assert!(answer.status.is_client_error(), "{input}: {answer:?}");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(text.contains(word), "{word}: {text}");
    }
    let secret = token(&host, "a", &["install", "read", "read"]).await;
    let listed = host.get("/tokens").await;
    assert_eq!(listed["items"][0]["scopes"], json!(["read", "install"]));
    assert_eq!(listed["items"][1]["name"], "first");
    assert!(!listed.to_string().contains(&secret));
    host.stop().await;
}

#[tokio::test]
async fn who_only_reads_sees_no_webhook_url() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    let secret = url.rsplit('/').next().unwrap();
    let [reader, operator] =
        [token(&host, "r", &["read"]).await, token(&host, "o", &["operate"]).await];
    let paths = ["/accounts", "/accounts/jivo", "/integrations", "/integrations/jivo-to-notebook"];
    for path in paths {
        let shows = async |token: &str| {
            let answer = ask(&host, token, Method::GET, path, "").await;
            assert_eq!(answer.status, StatusCode::OK);
            String::from_utf8_lossy(&answer.body).contains(secret)
        };
        assert!(!shows(&reader).await && shows(&operator).await, "{path}");
    }
    host.stop().await;
}

#[tokio::test]
async fn an_address_that_guesses_tokens_has_to_wait() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let host = TestHost::on_clock(Arc::<ManualClock>::clone(&clock), |_| {}).await;
    let guess = async || ask(&host, "guess", Method::GET, "/plugins", "").await;
    for _ in 0..10 {
        assert_eq!(guess().await.status, StatusCode::UNAUTHORIZED);
    }
    let answer = guess().await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    let right = host.api(Method::GET, "/plugins", "").await.status;
    assert_eq!(right, StatusCode::TOO_MANY_REQUESTS, "else a guess would tell more");
    clock.advance(Duration::from_secs(1));
    assert_eq!(host.api(Method::GET, "/plugins", "").await.status, StatusCode::OK);
    host.stop().await;
}

#[tokio::test]
async fn pages_about_nobody_need_a_token_where_the_file_says_so() {
    let host = TestHost::with(|config| config.access.private_pages = true).await;
    let reader = token(&host, "prometheus", &["read"]).await;
    let installer = token(&host, "ci", &["install"]).await;
    for path in ["/metrics", "/openapi.json"] {
        let get = async |token: Option<&str>| {
            let mut request = Request::get(format!("{}{path}", host.url()));
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, format!("bearer {token}"));
            }
            host.send(request.body("".into()).unwrap()).await.status
        };
        assert_eq!(get(None).await, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(get(Some(&installer)).await, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(get(Some(&reader)).await, StatusCode::OK, "{path}");
    }
    let live = Request::get(format!("{}/health/live", host.url())).body("".into()).unwrap();
    assert_eq!(host.send(live).await.status, StatusCode::OK, "who keeps it alive has no token");
    host.stop().await;
}
