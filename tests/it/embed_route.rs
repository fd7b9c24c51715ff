//! Pages of a channel over HTTP: what anybody gets, and what nobody gets.

use std::sync::Arc;

use hyper::{Method, Request, StatusCode, header};
use patchbay::clock::{Clock as _, ManualClock, SystemClock};
use serde_json::json;

use crate::harness::{Answer, TestHost};

const EMBED: &str = "/embed/echo";

/// A host with a channel that has pages, and Jivo, which has none.
async fn stage(clock: Arc<dyn patchbay::clock::Clock>) -> TestHost {
    let host = TestHost::on_clock(clock, |_| {}).await;
    host.install("channel_echo").await;
    host.put("/accounts/echo", echo()).await;
    host.jivo_to_notebook().await;
    host
}

fn echo() -> serde_json::Value {
    json!({
        "plugin": "channel-echo",
        "settings": { "api-url": "https://channel.example", "client-id": "fake-client-id" },
        "secrets": { "client-secret": "fake-client-secret" },
    })
}

async fn ask(host: &TestHost, method: Method, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(format!("{}{path}", host.url()));
    host.send(request.body("".into()).unwrap()).await
}

async fn get(host: &TestHost, path: &str) -> Answer {
    ask(host, Method::GET, path).await
}

#[tokio::test]
async fn a_page_comes_as_the_adapter_made_it_with_safe_headers() {
    let host = stage(Arc::new(SystemClock)).await;

    let answer = get(&host, "/embed/echo/a%20b?x=%2B").await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(&answer.body[..], b"<p>/a%20b?x=%2B</p>");
    let headers: Vec<&str> = [
        header::CONTENT_TYPE,
        header::CONTENT_SECURITY_POLICY,
        header::X_CONTENT_TYPE_OPTIONS,
        header::REFERRER_POLICY,
        header::CACHE_CONTROL,
    ]
    .iter()
    .map(|name| answer.headers[name].to_str().unwrap())
    .collect();
    let policy = "frame-ancestors https://crm.example";
    assert_eq!(headers, ["text/html; charset=utf-8", policy, "nosniff", "no-referrer", "no-store"]);
    assert_eq!(&get(&host, EMBED).await.body[..], b"<p>?</p>");
    assert_eq!(&get(&host, "/embed/echo/").await.body[..], b"<p>/?</p>");
    let head = ask(&host, Method::HEAD, EMBED).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        assert_eq!(ask(&host, method, EMBED).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    host.stop().await;
}

#[tokio::test]
async fn no_account_no_page_and_no_such_page_are_one_answer() {
    let host = stage(Arc::new(SystemClock)).await;

    let unknown = get(&host, "/embed/nobody").await;

    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    for path in
        ["/embed/jivo", "/embed/notebook/x", "/embed/echo/nothing", "/embed/E%00", "/embed//", "/x"]
    {
        let answer = get(&host, path).await;
        assert_eq!((answer.status, &answer.body), (unknown.status, &unknown.body), "{path}");
    }
    host.stop().await;
}

#[tokio::test]
async fn a_page_that_fails_says_so_without_details_and_the_next_one_comes() {
    let host = stage(Arc::new(SystemClock)).await;
    for path in ["/crash", "/no-policy", "/two-headers", "/large"] {
        let answer = get(&host, &format!("{EMBED}{path}")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.json()["code"], "page-not-ready");
        assert!(answer.headers.get(header::SET_COOKIE).is_none());
        let told = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(!told.contains("crash") && !told.contains("panic"), "{told}");
    }
    assert_eq!(get(&host, EMBED).await.status, StatusCode::OK);

    host.put("/accounts/echo", {
        let mut paused = echo();
        paused["state"] = json!({ "paused": "by the operator" });
        paused
    })
    .await;
    assert_eq!(get(&host, EMBED).await.status, StatusCode::OK, "a paused account shows its pages");
    let long = format!("{EMBED}?{}", "x".repeat(40_000));
    let answer = get(&host, &long).await;
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    host.stop().await;
}

#[tokio::test]
async fn whoever_asks_for_pages_too_fast_waits_and_holds_up_no_webhook() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let host = stage(Arc::<ManualClock>::clone(&clock)).await;
    for _ in 0..100 {
        assert_eq!(get(&host, EMBED).await.status, StatusCode::OK);
    }

    let answer = get(&host, EMBED).await;

    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    let account = host.get("/accounts/echo").await;
    let hook = host.hook(account["webhook_url"].as_str().unwrap(), "{}").await;
    assert_eq!(hook.status, StatusCode::NO_CONTENT);
    clock.advance(std::time::Duration::from_millis(20));
    assert_eq!(get(&host, EMBED).await.status, StatusCode::OK);
    assert_eq!(get(&host, EMBED).await.status, StatusCode::TOO_MANY_REQUESTS);
    host.stop().await;
}
