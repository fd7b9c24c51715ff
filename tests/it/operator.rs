//! What an operator does about dead letters, stopped lanes, floods and clients who want to go.

use std::{fs, path::Path, time::Duration};

use hyper::{Method, StatusCode, header};
use patchbay_ledger::{Endpoint, Fault, Kind, Ledger};
use serde_json::{Value, json};

use crate::{
    ahead::AheadClock,
    backend::Backend,
    enquiries::{accepted, email, everything, finished, offline, phone, said, stage},
    harness::TestHost,
    program::Site,
};

/// Runs a command of the program against the host, and reads what it prints as JSON.
async fn command(host: &TestHost, words: &[&str]) -> Value {
    let site = Site::new(&[], "");
    let file = site.path("token");
    fs::write(&file, host.token()).unwrap();
    let url = host.url();
    let remote = ["--json", "--url", &url, "--token-file", file.to_str().unwrap()];
    let ended = site.run(&[words, &remote[..]].concat()).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// The items of a list.
#[track_caller]
fn items(list: &Value) -> &[Value] {
    list["items"].as_array().or(list.as_array()).unwrap_or_else(|| panic!("no list: {list}"))
}

#[tokio::test]
async fn a_dead_letter_stops_its_lane_where_it_is_told_to_until_an_operator_lets_it_go_on() {
    let ledger = Ledger::open().await;
    let host = TestHost::start().await;
    let options = json!({ "notes": true, "on_dead_letter": "stop" });
    let url = host.jivo_to_ledger_with(&ledger, options).await;
    for number in [1, 2] {
        ledger.fault_on(Endpoint::CreateNote, number, Fault::Status(422));
    }

    for client in [1, 2] {
        for messages in [1, 2] {
            host.hook(&url, finished(client, client, messages).to_string()).await;
        }
    }
    crate::harness::eventually("both lanes stop", async || {
        items(&host.get("/lanes").await).iter().filter(|lane| lane["state"] == "stopped").count()
            == 2
    })
    .await;

    assert_eq!(ledger.count(Kind::Note), 0, "nothing passes the dead letters");
    let lanes = host.get("/lanes?integration=jivo-to-ledger").await;
    let [second, first] = items(&lanes) else { panic!("{lanes}") };
    assert!(first["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{first}");
    let resume = format!("/lanes/{}/resume", first["lane"]);
    assert_eq!(host.api(Method::POST, &resume, "").await.status, StatusCode::ACCEPTED);
    host_ends(&ledger, 1).await;
    assert_eq!(host.api(Method::POST, &resume, "").await.status, StatusCode::NOT_FOUND);

    let listed = command(&host, &["lane", "list"]).await;
    let [left] = items(&listed) else { panic!("{listed}") };
    assert_eq!(left["lane"], second["lane"]);
    let lane = left["lane"].to_string();
    command(&host, &["lane", "resume", &lane]).await;
    host_ends(&ledger, 2).await;
    assert_eq!(items(&host.get("/lanes").await), [Value::Null; 0]);
    assert_eq!(items(&host.get("/dead-letters").await).len(), 2, "they are still to be looked at");
    host.stop().await;
}

async fn host_ends(ledger: &Ledger, notes: usize) {
    crate::harness::eventually("the lane goes on", async || ledger.count(Kind::Note) == notes)
        .await;
}

#[tokio::test]
async fn a_dead_letter_that_stops_its_lane_is_replayed_at_its_head() {
    let ledger = Ledger::open().await;
    let host = TestHost::start().await;
    let options = json!({ "notes": true, "on_dead_letter": "stop" });
    let url = host.jivo_to_ledger_with(&ledger, options).await;
    ledger.fault_on(Endpoint::CreateNote, 1, Fault::Status(422));
    for messages in [1, 2] {
        host.hook(&url, finished(1, 1, messages).to_string()).await;
    }
    crate::harness::eventually("the lane stops", async || {
        items(&host.get("/lanes").await).iter().any(|lane| lane["state"] == "stopped")
    })
    .await;
    let job = host.get("/dead-letters").await["items"][0]["job"].to_string();
    assert_eq!(command(&host, &["replay", &job]).await, json!({ "replayed": 1 }));
    host.idle().await;
    let writes = ledger.writes();
    let notes = writes.iter().filter(|write| write.kind == Kind::Note);
    let order: Vec<usize> = notes.map(|write| said(&write.body)).collect();
    assert_eq!(order, [1, 2], "in their order");
    host.stop().await;
}

#[tokio::test]
async fn dead_letters_are_replayed_by_what_they_have_in_common() {
    let ledger = Ledger::open().await;
    let (host, url) = stage(&Backend::Sqlite, &ledger).await;
    ledger.set_fault(Some(Fault::Status(422)));
    for client in 1..=3 {
        host.hook(&url, offline(client)).await;
    }
    host.hook(&url, accepted(4, 4).to_string()).await;
    host.idle().await;
    assert_eq!(items(&host.get("/dead-letters").await).len(), 4);
    ledger.set_fault(None);

    let none = json!({ "kind": "offline-message", "died_since": "2100-01-01T00:00:00Z" });
    let answer = host.api(Method::POST, "/dead-letters/replay", none.to_string()).await;
    assert_eq!(answer.json(), json!({ "replayed": 0 }));
    let offline_only = ["replay", "--all", "--kind", "offline-message"];
    assert_eq!(command(&host, &offline_only).await, json!({ "replayed": 3 }));
    host.idle().await;
    assert_eq!(ledger.count(Kind::Contact), 3);
    let letters = host.get("/dead-letters").await;
    let [left] = items(&letters) else { panic!("{letters}") };
    assert_eq!(left["kind"], "conversation-started");
    let integration = json!({ "integration": "jivo-to-ledger" });
    let answer = host.api(Method::POST, "/dead-letters/replay", integration.to_string()).await;
    assert_eq!(answer.json(), json!({ "replayed": 1 }));
    host.idle().await;
    assert_eq!(ledger.count(Kind::Contact), 4);
    host.stop().await;
}

/// Where the files of a folder hold the text: the file and what stands around it.
fn places(folder: &Path, text: &str) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut places = Vec::new();
    for file in files.filter(|file| file.is_file()) {
        let bytes = fs::read(&file).unwrap();
        for (at, window) in bytes.windows(text.len()).enumerate() {
            if window == text.as_bytes() {
                let around = &bytes[at.saturating_sub(80)..bytes.len().min(at + 80)];
                places.push(format!(
                    "{} {at}: {}",
                    file.display(),
                    String::from_utf8_lossy(around)
                ));
            }
        }
    }
    places
}

#[tokio::test]
async fn nothing_of_a_client_who_is_forgotten_is_left_in_any_file() {
    let ledger = Ledger::open().await;
    let (mut host, url) = stage(&Backend::Sqlite, &ledger).await;
    // So many that pages of the database have split.
    for client in 1..=100 {
        host.hook(&url, offline(client)).await;
        host.hook(&url, finished(client, client, 2).to_string()).await;
    }
    host.idle().await;
    host.restart().await;
    let digits = phone(7)[1..].to_owned();
    let data = host.folder().to_owned();
    for text in [&digits, &email(7)] {
        assert!(!places(&data, text).is_empty(), "{text} is kept until then");
    }

    let phone_7 = phone(7);
    let erased = command(&host, &["forget", "--phone", &phone_7]).await;
    assert_eq!((&erased["requests"], &erased["events"]), (&json!(2), &json!(2)), "{erased}");
    let cards = erased["cards"].as_array().unwrap();
    assert!(cards.contains(&json!({ "account": "ledger", "card": "c7" })), "{erased}");
    let rest = json!({ "email": email(7) });
    let answer = host.api(Method::POST, "/forget", rest.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");

    host.restart().await;
    assert_eq!(places(&data, &digits), Vec::<String>::new(), "the phone is left");
    assert_eq!(places(&data, &email(7)), Vec::<String>::new(), "the e-mail address is left");
    for text in [&phone(8)[1..], &email(8)] {
        assert!(!places(&data, text).is_empty(), "others stay");
    }
    let journal = host.get("/events?limit=500").await;
    assert_eq!(items(&journal).len(), 200, "what was counted is counted");
    host.stop().await;
}

#[tokio::test]
async fn webhooks_that_come_too_fast_are_told_when_to_come_again_and_nothing_is_stored() {
    let ledger = Ledger::open().await;
    let (host, _) = stage(&Backend::Sqlite, &ledger).await;
    let slow = json!({ "per_second": 0.2, "burst": 2 });
    let url = host.jivo_account(json!({ "plugin": "channel-jivo", "webhook_rate": slow })).await;
    let other = host.join("other", "ledger", everything()).await;
    for (client, status) in [(1, 200), (2, 200), (3, 429), (4, 429)] {
        let answer = host.hook(&url, offline(client)).await;
        assert_eq!(answer.status, status, "{client}: {answer:?}");
        if status == 429 {
            let wait: u64 = answer.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
            assert!((1..=6).contains(&wait), "{wait}");
            assert_eq!(answer.json()["code"], "too-fast");
        }
    }
    assert_eq!(host.hook(&other, offline(5)).await.status, StatusCode::OK, "others are not held");
    host.idle().await;
    assert_eq!(items(&host.get("/events").await).len(), 3);
    assert_eq!(ledger.count(Kind::Contact), 3);
    host.stop().await;
}

#[tokio::test]
async fn a_webhook_is_known_again_within_its_window_and_new_after_it() {
    let ledger = Ledger::open().await;
    let clock = std::sync::Arc::new(AheadClock::default());
    let host = TestHost::on_clock(std::sync::Arc::<AheadClock>::clone(&clock), |config| {
        config.intake.dedup_window_s = 3600.try_into().unwrap();
        config.intake.content_dedup_window_s = 60.try_into().unwrap();
    })
    .await;
    let url = host.jivo_to_ledger_with(&ledger, everything()).await;
    // Jivo names an offline message; an update of a client is known by its content alone.
    let keyed = offline(1);
    let mut update = accepted(1, 2);
    update["event_name"] = json!("client_updated");
    let update = update.to_string();
    let send = async |body: &str| {
        host.hook(&url, body.to_owned()).await;
        host.idle().await;
        host.get("/events?limit=1").await["items"][0]["events"][0]["duplicate"] == true
    };
    assert_eq!((send(&keyed).await, send(&update).await), (false, false));
    assert_eq!((send(&keyed).await, send(&update).await), (true, true));
    clock.advance(Duration::from_secs(61));
    assert_eq!((send(&keyed).await, send(&update).await), (true, false));
    clock.advance(Duration::from_hours(1));
    assert_eq!((send(&keyed).await, send(&update).await), (false, false));
    assert_eq!(ledger.count(Kind::Contact), 2, "known or not, a client has one card");
    host.stop().await;
}
