//! What is configured while the host works: whole changes, and what senders notice of them.

use std::time::Duration;

use hyper::{StatusCode, header};
use patchbay::{
    account::{Account, AccountState},
    directory::AccountChange,
};
use serde_json::json;

use crate::harness::{TestHost, eventually, jivo};

fn notebook(id: &str) -> AccountChange {
    AccountChange {
        id: id.parse().unwrap(),
        plugin: "crm-notebook".parse().unwrap(),
        title: None,
        settings: std::collections::BTreeMap::new(),
        secrets: std::collections::BTreeMap::new(),
        keeps_secrets: true,
        grants: Vec::new(),
        resumes: false,
        state: None,
        reply_deadline_ms: None,
        rate: None,
        webhook_rate: None,
        allow_from: None,
        secret_origins: None,
        former_until: None,
    }
}

#[tokio::test]
async fn a_change_whose_asker_goes_away_is_in_use_all_the_same() {
    let host = TestHost::start().await;
    host.install("crm_notebook").await;
    let state = &host.host().state;

    for number in 0..60 {
        let change = state.directory.set_account(notebook(&format!("notebook-{number}")));
        // Given up sooner or later, as a client that goes away does.
        drop(tokio::time::timeout(Duration::from_micros(number * 100), change).await);
    }

    eventually("what is stored is in use", async || {
        let stored = state.stores.registry.accounts().await.unwrap();
        let snapshot = state.directory.snapshot();
        30 < stored.len()
            && stored.iter().all(|account| snapshot.accounts.contains_key(&account.id))
    })
    .await;
    host.stop().await;
}

#[tokio::test]
async fn credentials_that_were_mended_meanwhile_are_not_paused() {
    let host = TestHost::start().await;
    host.install("crm_notebook").await;
    let directory = &host.host().state.directory;
    directory.set_account(notebook("crm")).await.unwrap();
    let id = "crm".parse().unwrap();
    let account = || Account::clone(&directory.snapshot().accounts[&id].account);
    let tried = account();
    directory
        .set_account(AccountChange { title: Some("Mended".to_owned()), ..notebook("crm") })
        .await
        .unwrap();

    assert!(!directory.pause(&tried, "refused".to_owned()).await.unwrap());
    assert_eq!(account().state, AccountState::Active);
    assert!(directory.pause(&account(), "refused".to_owned()).await.unwrap());
    assert_eq!(account().state, AccountState::Paused("refused".to_owned()));
    host.stop().await;
}

#[tokio::test]
async fn nobody_waits_for_a_crm_that_is_paused() {
    let host = TestHost::start().await;
    host.jivo_to_notebook().await;
    let url =
        host.jivo_account(json!({ "plugin": "channel-jivo", "reply_deadline_ms": 60_000 })).await;
    let paused = json!({ "plugin": "crm-notebook", "state": { "paused": "for a test" } });
    host.put("/accounts/notebook", paused).await;

    let hook = host.hook(&url, jivo("chat_accepted.unknown_with_phone.json"));
    let answer = tokio::time::timeout(Duration::from_secs(30), hook).await.unwrap();

    assert_eq!(answer.json(), json!({ "result": "ok" }));
    host.put("/accounts/notebook", json!({ "plugin": "crm-notebook", "state": "active" })).await;
    host.idle().await;
    assert_eq!(host.cards("notebook", "phone=%2B79000000002").await.len(), 1, "the job waited");
    host.stop().await;
}

#[tokio::test]
async fn a_reply_deadline_is_taken_up_to_its_limit() {
    let host = TestHost::start().await;
    host.install("channel_jivo").await;
    let account = |ms: u32| json!({ "plugin": "channel-jivo", "reply_deadline_ms": ms });

    host.put("/accounts/jivo", account(60_000)).await;
    let answer = host.api(hyper::Method::PUT, "/accounts/jivo", account(60_001).to_string()).await;

    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["problems"][0]["field"], "reply_deadline_ms");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    host.stop().await;
}
