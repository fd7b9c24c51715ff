//! A hostile plugin in a running host: each attack costs its own webhook, and nothing beside it.

use hyper::{Method, StatusCode, header};
use patchbay::config::Config;
use serde_json::{Value, json};

mod attacks;
mod figures;
mod run;

use crate::harness::{Answer, TestHost, component, eventually, jivo};

/// A host with Jivo joined to the notebook, and the hostile plugin beside it in both roles.
async fn stage(tap: impl FnOnce(&mut Config)) -> (TestHost, String, String) {
    let host = TestHost::with(tap).await;
    let jivo_url = host.jivo_to_notebook().await;
    host.install("guest_hostile").await;
    let account = host.put("/accounts/hostile", json!({ "plugin": "guest-hostile" })).await;
    let hostile_url = account["webhook_url"].as_str().unwrap().to_owned();
    host.put(
        "/integrations/hostile-to-notebook",
        json!({ "channel": "hostile", "crm": "notebook" }),
    )
    .await;
    (host, jivo_url, hostile_url)
}

async fn newest(host: &TestHost, account: &str) -> Value {
    host.get(&format!("/events?account={account}&limit=1")).await["items"][0].clone()
}

/// Jivo's webhook is answered with the card, as if nothing had been.
async fn jivo_works(host: &TestHost, url: &str) {
    let reply = host.hook(url, jivo("chat_accepted.unknown_with_phone.json")).await.json();
    assert_eq!(reply["contact_info"]["phone"], "+79000000002", "{reply}");
}

/// Kept as unread, with these words as the reason.
async fn is_unread(host: &TestHost, answer: &Answer, reason: &str) {
    assert_eq!((answer.status, answer.body.len()), (StatusCode::ACCEPTED, 0), "{answer:?}");
    let kept = newest(host, "hostile").await;
    assert_eq!(kept["verdict"], "unread");
    assert!(kept["reason"].as_str().unwrap().contains(reason), "{reason}: {kept}");
    assert_eq!(kept["events"], json!([]));
}

#[tokio::test]
async fn each_attack_costs_its_own_webhook_only() {
    let (host, jivo_url, hostile_url) = stage(|_| {}).await;
    let attacks = [
        ("spin", "more than 100 ms of processor time"),
        ("grow", "more than 67108864 bytes of memory"),
        ("panic", "the plugin crashed: "),
        ("trap", "the plugin crashed: "),
        ("huge", "more than 16777216 bytes crossed the border"),
        ("huge-log", "more than 16777216 bytes crossed the border"),
        ("bad-reject", "`reject.status`"),
        ("bad-lane", "`event.conversation`"),
    ];

    for (attack, reason) in attacks {
        let answer = host.hook(&format!("{hostile_url}/{attack}?of=me"), "{}").await;
        is_unread(&host, &answer, reason).await;
        jivo_works(&host, &jivo_url).await;
    }

    assert_eq!(host.cards("notebook", "phone=%2B79000000002").await.len(), 1);
    host.stop().await;
}

#[tokio::test]
async fn attacks_that_the_host_answers_are_events_like_any_other() {
    let (host, jivo_url, hostile_url) = stage(|_| {}).await;

    for (attack, said) in [
        ("log-flood", "logged"),
        ("print-flood", "printed"),
        ("print-endless", "printed"),
        ("environment", "0 0 false false"),
    ] {
        let answer = host.hook(&format!("{hostile_url}/{attack}"), "{}").await;
        assert_eq!((answer.status, answer.body.as_ref()), (StatusCode::OK, said.as_bytes()));
        assert_eq!(newest(&host, "hostile").await["verdict"], "events", "{attack}");
    }
    let denied = host.hook(&format!("{hostile_url}/http?https://evil.example/"), "{}").await;
    assert!(String::from_utf8_lossy(&denied.body).contains("Denied"), "{denied:?}");

    jivo_works(&host, &jivo_url).await;
    host.idle().await;
    host.stop().await;
}

#[tokio::test]
async fn a_hostile_crm_reaches_no_host_and_its_traps_are_the_crms_fault() {
    let (host, jivo_url, _) = stage(|_| {}).await;

    for target in ["https://evil.example/", "http://127.0.0.1:1/", "http://169.254.169.254/"] {
        let cards = host.cards("hostile", &format!("card=http&email={target}")).await;
        let said = cards[0]["url"].as_str().unwrap();
        assert!(said.contains("Denied"), "{target}: {said}");
    }
    for attack in ["spin", "grow", "trap", "huge"] {
        let path = format!("/accounts/hostile/cards?card={attack}");
        let answer = host.api(Method::GET, &path, "").await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{attack}: {answer:?}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
        jivo_works(&host, &jivo_url).await;
    }

    host.stop().await;
}

#[tokio::test]
async fn the_breaker_opens_for_the_hostile_plugin_only_and_its_webhooks_are_read_later() {
    let (host, jivo_url, hostile_url) = stage(|config| {
        config.limits.breaker_traps = 3.try_into().unwrap();
        config.limits.breaker_ms = 2000.try_into().unwrap();
    })
    .await;
    for number in 0..3 {
        let answer = host.hook(&format!("{hostile_url}/trap?{number}"), "{}").await;
        is_unread(&host, &answer, "the plugin crashed").await;
    }

    let answer = host.hook(&format!("{hostile_url}/nothing"), "{}").await;

    is_unread(&host, &answer, "rests after repeated crashes").await;
    jivo_works(&host, &jivo_url).await;
    eventually("the webhook is read once the plugin has rested", async || {
        newest(&host, "hostile").await["verdict"] == "events"
    })
    .await;
    host.idle().await;
    let journal = host.get("/events?account=hostile").await;
    let verdicts: Vec<_> =
        journal["items"].as_array().unwrap().iter().map(|item| &item["verdict"]).collect();
    assert_eq!(verdicts, ["events", "unread", "unread", "unread"], "what traps is not tried again");
    host.stop().await;
}

/// The same component with a note at its end: a version with another digest.
fn next_version(file: &str) -> Vec<u8> {
    let mut bytes = component(file);
    let note = b"\x04note next version";
    bytes.push(0);
    bytes.push(u8::try_from(note.len()).unwrap());
    bytes.extend_from_slice(note);
    bytes
}

#[tokio::test]
async fn what_was_unread_is_read_by_the_next_version_of_the_plugin() {
    // Too little memory for a long transcript: its fault is the plugin's until another one is here.
    let mut host = TestHost::with(|config| {
        config.limits.memory_bytes = 4 << 20;
        // On a busy machine a tick is billed for less than its length: time is not the matter here.
        config.limits.pure_cpu_ms = config.limits.cpu_ms;
    })
    .await;
    let url = host.jivo_to_notebook().await;
    let mut webhook: Value = serde_json::from_slice(&jivo("chat_finished.one_agent.json")).unwrap();
    let message = webhook["chat"]["messages"][0].clone();
    webhook["chat"]["messages"] = Value::Array(vec![message; 20_000]);
    let answer = host.hook(&url, webhook.to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let kept = newest(&host, "jivo").await;
    assert_eq!(kept["verdict"], "unread", "{kept}");
    assert!(kept["reason"].as_str().unwrap().contains("4194304 bytes of memory"), "{kept}");

    host.restart_with(|config| config.limits.memory_bytes = 64 << 20).await;
    host.install_bytes(next_version("channel_jivo")).await;

    eventually("the webhook is read", async || newest(&host, "jivo").await["verdict"] == "events")
        .await;
    host.idle().await;
    let kept = newest(&host, "jivo").await;
    assert_eq!(kept["events"][0]["jobs"][0]["state"], "done", "{kept}");
    assert_eq!(kept.get("reason"), None, "{kept}");
    assert_eq!(host.cards("notebook", "email=alina.testova@example.com").await.len(), 1);
    host.stop().await;
}

#[tokio::test]
async fn a_plugin_that_takes_for_ever_to_compile_is_refused_and_the_host_stays_up() {
    let mut host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    host.restart_with(|config| config.limits.compile_ms = std::num::NonZeroU32::MIN).await;
    let url = format!("{}/hooks/{}", host.url(), url.rsplit('/').next().unwrap());

    let answer = host.api(Method::POST, "/plugins", component("crm_odoo")).await;

    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["code"], "plugin-refused");
    assert_eq!(
        problem["title"],
        "the plugin is refused: compiling the plugin took longer than 1 ms (`limits.compile_ms`)"
    );
    jivo_works(&host, &url).await;
    assert_eq!(host.get("/plugins").await["items"].as_array().unwrap().len(), 2);
    host.stop().await;
}
