//! An operator's consent in a running host, against a real authorization server.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode, header};
use patchbay_test_authserver::{AuthServer, CLIENT_ID, CLIENT_SECRET};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::{
    backend::{Backend, on_every_backend},
    cli::text,
    harness::{Answer, TestHost, Web, eventually, jivo},
    program::Site,
    remote::remote,
};

on_every_backend!(
    an_operator_connects_an_account_and_it_goes_on_by_itself,
    a_consent_that_died_pauses_its_account_and_the_next_one_resumes_it,
    who_asks_by_the_api_is_told_that_the_consent_died,
);

/// Jivo joined to a CRM that wants a consent. Returns the webhook URL.
async fn stage(backend: &Backend, server: &AuthServer) -> (TestHost, String) {
    let host = TestHost::with(|config| backend.configure(config)).await;
    host.install("channel_jivo").await;
    host.install("crm_consent").await;
    let account = json!({
        "plugin": "crm-consent",
        "settings": { "base-url": server.url, "client-id": CLIENT_ID },
        "secrets": { "client-secret": CLIENT_SECRET },
        "grants": [{ "allow": server.url, "private": true }],
    });
    host.put("/accounts/crm", account).await;
    let url = host.join("jivo", "crm", json!({})).await;
    (host, url)
}

async fn open(host: &TestHost, url: &str) -> Answer {
    host.send(Request::get(url).body(Full::<Bytes>::default()).unwrap()).await
}

/// Begins a consent and gives it, as a browser does. The address it is sent back to.
async fn consent(host: &TestHost, server: &AuthServer) -> String {
    let begun = host.api(Method::POST, "/accounts/crm/oauth", "").await;
    assert_eq!(begun.status, StatusCode::OK, "{begun:?}");
    let url = begun.json()["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&server.url), "{url}");
    let sent = open(host, &url).await;
    assert_eq!(sent.status, StatusCode::FOUND, "{sent:?}");
    let location = sent.headers[header::LOCATION].to_str().unwrap().to_owned();
    assert!(location.starts_with(&format!("{}/oauth/callback?", host.url())), "{location}");
    location
}

async fn lookup(host: &TestHost) -> StatusCode {
    host.api(Method::GET, "/accounts/crm/cards?phone=%2B79000000002", "").await.status
}

async fn state(host: &TestHost) -> Value {
    host.get("/accounts/crm").await["state"].clone()
}

async fn an_operator_connects_an_account_and_it_goes_on_by_itself(backend: Backend) {
    let server = AuthServer::start();
    let (host, _) = stage(&backend, &server).await;
    let stands = host.get("/accounts/crm/oauth").await;
    assert_eq!((&stands["needs_consent"], &stands["is_connected"]), (&json!(true), &json!(false)));
    assert_eq!(lookup(&host).await, StatusCode::BAD_GATEWAY);

    let location = consent(&host, &server).await;
    let back = open(&host, &location).await;
    assert_eq!(back.status, StatusCode::OK, "{back:?}");
    assert_eq!(back.body, "The account crm is connected. This page can be closed.");
    let told = host.get("/audit?limit=2").await["items"].clone();
    let line =
        |at: usize| format!("{} {} {}", told[at]["who"], told[at]["subject"], told[at]["status"]);
    let subject = "\"accounts/crm/oauth\"";
    assert_eq!(line(0), format!("\"host\" {subject} 200"));
    assert_eq!(line(1), format!("\"first\" {subject} 200"));
    assert_eq!(back.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(back.headers[header::REFERRER_POLICY], "no-referrer");
    let again = open(&host, &location).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "a consent counts once: {again:?}");
    let forged = open(&host, &format!("{}/oauth/callback?state=x&code=y", host.url())).await;
    assert_eq!(forged.status, StatusCode::BAD_REQUEST);
    let flood = format!("{}/oauth/callback", host.url());
    let mut statuses = Vec::new();
    for _ in 0..60 {
        statuses.push(open(&host, &flood).await.status);
    }
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");

    assert_eq!(lookup(&host).await, StatusCode::OK);
    let stands = host.get("/accounts/crm/oauth").await;
    assert_eq!((&stands["is_connected"], &stands["generation"]), (&json!(true), &json!(1)));
    assert!(!stands.to_string().contains("token"), "{stands}");

    // Every token of before is refused: one refresh, and the request goes out again.
    open(&host, &format!("{}/control/expire", server.url)).await;
    assert_eq!(lookup(&host).await, StatusCode::OK);
    let granted = open(&host, &format!("{}/control/granted", server.url)).await.json();
    assert_eq!(granted, json!(["authorization_code", "refresh_token"]));
    host.stop().await;
}

async fn a_consent_that_died_pauses_its_account_and_the_next_one_resumes_it(backend: Backend) {
    let server = AuthServer::start();
    let (mut host, url) = stage(&backend, &server).await;
    let location = consent(&host, &server).await;
    assert_eq!(open(&host, &location).await.status, StatusCode::OK);
    open(&host, &format!("{}/control/revoke", server.url)).await;

    host.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await;

    // The adapter says that the CRM is down; the host knows better.
    eventually("the account is paused", async || state(&host).await != json!("active")).await;
    let paused = state(&host).await["paused"].as_str().unwrap().to_owned();
    assert!(
        paused.contains("invalid_grant") && paused.contains("`patchbay account connect crm`"),
        "{paused}"
    );
    // Tokens are in the database: a restart neither mends nor loses anything.
    host.restart().await;
    assert_ne!(state(&host).await, json!("active"));
    let location = consent(&host, &server).await;
    assert_eq!(open(&host, &location).await.status, StatusCode::OK);
    assert_eq!(state(&host).await, json!("active"));
    host.idle().await;
    assert_eq!(lookup(&host).await, StatusCode::OK);
    host.stop().await;
}

async fn who_asks_by_the_api_is_told_that_the_consent_died(backend: Backend) {
    const CARDS: &str = "/accounts/crm/cards?phone=%2B79000000002";
    let server = AuthServer::start();
    let (host, _) = stage(&backend, &server).await;
    let webhook = String::from_utf8(jivo("chat_accepted.unknown_with_phone.json")).unwrap();
    let headers = json!({ "Content-Type": "application/json" });
    let preview =
        json!({ "request": { "body": webhook, "headers": headers }, "look_up": true }).to_string();
    for (method, path, body) in [
        (Method::GET, CARDS, String::new()),
        (Method::POST, "/integrations/jivo-to-crm/preview", preview),
    ] {
        let location = consent(&host, &server).await;
        assert_eq!(open(&host, &location).await.status, StatusCode::OK);
        assert_eq!(state(&host).await, json!("active"));
        open(&host, &format!("{}/control/revoke", server.url)).await;

        let told = host.api(method, path, body).await;
        assert_eq!(told.status, StatusCode::BAD_GATEWAY, "{told:?}");
        let title = told.json()["title"].as_str().unwrap().to_owned();
        assert!(
            title.contains("invalid_grant") && title.contains("`patchbay account connect crm`"),
            "{title}"
        );
        assert_ne!(state(&host).await, json!("active"), "{path}");
    }
    host.stop().await;
}

#[tokio::test]
async fn the_command_line_waits_for_the_operators_consent() {
    let server = AuthServer::start();
    let file = format!(
        "[[account]]\nid = 'crm'\nplugin = 'crm-consent'\n\
         settings = {{ base-url = '{url}', client-id = '{CLIENT_ID}' }}\n\
         secrets = {{ client-secret = {{ command = ['echo', '{CLIENT_SECRET}'] }} }}\n\
         grants = [{{ allow = '{url}', private = true, methods = ['GET'] }}]",
        url = server.url
    );
    let mut site = Site::new(&["crm_consent"], &file);
    let token = site.path("token");
    let program = site.serve(&["--token-file", text(&token)]).await;
    let web = Web::new();
    let open =
        async |url: &str| web.send(Request::get(url).body(Full::<Bytes>::default()).unwrap()).await;
    let denials = remote(&program, &token, &["account", "denials", "crm"]);
    assert_eq!(site.run(&denials).await.stdout, "nothing was denied\n");

    let mut connect = tokio::process::Command::new(crate::harness::program())
        .args(remote(&program, &token, &["account", "connect", "crm"]))
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(connect.stdout.take().unwrap()).lines();
    let mut line = async || lines.next_line().await.unwrap().unwrap();
    assert!(line().await.starts_with("open this in a browser until "));
    let sent = open(&line().await).await;
    let location = sent.headers[header::LOCATION].to_str().unwrap().to_owned();
    // The grant lets nothing be posted, so the code brings no token, and the operator reads why.
    let back = open(&location).await;
    assert_eq!(back.status, StatusCode::BAD_GATEWAY, "{back:?}");
    let told = site.run(&denials).await.stdout;
    assert!(told.starts_with(&format!("POST {} (1 times", server.url)), "{told}");
    assert!(told.contains("\"methods\": [\"POST\"]"), "{told}");

    let account = json!({
        "plugin": "crm-consent",
        "settings": { "base-url": server.url, "client-id": CLIENT_ID },
        "grants": [{ "allow": server.url, "private": true }],
    });
    let changed = program.api(Method::PUT, "/accounts/crm", account.to_string()).await;
    assert!(changed.status.is_success(), "{changed:?}");
    let begun = program.api(Method::POST, "/accounts/crm/oauth", "").await.json();
    let sent = open(begun["url"].as_str().unwrap()).await;
    let back = open(sent.headers[header::LOCATION].to_str().unwrap()).await;
    assert_eq!(back.status, StatusCode::OK, "{back:?}");
    assert_eq!(line().await, "account `crm` is connected");
    assert!(connect.wait().await.unwrap().success());
    assert!(!site.log().contains(CLIENT_SECRET));
    assert_eq!(program.terminate().await, Some(0));
}
