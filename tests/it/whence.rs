//! Where webhooks come from: allow-lists, proxies, and URLs that are replaced.

use std::{sync::Arc, time::Duration};

use hyper::{Method, Request, StatusCode};
use jiff::Timestamp;
use patchbay::{clock::ManualClock, config::ProxyHeader};
use serde_json::{Value, json};

use crate::harness::{Answer, TestHost, jivo};

/// Posts a webhook that says to be forwarded.
async fn forwarded(host: &TestHost, url: &str, header: &str, value: &str) -> Answer {
    let request = Request::post(url).header(header, value);
    host.send(request.body(jivo("offline_message.json").into()).unwrap()).await
}

/// Where the newest webhook came from, as its adapter was told.
async fn newest_address(host: &TestHost) -> Value {
    let state = &host.host().state;
    let query = patchbay::storage::PageQuery { before: None, limit: 1 };
    let page = state.stores.journal.webhooks(None, query).await.unwrap();
    let event = page.items[0].events[0].id;
    let detail = state.stores.journal.event(event).await.unwrap().unwrap();
    json!(detail.request.remote_address)
}

#[tokio::test]
async fn webhooks_are_taken_from_where_the_account_says_and_from_nowhere_else() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    let allow = async |networks: Value| {
        let account = json!({ "plugin": "channel-jivo", "allow_from": networks });
        host.put("/accounts/jivo", account).await
    };
    let status = async || host.hook(&url, jivo("offline_message.json")).await.status;

    allow(json!(["203.0.113.0/24"])).await;
    let answer = host.hook(&url, jivo("offline_message.json")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "address-not-allowed");
    assert_eq!(host.get("/events").await["items"], json!([]), "nothing is stored");
    let spoofed = forwarded(&host, &url, "x-forwarded-for", "203.0.113.5").await;
    assert_eq!(spoofed.status, StatusCode::FORBIDDEN, "nobody is believed by default");

    let shown = allow(json!(["203.0.113.0/24", "127.0.0.1"])).await;
    assert_eq!(shown["allow_from"], json!(["203.0.113.0/24", "127.0.0.1"]));
    assert_eq!(status().await, StatusCode::OK);
    host.put("/accounts/jivo", json!({ "plugin": "channel-jivo", "title": "Shop" })).await;
    assert_eq!(host.get("/accounts/jivo").await["allow_from"], shown["allow_from"], "it is kept");
    allow(json!([])).await;
    assert_eq!(status().await, StatusCode::OK, "from everywhere");

    let refused = async |networks: Value| {
        let account = json!({ "plugin": "channel-jivo", "allow_from": networks }).to_string();
        let answer = host.api(Method::PUT, "/accounts/jivo", account).await;
        assert!(answer.status.is_client_error(), "{answer:?}");
        String::from_utf8_lossy(&answer.body).into_owned()
    };
    assert!(refused(json!(["everywhere"])).await.contains("`everywhere` is no network"));
    assert!(refused(json!(["10.0.0.1/8"])).await.contains("write `10.0.0.0/8`"));
    allow(json!(vec!["10.0.0.0/8"; 200])).await;
    assert!(refused(json!(vec!["10.0.0.0/8"; 201])).await.contains("201 networks"));
    host.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_says_who_asks_and_its_clients_cannot() {
    let host = TestHost::with(|config| {
        config.access.trusted_proxies =
            vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let url = host.jivo_to_notebook().await;
    let account = json!({ "plugin": "channel-jivo", "allow_from": ["203.0.113.0/24"] });
    host.put("/accounts/jivo", account).await;
    let header = "x-forwarded-for";

    let direct = host.hook(&url, jivo("offline_message.json")).await;
    assert_eq!(direct.status, StatusCode::FORBIDDEN, "the proxy itself is not in the list");
    for (value, expected) in [
        ("203.0.113.5", StatusCode::OK),
        ("198.51.100.1, 203.0.113.5, 10.1.1.1", StatusCode::OK),
        ("203.0.113.5, 198.51.100.1", StatusCode::FORBIDDEN),
        ("203.0.113.5, nonsense", StatusCode::FORBIDDEN),
        ("198.51.100.1", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(forwarded(&host, &url, header, value).await.status, expected, "{value}");
    }
    let other = forwarded(&host, &url, "forwarded", "for=203.0.113.5").await;
    assert_eq!(other.status, StatusCode::FORBIDDEN, "the header that the proxy does not write");
    assert_eq!(newest_address(&host).await, "203.0.113.5");
    host.stop().await;
}

#[tokio::test]
async fn the_standard_header_of_proxies_is_read_where_the_file_says_so() {
    let host = TestHost::with(|config| {
        config.access.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.access.proxy_header = ProxyHeader::Forwarded;
    })
    .await;
    let url = host.jivo_to_notebook().await;
    let value = "for=198.51.100.1, for=\"[2001:db8::5]:4711\";proto=https";
    assert_eq!(forwarded(&host, &url, "forwarded", value).await.status, StatusCode::OK);
    assert_eq!(newest_address(&host).await, "2001:db8::5");
    host.stop().await;
}

#[tokio::test]
async fn a_replaced_webhook_url_works_until_its_time_and_not_longer() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let mut host = TestHost::on_clock(Arc::<ManualClock>::clone(&clock), |_| {}).await;
    let first = host.jivo_to_notebook().await;
    let replace = async |host: &TestHost, overlap: u32| {
        let input = json!({ "overlap_s": overlap }).to_string();
        let answer = host.api(Method::POST, "/accounts/jivo/webhook-token", input).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    };
    let path = |url: &str| url[url.find("/hooks/").unwrap()..].to_owned();
    let status = async |host: &TestHost, url: &str| {
        let url = format!("{}{}", host.url(), path(url));
        host.hook(&url, jivo("offline_message.json")).await.status
    };

    let shown = replace(&host, 60).await;
    let second = shown["webhook_url"].as_str().unwrap().to_owned();
    assert_eq!(shown["replaced_url_until"], "2027-01-15T08:01:00Z");
    assert_eq!(path(&second).len(), "/hooks/".len() + 32, "160 random bits");
    assert_ne!(first, second);
    // A restart and a change of the account leave both as they are.
    host.restart().await;
    host.put("/accounts/jivo", json!({ "plugin": "channel-jivo", "title": "Shop" })).await;
    clock.advance(Duration::from_secs(59));
    assert_eq!(status(&host, &first).await, StatusCode::OK);
    assert_eq!(status(&host, &second).await, StatusCode::OK);
    clock.advance(Duration::from_secs(1));
    assert_eq!(status(&host, &first).await, StatusCode::NOT_FOUND);
    assert_eq!(status(&host, &second).await, StatusCode::OK);
    assert_eq!(host.get("/accounts/jivo").await.get("replaced_url_until"), None);

    let third = replace(&host, 60).await["webhook_url"].as_str().unwrap().to_owned();
    let fourth = replace(&host, 0).await["webhook_url"].as_str().unwrap().to_owned();
    for (url, expected) in [
        (&second, StatusCode::NOT_FOUND),
        (&third, StatusCode::NOT_FOUND),
        (&fourth, StatusCode::OK),
    ] {
        assert_eq!(status(&host, url).await, expected);
    }
    for (path, input) in
        [("jivo", json!({ "overlap_s": 2_592_001 })), ("notebook", json!({})), ("none", json!({}))]
    {
        let path = format!("/accounts/{path}/webhook-token");
        let answer = host.api(Method::POST, &path, input.to_string()).await;
        assert!(answer.status.is_client_error(), "{path}: {answer:?}");
    }
    host.stop().await;
}
