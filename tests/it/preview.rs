//! An integration is tried: what it would do is told and nothing is sent, or a test takes the real way.

use std::fs;

use hyper::{Method, StatusCode};
use patchbay_ledger::{Endpoint, Fault, Kind, Ledger};
use serde_json::{Value, json};

use crate::{
    cli::{assert_failed, assert_sentence, text},
    enquiries::{accepted, everything, offline, phone},
    harness::{Answer, TestHost, jivo, ledger_account},
    program::Site,
    remote::remote,
};

const PREVIEW: &str = "/integrations/jivo-to-ledger/preview";
const TEST: &str = "/integrations/jivo-to-ledger/test";

async fn stage(ledger: &Ledger) -> (TestHost, String) {
    let host = TestHost::start().await;
    let url = host.jivo_to_ledger_with(ledger, everything()).await;
    (host, url)
}

async fn post(host: &TestHost, path: &str, input: &Value) -> Value {
    let answer = host.api(Method::POST, path, input.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()
}

/// The offline message of this client, as a vendor sends it.
fn request(client: u64) -> Value {
    json!({ "body": offline(client), "headers": { "Content-Type": "application/json" } })
}

/// The steps of an event's writes.
#[track_caller]
fn steps(event: &Value) -> Vec<&str> {
    let writes = event["writes"].as_array().unwrap_or_else(|| panic!("{event}"));
    writes.iter().map(|write| write["step"].as_str().unwrap()).collect()
}

#[track_caller]
fn decision<'a>(event: &'a Value, rule: &str) -> &'a Value {
    let decisions = event["decisions"].as_array().unwrap_or_else(|| panic!("{event}"));
    let found = decisions.iter().find(|decision| decision["rule"] == rule);
    let found = found.unwrap_or_else(|| panic!("no `{rule}`: {event}"));
    assert!(!found["because"].as_str().unwrap().is_empty(), "{found}");
    found
}

#[tokio::test]
async fn a_preview_shows_the_exact_records_and_sends_nothing() {
    let ledger = Ledger::open().await;
    let (host, url) = stage(&ledger).await;

    let preview = post(&host, PREVIEW, &json!({ "request": request(1) })).await;

    assert_eq!(preview["verdict"], "events");
    assert_eq!(preview["answer"]["status"], 200);
    let [event] = preview["events"].as_array().unwrap().as_slice() else { panic!("{preview}") };
    assert_eq!(event["kind"], "offline-message");
    for rule in ["contact", "responsible", "deal", "task"] {
        decision(event, rule);
    }
    assert_eq!(ledger.writes().len(), 0, "nothing was sent");
    assert_eq!(host.get("/events").await["items"], json!([]), "and nothing was kept");
    let contact = &event["writes"][0]["write"]["contact"];
    assert_eq!(contact["id"], Value::Null, "a new card: {event}");
    assert!(contact["native"].to_string().contains(&phone(1)), "{event}");

    host.hook(&url, offline(1)).await;
    host.idle().await;
    let writes = ledger.writes();
    assert_eq!(steps(event).len(), writes.len(), "{event}");
    let sent = writes.iter().find(|write| write.kind == Kind::Contact).unwrap();
    let planned = contact["native"].as_object().unwrap();
    for (key, value) in planned {
        assert_eq!(&sent.body[key], value, "what was shown is what was sent: {key}");
    }

    // Now that the client is known, the same request would do something else.
    let again = post(&host, PREVIEW, &json!({ "request": request(1) })).await;
    assert_ne!(steps(&again["events"][0]), steps(event));
    assert_eq!(again["events"][0]["outcome"]["cards"][0]["id"], "c1", "{again}");
    assert_eq!(ledger.writes().len(), writes.len());
    host.stop().await;
}

#[tokio::test]
async fn rules_are_tried_on_an_old_event_before_they_are_saved() {
    let ledger = Ledger::open().await;
    let (host, url) = stage(&ledger).await;
    host.hook(&url, offline(1)).await;
    host.idle().await;
    let (event, calls) = (host.newest().await["id"].clone(), ledger.calls());
    let rules = json!({
        "mapping": [{ "field": "contact.comment", "value": "Says: {{ message }}" }],
        "update": "all",
    });
    let input = json!({ "event": event, "rules": rules, "options": {}, "look_up": false });

    let preview = post(&host, PREVIEW, &input).await;

    let shown = &preview["events"][0];
    assert_eq!(preview.get("answer"), None, "nobody waits any more");
    assert_eq!(steps(shown), ["upsert-contact"], "the options tried make nothing else");
    let native = shown["writes"][0]["write"]["contact"]["native"].to_string();
    assert!(native.contains("Says: Перезвоните"), "{native}");
    decision(shown, "mapping[0]");
    assert_eq!(ledger.calls(), calls, "the CRM was not asked");
    let kept = host.get("/integrations/jivo-to-ledger").await;
    assert_eq!(kept["rules"]["mapping"], json!([]), "and nothing is saved");

    let filtered = json!({ "event": event, "rules": { "filter": "false" } });
    let filtered = post(&host, PREVIEW, &filtered).await;
    assert_eq!(filtered["events"][0]["writes"], json!([]));
    assert_eq!(filtered["events"][0]["outcome"]["remarks"][0]["kind"], "filtered", "{filtered}");
    decision(&filtered["events"][0], "filter");
    host.stop().await;
}

#[tokio::test]
async fn cards_are_assumed_instead_of_asked_for() {
    let ledger = Ledger::open().await;
    let (host, _) = stage(&ledger).await;
    let card = json!({
        "id": "c77", "fields": [{ "key": "phone", "value": { "texts": [phone(1)] } }],
        "matched": [{ "phone": phone(1) }],
    });
    let input = json!({ "request": request(1), "cards": [card], "look_up": false });
    let preview = post(&host, PREVIEW, &input).await;
    let event = &preview["events"][0];
    assert_eq!(event["outcome"]["cards"][0]["id"], "c77", "{event}");
    let written = event["writes"].to_string();
    assert!(written.contains("\"c77\""), "{written}");
    assert_eq!(ledger.calls(), 0);
    host.stop().await;
}

#[tokio::test]
async fn the_answer_to_the_sender_is_part_of_the_preview() {
    let ledger = Ledger::open().await;
    let (host, _) = stage(&ledger).await;
    let card = json!({ "id": "c77", "url": "https://crm.example.com/c77" });
    let chat = json!({ "body": accepted(1, 1) });
    let preview = post(&host, PREVIEW, &json!({ "request": chat, "cards": [card] })).await;
    let answer = &preview["answer"]["body"];
    assert!(answer.to_string().contains("https://crm.example.com/c77"), "{preview}");

    let other = json!({ "request": { "body": "not of this vendor" } });
    let refused = post(&host, PREVIEW, &other).await;
    assert_eq!((&refused["verdict"], &refused["events"]), (&json!("rejected"), &json!([])));
    assert!(refused["reason"].as_str().unwrap().starts_with("400: "), "{refused}");
    host.stop().await;
}

#[tokio::test]
async fn a_crm_that_does_not_answer_is_told_and_asked_no_more_on_demand() {
    let ledger = Ledger::open().await;
    let (host, _) = stage(&ledger).await;
    ledger.set_fault(Some(Fault::Status(503)));
    let input = json!({ "request": request(1) });
    let answer = host.api(Method::POST, PREVIEW, input.to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{answer:?}");
    assert_eq!(answer.json()["code"], "crm");
    let input = json!({ "request": request(1), "look_up": false });
    assert!(!steps(&post(&host, PREVIEW, &input).await["events"][0]).is_empty());
    host.stop().await;
}

#[tokio::test]
async fn a_test_request_takes_the_real_way_and_tells_what_became_of_it() {
    let ledger = Ledger::open().await;
    let (host, _) = stage(&ledger).await;
    host.put("/accounts/jivo", json!({ "plugin": "channel-jivo", "reply_deadline_ms": 30_000 }))
        .await;

    let told = post(&host, TEST, &json!({ "request": request(1) })).await;

    assert_eq!((&told["verdict"], &told["ended"]), (&json!("events"), &json!(true)), "{told}");
    assert_eq!(told["answer"]["status"], 200);
    let event = &told["events"][0];
    assert_eq!((&event["duplicate"], &event["jobs"][0]["state"]), (&json!(false), &json!("done")));
    assert_eq!(event["jobs"][0]["outcome"]["effect"], "created");
    assert_eq!(ledger.count(Kind::Contact), 1);
    let journaled = host.newest().await;
    assert_eq!(journaled["id"], event["id"]);
    let mark = json!(["x-patchbay-test", "1"]);
    assert!(journaled["request"]["headers"].as_array().unwrap().contains(&mark), "{journaled}");
    assert_eq!(journaled["request"]["body"]["event_name"], "offline_message", "shown as JSON");

    let again = post(&host, TEST, &json!({ "event": event["id"] })).await;
    assert_eq!(again["events"][0]["duplicate"], true, "as if the vendor had repeated it: {again}");
    assert_eq!(again["events"][0]["id"], event["id"]);
    assert_eq!(ledger.count(Kind::Contact), 1);
    host.stop().await;
}

#[tokio::test]
async fn a_test_request_waits_for_its_jobs_no_longer_than_a_sender_would() {
    let ledger = Ledger::open().await;
    let (host, _) = stage(&ledger).await;
    let slow = json!({ "plugin": "channel-jivo", "reply_deadline_ms": 300 });
    host.put("/accounts/jivo", slow).await;
    ledger.fault_on(Endpoint::Lookup, 1, Fault::Hang);
    let started = tokio::time::Instant::now();
    let told = post(&host, TEST, &json!({ "request": { "body": accepted(1, 1) } })).await;
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
    assert_eq!(told["ended"], false, "{told}");
    assert_eq!(told["answer"]["status"], 200, "the fallback: {told}");
    ledger.set_fault(None);
    host.stop().await;
}

#[tokio::test]
async fn what_the_rules_remark_stands_with_the_event() {
    let ledger = Ledger::open().await;
    let (host, url) = stage(&ledger).await;
    let rules = json!({ "filter": "false" });
    let integration = json!({ "channel": "jivo", "crm": "ledger", "rules": rules });
    host.put("/integrations/jivo-to-ledger", integration).await;
    host.hook(&url, offline(1)).await;
    host.idle().await;
    let job = host.newest().await["jobs"][0].clone();
    assert_eq!(job["outcome"]["remarks"][0]["kind"], "filtered", "{job}");
    let listed = host.get("/events").await;
    assert_eq!(listed["items"][0]["events"][0]["jobs"][0]["outcome"], job["outcome"]);
    assert_eq!(ledger.calls(), 0);
    host.stop().await;
}

#[track_caller]
fn refused(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status.as_u16(), status, "{words}: {answer:?}");
    assert!(String::from_utf8_lossy(&answer.body).contains(words), "{words}: {answer:?}");
}

#[tokio::test]
async fn wrong_samples_are_refused_in_words() {
    let ledger = Ledger::open().await;
    let (host, url) = stage(&ledger).await;
    let other = host.join("other", "ledger", json!({})).await;
    host.hook(&other, offline(2)).await;
    host.idle().await;
    let foreign = host.newest().await["id"].clone();
    let asked = |request: Value| json!({ "request": request });
    let wrong = [
        (json!({}), 400, "give either an `event` or a `request`"),
        (json!({ "event": 1, "request": {} }), 400, "give either"),
        (json!({ "event": 4711 }), 404, "event `4711` does not exist"),
        (json!({ "event": "one" }), 400, "the body is not right"),
        (json!({ "event": foreign }), 422, "came through account `other`"),
        (json!({ "event": 1, "more": 1 }), 400, "`more`"),
        (asked(json!({ "method": "SAY SO" })), 422, "request.method"),
        (asked(json!({ "path": "no-slash" })), 422, "request.path"),
        (asked(json!({ "headers": { "bad name": "x" } })), 422, "request.headers"),
        (asked(json!({ "headers": [["x-y", "two\nlines"]] })), 422, "request.headers"),
        (asked(json!({ "body_base64": "%" })), 422, "request.body_base64"),
        (asked(json!({ "body": "a", "body_base64": "YQ==" })), 422, "request.body_base64"),
        (asked(json!({ "remote_address": "nowhere" })), 400, "IP address"),
        (asked(json!({ "headers": { "x": "y".repeat(20_000) } })), 431, "headers-too-large"),
        (asked(json!({ "body": "x".repeat((4 << 20) + 1) })), 413, "body-too-large"),
        (asked(json!({ "body": "x".repeat(10 << 20) })), 413, "body-too-large"),
    ];
    for path in [PREVIEW, TEST] {
        for (input, status, words) in &wrong {
            let answer = host.api(Method::POST, path, input.to_string()).await;
            refused(&answer, *status, words);
        }
        let nobody = path.replace("jivo-to-ledger", "nobody");
        let answer = host.api(Method::POST, &nobody, asked(request(1)).to_string()).await;
        refused(&answer, 404, "integration `nobody` does not exist");
    }
    let largest = asked(json!({ "body": "x".repeat(4 << 20) }));
    assert_eq!(post(&host, PREVIEW, &largest).await["verdict"], "rejected", "it was read");

    let rules = json!({ "mapping": [{ "field": "contact.name", "value": "{{" }] });
    let input = json!({ "request": request(1), "rules": rules });
    let answer = host.api(Method::POST, PREVIEW, input.to_string()).await;
    refused(&answer, 422, "rules.mapping[0].value");
    let drawing =
        json!({ "request": request(1), "rules": { "responsible": { "pool": "nobody" } } });
    let answer = host.api(Method::POST, PREVIEW, drawing.to_string()).await;
    refused(&answer, 422, "rules.responsible.pool");
    assert_eq!(ledger.count(Kind::Contact), 1, "of the other integration");
    drop(url);
    host.stop().await;
}

#[tokio::test]
async fn a_body_that_is_no_text_is_sent_byte_for_byte() {
    let ledger = Ledger::open().await;
    let (host, _) = stage(&ledger).await;
    // "Привет" as windows-1251, which is no UTF-8.
    let input = json!({ "request": { "body_base64": "z/Do4uXy" } });
    let told = post(&host, TEST, &input).await;
    assert_eq!(told["verdict"], "rejected", "{told}");
    assert_eq!(told["answer"]["status"], 400);
    let webhooks = host.get("/events").await;
    assert_eq!(webhooks["items"][0]["body_bytes"], 6, "{webhooks}");
    host.stop().await;
}

/// A site whose program serves Jivo joined to the ledger, with a file for the token.
fn site(ledger: &Ledger) -> Site {
    let account = ledger_account(ledger);
    let accounts = format!(
        r#"
        [[account]]
        id = "shop"
        plugin = "channel-jivo"
        reply_deadline_ms = 30000
        [[account]]
        id = "ledger"
        plugin = "crm-ledger"
        settings = {{ base-url = "{url}" }}
        secrets = {{ key = {{ env = "LEDGER_KEY" }} }}
        grants = [{{ allow = "{url}", private = true }}]
        [[integration]]
        id = "shop-to-ledger"
        channel = "shop"
        crm = "ledger"
        "#,
        url = ledger.url,
    );
    let mut site = Site::new(&["channel_jivo", "crm_ledger"], &accounts);
    site.set_environment("LEDGER_KEY", account["secrets"]["key"].as_str().unwrap());
    site
}

#[tokio::test]
async fn an_integration_is_tried_on_the_command_line() {
    let ledger = Ledger::open().await;
    let mut site = site(&ledger);
    let token = site.path("token");
    let program = site.serve(&["--token-file", text(&token)]).await;
    let run = async |words: &[&str]| site.run(&remote(&program, &token, words)).await;
    let (body, described) = (site.path("offline.json"), site.path("offline.http.json"));
    fs::write(&body, jivo("offline_message.json")).unwrap();
    let http = json!({ "method": "POST", "query": { "a": "b c" }, "body_file": "offline.json" });
    fs::write(&described, http.to_string()).unwrap();
    let of = ["--integration", "shop-to-ledger"];

    let ended = run(&[&["preview"], &of[..], &["--body", text(&body)]].concat()).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("offline-message in "), "{ended:?}");
    for start in ["  responsible: ", "  contact: ", "  would send upsert-contact:"] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start}: {}", ended.stdout);
    }
    assert!(ended.stdout.contains(", because "), "{}", ended.stdout);
    assert!(ended.stdout.contains("the sender gets 200:"), "{}", ended.stdout);
    assert_eq!(ledger.writes().len(), 0);

    let rules = site.path("rules.toml");
    fs::write(&rules, "filter = 'false'\n").unwrap();
    let more = ["--request", text(&described), "--rules", text(&rules), "--no-look-up", "--json"];
    let ended = run(&[&["preview"], &of[..], &more].concat()).await;
    let preview: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(preview["events"][0]["writes"], json!([]), "{ended:?}");
    fs::write(&rules, "filter = '=='\n").unwrap();
    let ended = run(&[&["preview"], &of[..], &more].concat()).await;
    assert_failed(&ended, 65, &["rules.filter: "]);

    let ended = run(&[&["test-request"], &of[..], &["--request", text(&described)]].concat()).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("  shop-to-ledger: done, created"), "{}", ended.stdout);
    assert_eq!(ledger.count(Kind::Contact), 1);
    let ended = run(&[&["test-request"], &of[..], &["--event", "1"]].concat()).await;
    assert!(ended.stdout.contains("known already"), "{ended:?}");

    let ended = run(&[&["preview"], &of[..], &["--event", "4711"]].concat()).await;
    assert_sentence(&ended, 65, &["event `4711` does not exist"]);
    let ended = run(&[&["preview"], &of[..], &["--body", "/nowhere"]].concat()).await;
    assert_sentence(&ended, 65, &["`/nowhere` cannot be read"]);
    let header = ["--body", text(&body), "--header", "no colon"];
    let ended = run(&[&["preview"], &of[..], &header].concat()).await;
    assert_sentence(&ended, 64, &["`no colon` is no header"]);
    assert_eq!(run(&[&["preview"], &of[..]].concat()).await.code, Some(64));
    let two = ["--event", "1", "--body", text(&body)];
    assert_eq!(run(&[&["preview"], &of[..], &two].concat()).await.code, Some(64));
    assert_eq!(program.terminate().await, Some(0));
}
