//! A shadow run: what another version would have made of what was received, and nothing sent.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    backend::{Backend, on_every_backend},
    harness::TestHost,
    versions::{guest, post},
};

on_every_backend!(a_version_is_tried_on_what_was_received_and_sends_nothing);

/// The guest as channel and as CRM, with five webhooks in the journal.
async fn stage(backend: &Backend) -> TestHost {
    let host = TestHost::with(|config| backend.configure(config)).await;
    host.install_bytes(guest("good")).await;
    let account = host.put("/accounts/shop", json!({ "plugin": "guest-version" })).await;
    host.put("/accounts/crm", json!({ "plugin": "guest-version" })).await;
    host.put("/integrations/shop-to-crm", json!({ "channel": "shop", "crm": "crm" })).await;
    let url = account["webhook_url"].as_str().unwrap();
    for number in 0..5 {
        let answer = host.hook(&format!("{url}?{number}"), "{}").await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    host.idle().await;
    host
}

/// Keeps the version, and tries it.
async fn tried(host: &TestHost, mode: &str, account: Option<&str>, events: u32) -> Value {
    let kept = host.api(Method::POST, "/plugins?activate=false", guest(mode)).await.json();
    assert_eq!(kept["state"], "kept", "{kept}");
    let trial = json!({ "digest": kept["digest"], "account": account, "events": events });
    post(host, "/plugins/guest-version/shadow", trial).await
}

fn counts(shadow: &Value) -> [u64; 4] {
    ["events", "same", "differ", "unsteady"].map(|key| shadow[key].as_u64().unwrap())
}

async fn a_version_is_tried_on_what_was_received_and_sends_nothing(backend: Backend) {
    let host = stage(&backend).await;
    let before = host.get("/events?limit=500").await;

    // Each webhook is received and answered by the channel, and mapped for the CRM. The guest
    // answers with its mode.
    let other = tried(&host, "other", None, 100).await;
    assert_eq!(counts(&other), [15, 0, 15, 0], "{other}");
    let of = |function: &str| {
        let list = other["differences"].as_array().unwrap();
        list.iter().find(|one| one["function"] == function).unwrap().clone()
    };
    assert_eq!(of("receive")["before"]["events"][0]["conversation"], "4", "the newest first");
    assert_eq!(of("receive")["after"]["events"][0]["conversation"], "other 4");
    assert_eq!(of("reply")["before"]["body"], "good 1", "with the card that was found then");
    let native =
        |side: &str| of("records")[side]["writes"][0]["write"]["contact"]["native"].clone();
    assert_eq!(
        (&native("before")["mapping"], &native("after")["mapping"]),
        (&json!("usual"), &json!("other"))
    );

    let limited = tried(&host, "other", Some("crm"), 2).await;
    assert_eq!(counts(&limited), [2, 0, 2, 0], "{limited}");
    let random = tried(&host, "random", Some("shop"), 5).await;
    assert_eq!(counts(&random), [10, 0, 5, 5], "the time is no difference: {random}");
    let trap = tried(&host, "trap", Some("shop"), 100).await;
    assert_eq!(counts(&trap), [10, 0, 10, 0]);
    let error = trap["differences"][0]["after"]["error"].as_str().unwrap();
    assert!(error.contains("this version crashes"), "{error}");
    let mapped = tried(&host, "map-trap", Some("crm"), 100).await;
    assert_eq!(counts(&mapped), [5, 0, 5, 0]);

    let versions = host.get("/plugins/guest-version/versions").await;
    let active: Vec<_> = versions["items"].as_array().unwrap().iter().collect();
    let active: Vec<_> = active.iter().filter(|it| it["state"] == "active").collect();
    assert_eq!((active.len(), &active[0]["manifest"]["version"]), (1, &json!("0.1.0-good")));
    assert_eq!(host.get("/events?limit=500").await, before, "nothing is kept");
    assert_eq!(host.host().state.stores.journal.depth().await.unwrap().pending_jobs, 0);
    for (events, status) in [(0, 422), (1, 200), (1000, 200), (1001, 422)] {
        let trial = json!({ "digest": active[0]["digest"], "events": events }).to_string();
        let answer = host.api(Method::POST, "/plugins/guest-version/shadow", trial).await;
        assert_eq!(answer.status.as_u16(), status, "{events}: {answer:?}");
    }
    host.stop().await;
}
