//! Versions of plugins: chosen, approved, taken back; on one host and on several.

use std::{sync::Arc, time::Duration};

use hyper::{Method, StatusCode, header};
use patchbay::{
    clock::SystemClock,
    config::{Config, Profile},
};
use serde_json::{Value, json};

use crate::{
    backend::{Backend, on_every_backend},
    harness::{TestHost, Web, component, eventually},
};

on_every_backend!(
    a_version_is_rolled_back_in_one_step_and_a_restart_keeps_it_so,
    a_version_is_active_for_one_account_alone,
    a_version_that_asks_for_more_waits_for_approval,
    a_version_that_crashes_is_taken_back_within_two_seconds,
    a_version_that_refuses_everything_is_taken_back_and_nothing_is_lost,
    a_crm_version_that_crashes_is_taken_back_and_its_jobs_are_done,
);

/// The guest in this mode: each is a version with a digest of its own.
pub(crate) fn guest(mode: &str) -> Vec<u8> {
    const MARK: &[u8] = b"patchbay-test-mode:";
    const ROOM: usize = 21;
    let mut bytes = component("guest_version");
    let at = bytes.windows(MARK.len()).position(|part| part == MARK).unwrap() + MARK.len();
    let text = format!("{mode:-<ROOM$}");
    bytes[at..at + ROOM].copy_from_slice(text.as_bytes());
    bytes
}

/// A host with the guest as a channel, in the mode `good`. Returns the webhook URL.
async fn stage(backend: &Backend, tap: impl FnOnce(&mut Config)) -> (TestHost, String) {
    let host = TestHost::with(|config| {
        backend.configure(config);
        tap(config);
    })
    .await;
    host.install_bytes(guest("good")).await;
    let account = host.put("/accounts/shop", json!({ "plugin": "guest-version" })).await;
    (host, account["webhook_url"].as_str().unwrap().to_owned())
}

pub(crate) async fn post(host: &TestHost, path: &str, body: Value) -> Value {
    let answer = host.api(Method::POST, path, body.to_string()).await;
    assert!(answer.status.is_success(), "POST {path}: {answer:?}");
    answer.json()
}

/// The mode of the version that answers.
async fn said(host: &TestHost, url: &str) -> String {
    let url = if url.contains('?') { url.to_owned() } else { format!("{url}?probe") };
    let answer = host.hook(&url, "{}").await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    text.split(' ').next().unwrap_or_default().to_owned()
}

async fn versions(host: &TestHost) -> Vec<Value> {
    host.get("/plugins/guest-version/versions").await["items"].as_array().unwrap().clone()
}

async fn states(host: &TestHost) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().trim_start_matches("0.1.0-").to_owned();
    let state = |it: &Value| (text(&it["manifest"]["version"]), text(&it["state"]));
    versions(host).await.iter().map(state).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(mode, state)| ((*mode).to_owned(), (*state).to_owned())).collect()
}

async fn a_version_is_rolled_back_in_one_step_and_a_restart_keeps_it_so(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("guest.wasm"), guest("good-2")).unwrap();
    let (mut host, url) =
        stage(&backend, |config| config.versions.kept = 2.try_into().unwrap()).await;
    assert_eq!(said(&host, &url).await, "good");
    let nothing = host.api(Method::POST, "/plugins/guest-version/rollback", "{}").await;
    assert_eq!(nothing.status, StatusCode::CONFLICT, "{nothing:?}");

    host.restart_with(|config| config.plugins = Some(folder.path().to_owned())).await;
    let url = format!("{}/hooks/{}", host.url(), url.rsplit('/').next().unwrap());
    assert_eq!(said(&host, &url).await, "good-2", "what is new in the folder is active");
    let back = post(&host, "/plugins/guest-version/rollback", json!({})).await;
    assert_eq!(said(&host, &url).await, "good");
    assert_ne!(back["before"], back["digest"]);
    assert_eq!(states(&host).await, pairs(&[("good", "active"), ("good-2", "kept")]));

    host.restart().await;
    let url = format!("{}/hooks/{}", host.url(), url.rsplit('/').next().unwrap());
    assert_eq!(said(&host, &url).await, "good", "the folder undoes no rollback");

    host.install_bytes(guest("good-3")).await;
    assert_eq!(states(&host).await, pairs(&[("good-3", "active"), ("good", "kept")]));
    host.restart().await;
    let url = format!("{}/hooks/{}", host.url(), url.rsplit('/').next().unwrap());
    assert_eq!(said(&host, &url).await, "good-3", "what was removed does not come back");
    let digest = versions(&host).await[1]["digest"].as_str().unwrap()[..12].to_owned();
    let choice = json!({ "digest": digest });
    post(&host, "/plugins/guest-version/activate", choice).await;
    assert_eq!(said(&host, &url).await, "good");
    host.stop().await;
}

async fn a_version_is_active_for_one_account_alone(backend: Backend) {
    let (host, url) = stage(&backend, |_| {}).await;
    let other = host.put("/accounts/other", json!({ "plugin": "guest-version" })).await;
    let other = other["webhook_url"].as_str().unwrap().to_owned();
    let good = versions(&host).await[0]["digest"].clone();
    host.install_bytes(guest("good-2")).await;

    let pinned = json!({ "digest": good, "account": "other" });
    post(&host, "/plugins/guest-version/activate", pinned.clone()).await;
    assert_eq!((said(&host, &url).await, said(&host, &other).await), pair("good-2", "good"));
    host.install_bytes(guest("good-3")).await;
    assert_eq!((said(&host, &url).await, said(&host, &other).await), pair("good-3", "good"));
    let listed = versions(&host).await;
    let own: Vec<_> = listed.iter().filter(|it| it["accounts"] == json!(["other"])).collect();
    assert_eq!((own.len(), &own[0]["digest"]), (1, &good));

    post(&host, "/plugins/guest-version/rollback", json!({ "account": "other" })).await;
    assert_eq!(said(&host, &other).await, "good-3", "it goes with all the others again");
    post(&host, "/plugins/guest-version/activate", pinned).await;
    post(&host, "/plugins/guest-version/activate", json!({ "account": "other" })).await;
    assert_eq!(said(&host, &other).await, "good-3");

    for (path, body, status) in [
        ("/plugins/guest-version/activate", json!({ "digest": good, "account": "none" }), 404),
        ("/plugins/guest-version/activate", json!({ "digest": "01234567890123456789" }), 404),
        ("/plugins/guest-version/activate", json!({ "digest": "none" }), 404),
        ("/plugins/guest-version/activate", json!({}), 409),
        ("/plugins/nothing/rollback", json!({}), 409),
        ("/plugins/guest-version/rollback", json!({ "digest": good }), 400),
    ] {
        let answer = host.api(Method::POST, path, body.to_string()).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {answer:?}");
    }
    let short = json!({ "digest": good.as_str().unwrap()[..5] }).to_string();
    let answer = host.api(Method::POST, "/plugins/guest-version/activate", short).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "too short: {answer:?}");
    host.stop().await;
}

fn pair(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

async fn a_version_that_asks_for_more_waits_for_approval(backend: Backend) {
    let (host, url) = stage(&backend, |_| {}).await;

    let asks = host.install_bytes(guest("host")).await;
    assert_eq!(asks["state"], "waiting", "{asks}");
    let more = json!([{ "kind": "host", "value": "https://new.example" }]);
    assert_eq!(asks["difference"]["more"], more);
    assert_eq!(said(&host, &url).await, "good");
    let breaks = host.install_bytes(guest("setting")).await;
    assert_eq!(breaks["difference"]["more"][0]["kind"], "required-setting");
    let broken = &breaks["difference"]["breaks"][0];
    assert_eq!(
        (&broken["account"], &broken["problems"][0]["field"]),
        (&json!("shop"), &json!("key"))
    );
    assert_eq!(said(&host, &url).await, "good", "no upload takes a working account down");
    let waiting = [("setting", "waiting"), ("host", "waiting"), ("good", "active")];
    assert_eq!(states(&host).await, pairs(&waiting));
    assert_eq!(versions(&host).await[1]["difference"]["more"], more);

    let choice = json!({ "digest": asks["digest"] });
    let path = "/plugins/guest-version/activate";
    let refused = host.api(Method::POST, path, choice.to_string()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    let approved = post(&host, "/plugins/guest-version/approve", choice).await;
    assert_eq!(approved["difference"]["more"], more);
    assert_eq!(said(&host, &url).await, "host");
    post(&host, "/plugins/guest-version/rollback", json!({})).await;
    assert_eq!(host.install_bytes(guest("host")).await["state"], "active", "a yes is kept");
    let told = host.get("/audit").await;
    let line = &told["items"][2];
    assert_eq!(line["action"], "POST /plugins/{name}/approve", "{told}");
    let digests = (asks["digest"].as_str().unwrap(), approved["before"].as_str().unwrap());
    let detail = format!("account: all; version: {}; before: {}", digests.0, digests.1);
    assert_eq!(line["detail"], json!(detail), "{told}");
    host.stop().await;
}

/// The newest webhooks of the journal, by their verdict.
async fn verdicts(host: &TestHost) -> Vec<String> {
    let listed = host.get("/events?limit=500").await;
    let items = listed["items"].as_array().unwrap();
    items.iter().map(|item| item["verdict"].as_str().unwrap().to_owned()).collect()
}

async fn a_version_that_crashes_is_taken_back_within_two_seconds(backend: Backend) {
    let (host, url) = stage(&backend, |_| {}).await;
    host.install_bytes(guest("trap")).await;
    let started = tokio::time::Instant::now();

    for number in 0..5 {
        host.hook(&format!("{url}?{number}"), "{}").await;
    }
    eventually("the version before is back", async || said(&host, &url).await == "good").await;

    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    eventually("what it could not read is read", async || {
        verdicts(&host).await.iter().all(|verdict| verdict == "events")
    })
    .await;
    let listed = host.get("/plugins").await;
    let notice = listed["items"][0]["notice"]["text"].as_str().unwrap();
    assert!(notice.contains("5 of its last 5 calls failed"), "{notice}");
    let told = host.get("/audit?limit=1").await["items"][0].clone();
    let rollback = json!("plugins/guest-version/rollback");
    assert_eq!((&told["who"], &told["subject"]), (&json!("host"), &rollback), "{told}");
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("was taken back: 5 of its last 5 calls failed"), "{told}");
    assert_eq!(states(&host).await, pairs(&[("good", "active"), ("trap", "kept")]));
    host.stop().await;
}

async fn a_version_that_refuses_everything_is_taken_back_and_nothing_is_lost(backend: Backend) {
    let (host, url) = stage(&backend, |_| {}).await;
    assert_eq!(said(&host, &format!("{url}?before")).await, "good");
    host.install_bytes(guest("reject")).await;

    for number in 0..5 {
        let answer = host.hook(&format!("{url}?{number}"), "{}").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }

    eventually("the version before is back", async || said(&host, &url).await == "good").await;
    eventually("what was refused is read", async || {
        verdicts(&host).await.iter().all(|verdict| verdict == "events")
    })
    .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_watched_for_its_time_and_no_longer() {
    let (host, url) = stage(&Backend::Sqlite, |config| config.versions.watch_s = 0).await;
    host.install_bytes(guest("trap")).await;
    for number in 0..9 {
        host.hook(&format!("{url}?{number}"), "{}").await;
    }
    assert_eq!(states(&host).await, pairs(&[("trap", "active"), ("good", "kept")]));
    host.stop().await;
}

async fn a_crm_version_that_crashes_is_taken_back_and_its_jobs_are_done(backend: Backend) {
    let (host, url) = stage(&backend, |_| {}).await;
    host.put("/accounts/crm", json!({ "plugin": "guest-version" })).await;
    host.put("/integrations/shop-to-crm", json!({ "channel": "shop", "crm": "crm" })).await;
    let crashes = host.install_bytes(guest("map-trap")).await;

    for number in 0..9 {
        host.hook(&format!("{url}?{number}"), "{}").await;
    }
    eventually("the version before is back", async || {
        states(&host).await == pairs(&[("good", "active"), ("map-trap", "kept")])
    })
    .await;
    host.idle().await;

    assert_eq!(host.get("/dead-letters").await["items"], json!([]));
    let listed = host.get("/plugins").await;
    assert_eq!(listed["items"][0]["notice"]["from"], crashes["digest"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_share_a_database_share_what_is_active() {
    let backend = Backend::postgres().await;
    let (host, url) = stage(&backend, |_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data: folder.path().join("data"),
        profile: Profile::Dev,
        ..Config::default()
    };
    backend.configure(&mut config);
    let program = crate::harness::program();
    let second = patchbay::host::Host::start(config, Arc::new(SystemClock), program).await.unwrap();
    let token = url.rsplit('/').next().unwrap().to_owned();
    let other = format!("http://{}/hooks/{token}", second.address);

    host.install_bytes(guest("trap")).await;
    eventually("the other host has the new version", async || {
        let answer = host.hook(&format!("{other}?probe"), "{}").await;
        answer.body.is_empty() && answer.status == StatusCode::ACCEPTED
    })
    .await;
    // Both see it fail at the same time.
    let mut hooks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let base = if number % 2 == 0 { &url } else { &other };
        let url = format!("{base}?{number}");
        hooks.spawn(async move { Web::new().hook(&url, "{}").await });
    }
    hooks.join_all().await;

    for base in [&url, &other] {
        eventually("the version before is back on both", async || {
            said(&host, &format!("{base}?end")).await == "good"
        })
        .await;
    }
    let activations = host.host().state.stores.versions.activations().await.unwrap();
    assert_eq!(activations[0].generation, 3, "it is taken back once: {activations:?}");
    eventually("all is read", async || {
        host.host().state.stores.journal.depth().await.unwrap().unread_requests == 0
    })
    .await;
    second.stop().await;
    host.stop().await;
}

#[tokio::test]
async fn an_upload_tells_its_stages_and_its_cost() {
    let host = TestHost::start().await;
    let upload = async |bytes: Vec<u8>| {
        let request = hyper::Request::post(format!("{}/api/v1/plugins", host.url()))
            .header(header::AUTHORIZATION, format!("bearer {}", host.token()))
            .header(header::ACCEPT, "application/x-ndjson")
            .body(http_body_util::Full::new(bytes.into()))
            .unwrap();
        let answer = host.send(request).await;
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/x-ndjson");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };

    let mut lines = upload(guest("good")).await;
    let end = lines.pop().unwrap();
    let stages: Vec<_> = lines.iter().map(|line| line["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["read", "compile", "start", "describe", "measure", "store"]);
    assert_eq!((&end["status"], &end["plugin"]["state"]), (&json!(201), &json!("active")));
    let cost = &end["plugin"]["cost"];
    assert!(0 < cost["instantiate_us"].as_u64().unwrap(), "{cost}");
    let memory = cost["memory_bytes"].as_u64().unwrap();
    assert!((64 << 10..64 << 20).contains(&memory), "{cost}");

    let told = host.get("/audit?limit=1").await["items"][0].clone();
    let detail =
        format!("guest-version 0.1.0-good {}: active", end["plugin"]["digest"].as_str().unwrap());
    assert_eq!((&told["status"], &told["detail"]), (&json!(201), &json!(detail)), "{told}");

    let lines = upload(b"no component".to_vec()).await;
    assert_eq!(lines[0], json!({ "stage": "read" }));
    let problem = &lines[1]["problem"];
    assert_eq!((&lines[1]["status"], &problem["code"]), (&json!(422), &json!("plugin-refused")));
    assert_eq!(host.get("/audit?limit=1").await["items"][0]["status"], 422);
    let lines = upload(guest("fickle")).await;
    let title = lines.last().unwrap()["problem"]["title"].as_str().unwrap();
    assert!(title.contains("does not say the same each time"), "{title}");
    host.stop().await;
}
