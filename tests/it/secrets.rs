//! Secrets at rest in a running host, and what accounts are denied.

use std::{fs, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode};
use patchbay::clock::{Clock as _, ManualClock, SystemClock};
use patchbay_ledger::{KEY, Ledger};
use serde_json::json;

use crate::{
    harness::{TestHost, ledger_account},
    program::Site,
};

/// Whether a text stands in one of the files of a folder.
fn stands_in(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        let bytes = fs::read(&path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn neither_secrets_nor_webhook_tokens_stand_in_the_data_folder() {
    let ledger = Ledger::open().await;
    let mut host = TestHost::start().await;
    let url = host.jivo_to_ledger(&ledger).await;
    let token = url.rsplit('/').next().unwrap().to_owned();
    let folder = host.folder().to_owned();
    assert!(!stands_in(&folder, KEY) && !stands_in(&folder, &token));
    host.restart().await;
    assert!(!stands_in(&folder, KEY) && !stands_in(&folder, &token));
    assert!(stands_in(&folder, "crm-ledger"), "the search sees the database");
    let account = host.get("/accounts/jivo").await;
    assert!(account["webhook_url"].as_str().unwrap().ends_with(&token), "{account}");
    let replaced = host.api(Method::POST, "/accounts/jivo/webhook-token", "{}").await.json();
    let next = replaced["webhook_url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_ne!(next, token);
    host.restart().await;
    assert!(!stands_in(&folder, &token) && !stands_in(&folder, &next));
    host.stop().await;
}

#[tokio::test]
async fn a_lost_key_is_told_with_the_remedy_and_a_rotation_keeps_everything() {
    let mut site =
        Site::new(&["channel_jivo"], "[[account]]\nid = 'jivo'\nplugin = 'channel-jivo'");
    let hook = |said: &[String]| {
        said.iter().find(|line| line.starts_with("webhook jivo: ")).unwrap().clone()
    };
    let program = site.serve(&[]).await;
    let before = hook(&program.said);
    assert_eq!(program.terminate().await, Some(0));
    let (config, key) = (site.path("patchbay.toml"), site.path("data/sealing.key"));
    let config = config.to_str().unwrap();
    let old = fs::read_to_string(&key).unwrap();

    let rotated = site.run(&["secrets", "rotate", "--config", config]).await;
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    assert!(rotated.stdout.contains("records sealed anew: 1"), "{rotated:?}");
    let new = fs::read_to_string(&key).unwrap();
    assert_ne!(old, new);

    fs::remove_file(&key).unwrap();
    let refused = site.run(&["serve", "--config", config]).await;
    assert_eq!(refused.code, Some(69), "{refused:?}");
    assert!(refused.stderr.contains("put it back from a backup"), "{refused:?}");
    fs::write(&key, &old).unwrap();
    let refused = site.run(&["serve", "--config", config]).await;
    assert!(refused.stderr.contains("add the missing key"), "{refused:?}");
    for text in [&refused.stderr, &refused.stdout] {
        assert!(!text.contains(old.trim()) && !text.contains(new.trim()));
    }

    fs::write(&key, &new).unwrap();
    let program = site.serve(&[]).await;
    assert_eq!(hook(&program.said).rsplit('/').next(), before.rsplit('/').next());
    assert_eq!(program.terminate().await, Some(0));
}

#[tokio::test]
async fn a_denial_is_listed_with_the_grant_that_allows_it() {
    let ledger = Ledger::open().await;
    let host = TestHost::start().await;
    host.install("crm_ledger").await;
    let mut account = ledger_account(&ledger);
    account["grants"] = json!([]);
    host.put("/accounts/ledger", account.clone()).await;
    let cards = "/accounts/ledger/cards?phone=%2B79000000002";
    for _ in 0..2 {
        let answer = host.api(Method::GET, cards, "").await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{answer:?}");
    }

    let denials = host.get("/accounts/ledger/denials").await;
    let denial = &denials["items"][0];
    assert_eq!(denials["items"].as_array().unwrap().len(), 1, "{denials}");
    assert_eq!((&denial["origin"], &denial["reason"]), (&json!(ledger.url), &json!("not-granted")));
    assert_eq!(denial["count"], 2);

    // As it stands there; then as it tells the second time: the address is a private one.
    account["grants"] = json!([denial["grant"]]);
    host.put("/accounts/ledger", account.clone()).await;
    assert_eq!(host.api(Method::GET, cards, "").await.status, StatusCode::BAD_GATEWAY);
    let denials = host.get("/accounts/ledger/denials").await;
    assert_eq!(denials["items"][0]["reason"], "address", "the newest first: {denials}");
    account["grants"] = json!([denials["items"][0]["grant"]]);
    host.put("/accounts/ledger", account).await;
    assert_eq!(host.api(Method::GET, cards, "").await.status, StatusCode::OK);
    assert_eq!(host.get("/accounts/ledger/denials").await["items"].as_array().unwrap().len(), 2);
    let unknown = host.api(Method::GET, "/accounts/nobody/denials", "").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    host.stop().await;
}

#[tokio::test]
async fn a_secret_that_is_rotated_counts_in_both_values_for_its_time_and_no_longer() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let mut host = TestHost::on_clock(Arc::<ManualClock>::clone(&clock), |_| {}).await;
    host.install("channel_ringostat").await;
    let account = |key: &str, overlap_s: u32| {
        let secrets = json!({ "url-key": key });
        json!({ "plugin": "channel-ringostat", "secrets": secrets, "overlap_s": overlap_s })
    };
    let made = host.put("/accounts/calls", account("old-key-1", 0)).await;
    let url = made["webhook_url"].as_str().unwrap().to_owned();
    let is_taken = async |host: &TestHost, key: &str| {
        let url = url.replace(&made_host(&url), &host.url());
        let call = "event=after_call&call_id=ua1-1760000200.1&caller=%2B380440000012&dst=1";
        let rest = "call_type=in&disposition=ANSWERED&billsec=12&calldate=2025-10-09+11%3A56%3A40";
        let request = Request::get(format!("{url}?key={key}&{call}&{rest}"));
        let answer = host.send(request.body(Full::<Bytes>::default()).unwrap()).await;
        assert!(answer.status.is_success() || answer.status == StatusCode::FORBIDDEN, "{answer:?}");
        answer.status.is_success()
    };
    assert!(is_taken(&host, "old-key-1").await && !is_taken(&host, "new-key-2").await);

    let changed = host.put("/accounts/calls", account("new-key-2", 3600)).await;
    assert!(changed["former_secrets"]["url-key"].is_string(), "{changed}");
    assert!(!changed.to_string().contains("old-key-1"), "{changed}");
    assert!(is_taken(&host, "old-key-1").await && is_taken(&host, "new-key-2").await);
    assert!(!is_taken(&host, "other-key-3").await);
    host.restart().await;
    clock.advance(Duration::from_secs(3599));
    assert!(is_taken(&host, "old-key-1").await, "to its edge");
    clock.advance(Duration::from_secs(1));
    assert!(!is_taken(&host, "old-key-1").await && is_taken(&host, "new-key-2").await);

    // Without an overlap the value of before counts for nothing at once.
    host.put("/accounts/calls", account("last-key-4", 0)).await;
    assert!(!is_taken(&host, "new-key-2").await && is_taken(&host, "last-key-4").await);
    let too_long = account("x-key-5", 2_592_001).to_string();
    let refused = host.api(Method::PUT, "/accounts/calls", too_long).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["problems"][0]["field"], "overlap_s");
    host.put("/accounts/calls", account("x-key-5", 2_592_000)).await;
    host.stop().await;
}

/// Scheme, host and port of a URL: each start listens on another port.
fn made_host(url: &str) -> String {
    url.split("/hooks/").next().unwrap().to_owned()
}
