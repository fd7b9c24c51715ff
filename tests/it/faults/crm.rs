//! A CRM that is down, slow, lying, busy or locked: the sender is answered, and the work is done later.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    fake_odoo::{self, FakeOdoo, Fault},
    flow::odoo_account,
    harness::{TestHost, eventually, jivo},
};

/// What a call and the machine may take beside a wait.
const MARGIN: Duration = Duration::from_secs(1);

/// A host with Jivo joined to the fake; its senders wait for a second at most.
async fn stage() -> (TestHost, FakeOdoo, String) {
    stage_of(12).await
}

/// The same, with so many attempts for each job.
async fn stage_of(attempts: u32) -> (TestHost, FakeOdoo, String) {
    let host = TestHost::with(|config| {
        config.retry.attempts_max = attempts.try_into().unwrap();
        config.egress.timeout_ms = 2000.try_into().unwrap();
        config.egress.connect_ms = 2000.try_into().unwrap();
    })
    .await;
    let odoo = fake_odoo::start().await;
    host.install("channel_jivo").await;
    host.install("crm_odoo").await;
    host.put("/accounts/odoo", odoo_account(&odoo)).await;
    let url =
        host.jivo_account(json!({ "plugin": "channel-jivo", "reply_deadline_ms": 1000 })).await;
    host.put("/integrations/jivo-to-odoo", json!({ "channel": "jivo", "crm": "odoo" })).await;
    (host, odoo, url)
}

/// Sends the webhook of an unknown client. The reply and how long it took.
async fn chat(host: &TestHost, url: &str) -> (Value, Duration) {
    let started = Instant::now();
    let answer = host.hook(url, jivo("chat_accepted.unknown_with_phone.json")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    (answer.json(), started.elapsed())
}

pub(super) fn outcomes(event: &Value) -> Vec<&str> {
    event["attempts"].as_array().unwrap().iter().map(|it| it["outcome"].as_str().unwrap()).collect()
}

#[track_caller]
fn assert_one_partner(odoo: &FakeOdoo) {
    let partners = odoo.partners();
    assert_eq!(partners.len(), 1, "{partners:?}");
    assert_eq!(partners[0]["phone"], "+79000000002");
}

fn fallback() -> Value {
    json!({ "result": "ok" })
}

#[tokio::test]
async fn a_crm_that_is_down_costs_the_sender_nothing_and_gets_its_work_later() {
    let (host, odoo, url) = stage().await;
    odoo.set_fault(Some(Fault::Unavailable));

    let (reply, took) = chat(&host, &url).await;

    assert_eq!(reply, fallback());
    assert!(took < Duration::from_secs(1) + MARGIN, "{took:?}");
    assert_eq!(host.newest().await["jobs"][0]["state"], "pending");
    odoo.set_fault(None);
    host.idle().await;
    let event = host.newest().await;
    let outcomes = outcomes(&event);
    assert_eq!((outcomes.first(), outcomes.last()), (Some(&"transient"), Some(&"done")));
    assert_eq!(event["attempts"][0]["blame"], "peer");
    assert_one_partner(&odoo);
    host.stop().await;
}

#[tokio::test]
async fn the_senders_deadline_is_met_with_the_crm_hanging() {
    let (host, odoo, url) = stage().await;
    odoo.set_fault(Some(Fault::Hang));

    let (reply, took) = chat(&host, &url).await;

    assert_eq!(reply, fallback());
    let deadline = Duration::from_secs(1);
    // The host may keep a part of the time for the answer's way.
    assert!((deadline / 2..deadline + MARGIN).contains(&took), "{took:?}");
    odoo.set_fault(None);
    host.idle().await;
    assert_eq!(outcomes(&host.newest().await), ["transient", "done"]);
    assert_one_partner(&odoo);
    host.stop().await;
}

#[tokio::test]
async fn a_crm_that_lies_makes_a_dead_letter_that_can_be_replayed() {
    for fault in [Fault::Html, Fault::WrongJson] {
        // A page may be one for maintenance, so that it is asked again at first.
        let (host, odoo, url) = stage_of(2).await;
        odoo.set_fault(Some(fault));

        assert_eq!(chat(&host, &url).await.0, fallback());
        host.idle().await;

        let letters = host.get("/dead-letters").await;
        let letter = &letters["items"][0];
        assert!(letter["reason"].as_str().unwrap().contains("`base-url`"), "{letter}");
        odoo.set_fault(None);
        let path = format!("/dead-letters/{}/replay", letter["job"]);
        assert_eq!(host.api(Method::POST, &path, "").await.status, StatusCode::ACCEPTED);
        host.idle().await;
        assert_eq!(host.get("/dead-letters").await["items"], json!([]));
        assert_one_partner(&odoo);
        host.stop().await;
    }
}

#[tokio::test]
async fn a_crm_that_asks_to_wait_is_left_alone_and_no_attempt_is_spent() {
    let (host, odoo, url) = stage().await;
    odoo.fault_next(Fault::TooManyRequests { retry_after_s: 2 }, 1);
    let started = Instant::now();

    assert_eq!(chat(&host, &url).await.0, fallback());
    host.idle().await;

    assert!(Duration::from_secs(2) <= started.elapsed(), "{:?}", started.elapsed());
    let event = host.newest().await;
    assert_eq!(outcomes(&event), ["rate-limited", "done"]);
    assert_eq!(event["jobs"][0]["attempts"], 1, "only the attempt that did the work counts");
    assert_one_partner(&odoo);
    host.stop().await;
}

#[tokio::test]
async fn an_answer_lost_after_the_write_makes_no_second_partner() {
    let (host, odoo, url) = stage().await;
    odoo.set_fault(Some(Fault::LostAnswer));

    chat(&host, &url).await;
    eventually("a write is tried", async || odoo.calls("load") == 1).await;
    odoo.set_fault(None);
    host.idle().await;

    let event = host.newest().await;
    assert_eq!(outcomes(&event), ["transient", "done"]);
    let reason = event["attempts"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("the answer to a write was lost"), "{reason}");
    assert_one_partner(&odoo);
    host.stop().await;
}

#[tokio::test]
async fn refused_credentials_pause_the_account_until_they_are_mended() {
    let (host, odoo, url) = stage().await;
    let mut account = odoo_account(&odoo);
    account["secrets"]["api-key"] = json!("of-last-year");
    host.put("/accounts/odoo", account.clone()).await;

    assert_eq!(chat(&host, &url).await.0, fallback());
    eventually("the account is paused", async || {
        host.get("/accounts/odoo").await["state"] != "active"
    })
    .await;

    let reason = host.get("/accounts/odoo").await["state"]["paused"].as_str().unwrap().to_owned();
    assert!(reason.contains("refused the API key"), "{reason}");
    let calls = odoo.all_calls();
    host.hook(&url, jivo("offline_message.json")).await;
    let event = host.newest().await;
    assert_eq!((&event["jobs"][0]["state"], &event["attempts"]), (&json!("pending"), &json!([])));
    assert_eq!(odoo.all_calls(), calls, "a paused account is not asked");

    account["secrets"]["api-key"] = json!(fake_odoo::API_KEY);
    account["state"] = json!("active");
    host.put("/accounts/odoo", account).await;
    host.idle().await;
    assert_eq!(odoo.partners().len(), 2, "no job was lost");
    assert_eq!(host.get("/dead-letters").await["items"], json!([]));
    host.stop().await;
}

#[tokio::test]
async fn an_invalid_record_is_a_dead_letter_at_once_with_the_reason() {
    let (host, odoo, url) = stage().await;
    odoo.set_fault(Some(Fault::Refused));

    assert_eq!(chat(&host, &url).await.0, fallback());
    host.idle().await;

    let event = host.newest().await;
    assert_eq!((&event["jobs"][0]["state"], outcomes(&event)), (&json!("dead"), vec!["permanent"]));
    let letters = host.get("/dead-letters").await;
    assert_eq!(letters["items"][0]["reason"], "Odoo refused it (ValidationError)");
    assert_eq!(letters["items"][0]["integration"], "jivo-to-odoo");
    assert_eq!(odoo.partners(), Vec::<Value>::new());
    host.stop().await;
}
