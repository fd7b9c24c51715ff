//! What the door bears: unknown, large, broken, foreign and too many webhooks.

use hyper::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::harness::{TestHost, jivo};

#[tokio::test]
async fn an_unknown_token_is_told_apart_and_nothing_is_stored() {
    let host = TestHost::start().await;
    host.jivo_to_notebook().await;

    let answer = host.hook(&format!("{}/hooks/nobody", host.url()), "{}").await;

    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(answer.json()["code"], "unknown-token");
    assert_eq!(host.get("/events").await["items"], json!([]));
    host.stop().await;
}

#[tokio::test]
async fn a_body_at_the_limit_is_taken_and_one_byte_more_is_not() {
    let host = TestHost::with(|config| config.intake.body_bytes_max = 10_000).await;
    let url = host.jivo_to_notebook().await;
    let body = |bytes: usize| {
        let start = r#"{"event_name":"something_new","pad":""#;
        format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2))
    };

    assert_eq!(host.hook(&url, body(10_000)).await.status, StatusCode::OK);
    let answer = host.hook(&url, body(10_001)).await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["title"], "the body is larger than 10000 bytes");
    assert_eq!(host.get("/events").await["items"].as_array().unwrap().len(), 1);
    host.stop().await;
}

#[tokio::test]
async fn a_refusal_that_leaves_a_large_body_unread_says_that_its_connection_ends() {
    let host = TestHost::start().await;
    let nobody = format!("{}/hooks/nobody", host.url());
    for (bytes, ends) in [(16 << 10, false), ((16 << 10) + 1, true), (500_000, true)] {
        // The same client: it would send the next one where the last one went.
        for _ in 0..10 {
            let answer = host.hook(&nobody, vec![b'x'; bytes]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
            let said = answer.headers.get(header::CONNECTION).map(|it| it.to_str().unwrap());
            assert_eq!(said, ends.then_some("close"), "{bytes}");
        }
    }
    host.stop().await;
}

#[tokio::test]
async fn headers_over_the_limit_are_refused() {
    let host = TestHost::with(|config| config.intake.header_bytes_max = 2000).await;
    let url = host.jivo_to_notebook().await;
    let request = |bytes: usize| {
        let request = Request::post(&url).header("x-pad", "x".repeat(bytes));
        request.body(r#"{"event_name":"something_new"}"#.into()).unwrap()
    };

    assert_eq!(host.send(request(1000)).await.status, StatusCode::OK);
    assert_eq!(host.send(request(2000)).await.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    host.stop().await;
}

#[tokio::test]
async fn what_is_no_jivo_webhook_is_refused_with_the_reason_and_kept() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: [&[u8]; 6] = [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"[{\"service\":\"telegram\"}]",
        nested.as_bytes(),
        b"{\"event\":\"other vendor\"}",
    ];

    for body in bodies {
        let answer = host.hook(&url, body.to_vec()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", String::from_utf8_lossy(body));
        assert_eq!(answer.json()["code"], "refused");
        assert!(!answer.json()["detail"].as_str().unwrap().is_empty());
    }

    let journal = host.get("/events").await;
    let items = journal["items"].as_array().unwrap();
    assert_eq!(items.len(), bodies.len());
    assert!(
        items.iter().all(|item| item["verdict"] == "rejected" && item["reason"].is_string()),
        "{journal}"
    );
    host.stop().await;
}

#[tokio::test]
async fn invalid_utf8_inside_a_webhook_loses_nothing_else() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    let mut body = jivo("chat_accepted.unknown_with_phone.json");
    let name = "Новиков".as_bytes();
    let at = body.windows(name.len()).position(|window| window == name).unwrap();
    body[at] = 0xff;

    let reply = host.hook(&url, body).await.json();

    assert_eq!(reply["contact_info"]["phone"], "+79000000002");
    host.stop().await;
}

#[tokio::test]
async fn a_transcript_of_two_mebibytes_is_taken() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    let mut webhook: Value = serde_json::from_slice(&jivo("chat_finished.one_agent.json")).unwrap();
    let message = webhook["chat"]["messages"][0].clone();
    let count = (2 << 20) / message.to_string().len();
    webhook["chat"]["messages"] = Value::Array(vec![message; count]);
    let body = webhook.to_string();
    assert!(2_000_000 < body.len());

    let answer = host.hook(&url, body).await;

    assert_eq!(answer.json(), json!({ "result": "ok" }));
    host.idle().await;
    let journal = host.get("/events").await;
    assert_eq!(journal["items"][0]["verdict"], "events", "{}", journal["items"][0]["reason"]);
    assert_eq!(journal["items"][0]["events"][0]["jobs"][0]["state"], "done");
    host.stop().await;
}

#[tokio::test]
async fn more_webhooks_than_the_door_bears_are_told_to_come_back() {
    let host = TestHost::with(|config| config.intake.in_flight_max = 0).await;
    let url = host.jivo_to_notebook().await;

    let answer = host.hook(&url, jivo("offline_message.json")).await;

    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    host.stop().await;
}

#[tokio::test]
async fn the_api_wants_its_token_and_tells_faults_as_problems() {
    let host = TestHost::start().await;
    let request = |token: Option<&str>| {
        let mut request = Request::get(format!("{}/api/v1/plugins", host.url()));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request.body(http_body_util::Full::default()).unwrap()
    };

    assert_eq!(host.send(request(None)).await.json()["code"], "no-token");
    assert_eq!(host.send(request(Some("guess"))).await.json()["code"], "wrong-token");
    assert_eq!(host.send(request(Some(host.token()))).await.status, StatusCode::OK);
    let faults = [
        (Method::GET, "/events?limit=0", "", "limit"),
        (Method::GET, "/events?limit=501", "", "limit"),
        (Method::GET, "/events?before=x", "", "before"),
        (Method::GET, "/events?lmit=5", "", "lmit"),
        (Method::GET, "/events?account=Bad", "", "account"),
        (Method::GET, "/events/99", "", "event `99`"),
        (Method::GET, "/accounts/none", "", "account `none`"),
        (Method::PUT, "/accounts/none", r#"{"plugin":"none"}"#, "upload it first"),
        (Method::PUT, "/accounts/Bad", r#"{"plugin":"none"}"#, "lower case"),
        (Method::PUT, "/accounts/none", r#"{"plugin":"none","x":1}"#, "unknown field `x`"),
        (Method::PUT, "/integrations/a", r#"{"channel":"b","crm":"c"}"#, "create it first"),
        (Method::POST, "/dead-letters/7/replay", "", "dead letter `7`"),
        (Method::GET, "/nothing", "", "nothing at this address"),
        (Method::POST, "/plugins", "not wasm", "plugin is refused"),
    ];
    for (method, path, body, word) in faults {
        let answer = host.api(method, path, body).await;
        assert!(answer.status.is_client_error(), "{path}: {answer:?}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{path}");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(text.contains(word), "{path}: {text}");
    }
    host.stop().await;
}

#[tokio::test]
async fn health_and_metrics_answer_without_a_token_and_name_nobody() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    host.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await;
    let get = |path: &str| {
        Request::get(format!("{}{path}", host.url())).body(http_body_util::Full::default()).unwrap()
    };

    assert_eq!(host.send(get("/health/live")).await.status, StatusCode::OK);
    assert_eq!(host.send(get("/health/ready")).await.status, StatusCode::OK);
    let metrics = host.send(get("/metrics")).await;

    let text = String::from_utf8_lossy(&metrics.body);
    assert!(text.contains("patchbay_webhooks_total{verdict=\"events\"} 1"), "{text}");
    assert!(text.contains("patchbay_attempts_total{"), "{text}");
    for private in ["79000000002", "Новиков", url.rsplit('/').next().unwrap()] {
        assert!(!text.contains(private), "{private}");
    }
    host.stop().await;
}

#[tokio::test]
async fn metrics_tell_calls_by_export_and_outcome_and_what_the_door_refused() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    host.hook(&url, jivo("offline_message.json")).await;
    host.hook(&format!("{}/hooks/nobody", host.url()), "{}").await;
    host.install("guest_hostile").await;
    let account = json!({ "plugin": "guest-hostile" });
    let account = host.put("/accounts/hostile", account).await;
    let hostile = account["webhook_url"].as_str().unwrap();
    host.hook(&format!("{hostile}/trap"), "{}").await;
    host.idle().await;

    let request = Request::get(format!("{}/metrics", host.url()));
    let metrics = host.send(request.body("".into()).unwrap()).await;

    let text = String::from_utf8_lossy(&metrics.body);
    let call = |plugin: &str, export: &str, outcome: &str| {
        format!(
            "patchbay_calls_total{{plugin=\"{plugin}\",export=\"{export}\",outcome=\"{outcome}\"}} 1"
        )
    };
    for line in [
        call("channel-jivo", "receive", "ok"),
        call("guest-hostile", "receive", "trapped"),
        "patchbay_refused_total{reason=\"unknown-token\"} 1".to_owned(),
        "patchbay_pool_instances 0".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    assert!(text.contains("patchbay_call_seconds_total{plugin=\"channel-jivo\""), "{text}");
    assert!(!text.contains("patchbay_breakers_open{"), "no breaker is open");
    host.stop().await;
}

#[tokio::test]
async fn a_path_that_is_no_text_is_nobodys_address() {
    let host = TestHost::start().await;
    for path in ["/hooks/%ff", "/hooks/%ff/below", "/api/v1/events/%ff"] {
        let request = Request::get(format!("{}{path}", host.url()))
            .header(header::AUTHORIZATION, format!("bearer {}", host.token()))
            .body(http_body_util::Full::default())
            .unwrap();
        let answer = host.send(request).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{path}");
    }
    host.stop().await;
}

#[tokio::test]
async fn what_follows_the_webhook_url_is_kept_as_it_was_sent() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;

    // No text once decoded, and yet a channel may sign it.
    let below = "/a%2Fb/%ff?c=%20d";
    let answer = host.hook(&format!("{url}{below}"), jivo("offline_message.json")).await;

    assert_eq!(answer.json(), json!({ "result": "ok" }));
    let id = host.get("/events?limit=1").await["items"][0]["events"][0]["id"].clone();
    let request = host.get(&format!("/events/{id}")).await["request"].clone();
    assert_eq!((&request["path"], &request["query"]), (&json!("/a%2Fb/%ff"), &json!("c=%20d")));
    let slash = host.hook(&format!("{url}/"), jivo("offline_message.json")).await;
    assert_eq!(slash.json(), json!({ "result": "ok" }), "a slash at the end is no other address");
    host.stop().await;
}

#[tokio::test]
async fn the_query_counts_as_the_headers_do() {
    let host = TestHost::with(|config| config.intake.header_bytes_max = 2000).await;
    let url = host.jivo_to_notebook().await;
    let webhook = r#"{"event_name":"something_new"}"#;

    let short = host.hook(&format!("{url}?pad={}", "x".repeat(1000)), webhook).await;
    let long = host.hook(&format!("{url}?pad={}", "x".repeat(2000)), webhook).await;

    assert_eq!(short.status, StatusCode::OK);
    assert_eq!(long.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    host.stop().await;
}

#[tokio::test]
async fn a_method_that_an_address_lacks_is_told_as_a_problem() {
    let host = TestHost::start().await;

    let answer = host.api(Method::DELETE, "/plugins", "").await;

    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json()["code"], "method-not-allowed");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    host.stop().await;
}
