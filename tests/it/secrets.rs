//! Secrets at rest in a running host, and what accounts are denied.

use std::{fs, path::Path};

use hyper::{Method, StatusCode};
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
