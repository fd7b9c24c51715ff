//! The optional interfaces of a channel adapter: clients that it is told of, and its pages.

use std::sync::Arc;

use jiff::Timestamp;
use patchbay::{
    account::{Account, Grant, Role},
    card::{AdapterError, Card, ExternalId},
    config::Limits,
    plugin::{Adapter, Error},
    secret::Secret,
};

use crate::stage::{Stage, account, guest, limits};

/// The channel whose API is at `api_url`.
pub(crate) async fn echo(stage: &Stage, api_url: &str) -> Arc<Adapter> {
    let bytes = guest("channel_echo");
    let (_record, plugin) = stage.plugins.admit(bytes, Timestamp::UNIX_EPOCH).await.unwrap();
    let text = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let secret = Secret::new("fake-client-secret".to_owned());
    let account = Account {
        plugin: "channel-echo".parse().unwrap(),
        settings: [text("api-url", api_url), text("client-id", "fake-client-id")].into(),
        secrets: [("client-secret".to_owned(), secret)].into(),
        grants: vec![Grant { private: true, ..Grant::new(api_url) }],
        ..Account::clone(&account("echo"))
    };
    stage.plugins.bind(plugin, Arc::new(account)).unwrap()
}

pub(crate) fn client(system: &str) -> ExternalId {
    ExternalId { system: system.to_owned(), id: "c-1".to_owned() }
}

pub(crate) fn card() -> Card {
    Card {
        id: "7".to_owned(),
        url: None,
        manager: None,
        fields: Vec::new(),
        lines: Vec::new(),
        matched: Vec::new(),
    }
}

#[tokio::test]
async fn a_channel_is_told_of_tags_and_keeps_them() {
    let stage = Stage::new(limits());
    let adapter = echo(&stage, "https://channel.example").await;
    assert!(adapter.has(Role::ChannelPush) && adapter.has(Role::ChannelPage));
    adapter.tag(&client("chat"), "in-crm").await.unwrap();
    let again = adapter.tag(&client("chat"), "in-crm").await.unwrap_err();
    assert!(
        matches!(&again, Error::Adapter(AdapterError::Conflict(Some(tag))) if tag == "in-crm"),
        "{again:?}"
    );
    adapter.tag(&client("site"), "in-crm").await.unwrap();
    let empty = adapter.tag(&client("chat"), "").await.unwrap_err();
    assert!(matches!(empty, Error::Adapter(AdapterError::Invalid(_))), "{empty:?}");
}

#[tokio::test]
async fn a_page_is_rendered_from_path_and_query_and_reaches_nothing() {
    let stage = Stage::new(limits());
    let adapter = echo(&stage, "https://channel.example").await;
    let page = adapter.render("/a%20b", "x=%2B").await.unwrap().unwrap();
    assert_eq!(page.body, b"<p>/a%20b?x=%2B</p>");
    assert_eq!(page.content_type, "text/html; charset=utf-8");
    assert_eq!(page.content_security_policy, "frame-ancestors https://crm.example");
    assert_eq!(adapter.render("/nothing", "").await.unwrap(), None);
    let page = adapter.render("/fetch", "").await.unwrap().unwrap();
    let said = String::from_utf8(page.body).unwrap();
    assert_eq!(said.matches("Denied").count(), 2, "{said}");
}

#[tokio::test]
async fn a_page_that_http_cannot_carry_is_a_bad_answer() {
    let stage = Stage::new(limits());
    let adapter = echo(&stage, "https://channel.example").await;
    for (path, field) in [
        ("/no-policy", "`page.content-security-policy`"),
        ("/two-headers", "`page.content-type`"),
        ("/large", "`page.body`"),
    ] {
        let error = adapter.render(path, "").await.unwrap_err();
        assert!(matches!(error, Error::BadAnswer(_)), "{path}: {error}");
        assert!(error.to_string().contains(field), "{path}: {error}");
    }
}

#[tokio::test]
async fn pages_that_strangers_crash_do_not_stop_the_channel() {
    let stage = Stage::new(Limits { breaker_traps: 2.try_into().unwrap(), ..limits() });
    let adapter = echo(&stage, "https://channel.example").await;
    for _ in 0..2 {
        assert!(matches!(adapter.render("/crash", "").await, Err(Error::Trapped { .. })));
    }
    assert!(matches!(adapter.render("", "").await, Err(Error::BreakerOpen)));
    assert_eq!(stage.plugins.figures().open_breakers.len(), 1);
    adapter.tag(&client("chat"), "in-crm").await.unwrap();
}

#[tokio::test]
async fn a_channel_without_the_interfaces_is_not_called() {
    let stage = Stage::new(limits());
    let hostile = stage.adapter().await;
    let error = hostile.tag(&client("chat"), "x").await.unwrap_err();
    assert!(matches!(error, Error::Unsupported(Role::ChannelPush)), "{error:?}");
    let error = hostile.push_card(&client("chat"), &card()).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported(Role::ChannelPush)), "{error:?}");
    let error = hostile.render("", "").await.unwrap_err();
    assert!(matches!(error, Error::Unsupported(Role::ChannelPage)), "{error:?}");
}
