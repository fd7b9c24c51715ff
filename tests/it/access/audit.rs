//! The log of every change: who, what and from where.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use patchbay::{
    access::{ApiToken, ChangeRecord, NewChange},
    clock::{ManualClock, SystemClock},
    id::{Digest, TokenName},
    storage::{self, Access, Page, PageQuery, Stores},
};
use serde_json::json;

use super::{ask, start, token};
use crate::{
    backend::{Backend, on_every_backend},
    harness::{TestHost, eventually, jivo},
    program::Site,
};

on_every_backend!(every_change_is_told_with_who_what_and_from_where);

async fn every_change_is_told_with_who_what_and_from_where(backend: Backend) {
    let host = start(&backend).await;
    let url = host.jivo_to_notebook().await;
    let operator = token(&host, "olga", &["operate"]).await;
    let account = json!({
        "plugin": "channel-jivo", "title": "Secret title",
        "secrets": { "nothing": "s3cret-value" },
    });
    let refused = ask(&host, &operator, Method::PUT, "/accounts/jivo", account.to_string()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let account = json!({ "plugin": "channel-jivo", "title": "Anna Petrova" });
    ask(&host, &operator, Method::PUT, "/accounts/jivo?x=1", account.to_string()).await;
    let forget = json!({ "phone": "+79000000002" }).to_string();
    ask(&host, &operator, Method::POST, "/forget", forget).await;
    ask(&host, &operator, Method::GET, "/accounts", "").await;
    ask(&host, &operator, Method::POST, "/plugins", "forbidden to her").await;
    host.hook(&url, jivo("offline_message.json")).await;

    let log = host.get("/audit").await;
    let lines: Vec<(String, String, i64)> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            assert!(line["at"].as_str().unwrap().starts_with("20"), "{line}");
            let word = |key: &str| line[key].as_str().unwrap().to_owned();
            let method = word("action").split(' ').next().unwrap().to_owned();
            (word("who"), format!("{method} {}", word("subject")), line["status"].as_i64().unwrap())
        })
        .collect();
    let lines: Vec<(&str, &str, i64)> =
        lines.iter().map(|(who, what, status)| (who.as_str(), what.as_str(), *status)).collect();
    let expected = [
        ("olga", "POST forget", 200),
        ("olga", "PUT accounts/jivo", 200),
        ("olga", "PUT accounts/jivo", 422),
        ("first", "POST tokens", 201),
        ("first", "PUT integrations/jivo-to-notebook", 200),
        ("first", "PUT accounts/jivo", 200),
        ("first", "PUT accounts/notebook", 200),
        ("first", "POST plugins", 201),
        ("first", "POST plugins", 201),
        ("host", "POST tokens", 200),
    ];
    assert_eq!(lines, expected);
    let text = log.to_string();
    for told in ["crm-notebook 0.1.0", "olga: operate", "plugin: channel-jivo", "127.0.0.1"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let secrets =
        ["s3cret-value", "79000000002", "Anna", &operator, url.rsplit('/').next().unwrap()];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let page = host.get("/audit?limit=2").await;
    let next = host.get(&format!("/audit?limit=2&before={}", page["next"])).await;
    assert_eq!(next["items"][0], log["items"][2]);
    host.stop().await;
}

/// An audit log whose disk is full.
#[derive(Debug)]
struct Full(Arc<dyn Access>);

#[async_trait]
impl Access for Full {
    async fn put_first_token(&self, token: ApiToken) -> storage::Result<bool> {
        self.0.put_first_token(token).await
    }

    async fn put_token(&self, token: ApiToken) -> storage::Result<bool> {
        self.0.put_token(token).await
    }

    async fn token(&self, digest: Digest) -> storage::Result<Option<ApiToken>> {
        self.0.token(digest).await
    }

    async fn tokens(&self) -> storage::Result<Vec<ApiToken>> {
        self.0.tokens().await
    }

    async fn revoke_token(&self, name: &TokenName, now: Timestamp) -> storage::Result<bool> {
        self.0.revoke_token(name, now).await
    }

    async fn begin_change(&self, change: NewChange) -> storage::Result<i64> {
        if change.who == "host" {
            return self.0.begin_change(change).await;
        }
        Err(storage::Error::Unavailable("the disk is full".into()))
    }

    async fn end_change(
        &self,
        id: i64,
        status: u16,
        detail: Option<String>,
    ) -> storage::Result<()> {
        self.0.end_change(id, status, detail).await
    }

    async fn changes(&self, page: PageQuery) -> storage::Result<Page<ChangeRecord>> {
        self.0.changes(page).await
    }

    async fn expire_changes(
        &self,
        since: Timestamp,
        lines_max: u32,
        rows_max: u32,
    ) -> storage::Result<u64> {
        self.0.expire_changes(since, lines_max, rows_max).await
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_not_changed() {
    let full = |stores: Stores| Stores { access: Arc::new(Full(stores.access)), ..stores };
    let host = TestHost::wrapped(Arc::new(SystemClock), |_| {}, full).await;
    let pool = json!({ "crm": "none", "members": [{ "manager": "7" }] }).to_string();

    let answer = host.api(Method::PUT, "/pools/sales", pool).await;

    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert_eq!(host.get("/pools").await["items"], json!([]));
    assert_eq!(host.get("/audit").await["items"].as_array().unwrap().len(), 1, "the first token");
    host.stop().await;
}

#[tokio::test]
async fn what_the_configuration_file_changes_is_told_once() {
    let file = "[[account]]\nid = \"shop\"\nplugin = \"channel-jivo\"\n";
    let mut site = Site::new(&["channel_jivo"], file);
    for _ in 0..2 {
        let program = site.serve(&[]).await;
        let log = program.get("/audit").await;
        let lines = log["items"].as_array().unwrap();
        let subject = |index: usize| lines[index]["subject"].as_str().unwrap();
        assert_eq!(lines.len(), 3, "{log}");
        assert_eq!((subject(0), subject(1)), ("tokens", "accounts/shop"));
        assert!(subject(2).starts_with("plugins/channel-jivo/"), "{log}");
        assert!(lines.iter().all(|line| line["who"] == "host"), "{log}");
        assert_eq!(program.terminate().await, Some(0));
    }
}

#[tokio::test]
async fn old_lines_of_the_audit_log_go() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let tap =
        |config: &mut patchbay::config::Config| config.access.audit_days = 2.try_into().unwrap();
    let mut host = TestHost::on_clock(Arc::<ManualClock>::clone(&clock), tap).await;
    token(&host, "kept", &["read"]).await;
    clock.advance(Duration::from_hours(24));
    token(&host, "young", &["read"]).await;
    clock.advance(Duration::from_hours(36));
    // The loop looks at once after a start.
    host.restart().await;
    let details = async || {
        let log = host.get("/audit").await;
        let lines = log["items"].as_array().unwrap().clone();
        lines.iter().map(|line| line["detail"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    eventually("the old lines are gone", async || details().await == ["young: read"]).await;
    host.stop().await;
}
