//! The plugin's own conformance cases: played before it is let in, and what is said of those that fail.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use patchbay::{
    account::PluginRecord,
    config::Limits,
    plugin::{Refusal, Stage as GateStage, Upload, count_cases},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::stage::{self, SECRET, Stage, guest};

/// Each case makes other bytes of the plugin, which are compiled anew, many at the same time.
fn limits() -> Limits {
    Limits { compile_ms: 600_000.try_into().unwrap(), ..stage::limits() }
}

fn packed(cases: &Value) -> Vec<u8> {
    let section = json!({ "version": 1, "cases": cases }).to_string();
    patchbay_cases::put(&guest("guest_hostile"), section.as_bytes()).unwrap()
}

async fn admit(stage: &Stage, bytes: Vec<u8>) -> Result<PluginRecord, Refusal> {
    stage.plugins.admit(bytes, Timestamp::UNIX_EPOCH).await.map(|(record, _plugin)| record)
}

/// What was admitted, with the stages that were told.
async fn watched(stage: &Stage, bytes: Vec<u8>) -> (PluginRecord, Vec<GateStage>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    let observer = move |stage| seen.lock().unwrap().push(stage);
    let upload = Upload { bytes, signature: None };
    let admitted = stage.plugins.admit_watched(upload, Timestamp::UNIX_EPOCH, &observer).await;
    let told = told.lock().unwrap().clone();
    (admitted.unwrap().0, told)
}

/// The sentence with which a plugin with this one case is refused.
async fn refusal(stage: &Stage, case: Value) -> String {
    let refusal = admit(stage, packed(&json!([case]))).await.unwrap_err();
    assert!(refusal.is_final(), "the plugin is at fault");
    refusal.to_string()
}

#[track_caller]
fn check(told: &str, expected: &str) {
    assert!(told.contains(expected) && !told.contains('\n'), "{told}");
}

/// `receive` at a path that names what the guest does.
fn receive(path: &str, expect: &Value) -> Value {
    json!({ "name": "a webhook", "call": { "receive": { "path": path } }, "expect": expect })
}

/// A look-up that asks `url`, and what is recorded for it.
fn fetch(url: &str, exchanges: &Value, said: &str) -> Value {
    json!({
        "name": "a look-up",
        "call": { "lookup-client": { "any_of": [{ "card": "http" }, { "email": url }] } },
        "exchanges": exchanges,
        "expect": { "ok": [{ "id": "1", "url": said }] },
    })
}

fn exchange(url: &str, response: &Value) -> Value {
    json!({ "request": { "method": "GET", "url": url }, "response": response })
}

fn good_receive() -> Value {
    let event = json!({ "kind": "conversation-started", "conversation": "lane", "client": [] });
    let fallback = json!({ "status": 200, "body": "nothing" });
    receive("/nothing", &json!({ "ok": { "events": [event], "fallback": fallback } }))
}

fn look_up(attack: &str, said: &str) -> Value {
    json!({
        "name": attack,
        "call": { "lookup-client": { "any_of": [{ "card": attack }] } },
        "expect": { "ok": [{ "url": said }] },
    })
}

#[tokio::test]
async fn a_plugin_that_passes_its_cases_is_let_in_and_says_how_many() {
    let stage = Stage::new(limits());
    let cases = json!([
        good_receive(),
        receive("/bad-lane", &json!({ "ok": { "events": [{ "conversation": "lane" }] } })),
    ]);
    // The second one breaks the contract: an empty lane.
    let refused = admit(&stage, packed(&cases)).await.unwrap_err().to_string();
    check(&refused, "fails its conformance case `a webhook`: the plugin's answer breaks");

    let cases = json!([
        good_receive(),
        {
            "name": "an answer",
            "call": { "reply": {
                "request": { "path": "/nothing", "headers": { "X-A": "b" } },
                "outcomes": [{ "effect": "none" }, { "effect": "found", "cards": [{ "id": "7" }] }],
            } },
            "expect": { "ok": { "status": 200, "headers": {}, "body": "nothing 2" } },
        },
        {
            "name": "a mapping",
            "call": { "map-fields": { "fields": [{ "key": "name", "value": { "text": "A" } }] } },
            "expect": { "ok": "nothing" },
        },
        {
            "name": "a fault of a field",
            "call": { "map-fields": { "fields": [{ "key": "problem", "value": "empty" }] } },
            "expect": { "error": { "invalid": [{ "field": "problem" }] } },
        },
        {
            "name": "a card",
            "call": { "upsert-contact": {
                "id": "7", "contact": { "name": "A" }, "idempotency_key": "k",
            } },
            "expect": { "ok": { "id": "7", "url": "{\"name\":\"A\"} k" } },
        },
        {
            "name": "no fields",
            "call": { "describe-fields": {} },
            "expect": { "error": "unsupported" },
        },
        fetch(
            "https://allowed.example/a",
            &json!([exchange("https://allowed.example/a", &json!({ "status": 204 }))]),
            "Ok(204)",
        ),
        look_up("kv-set", "Ok(())"),
        look_up("kv", "Ok(false)"),
    ]);
    let (record, told) = watched(&stage, packed(&cases)).await;
    assert_eq!(record.cases, Some(9));
    let expected = (1..=9).map(|case| GateStage::Conformance { case, of: 9 });
    let expected: Vec<_> =
        [GateStage::Describe].into_iter().chain(expected).chain([GateStage::Measure]).collect();
    assert!(told.ends_with(&expected), "{told:?}");
}

#[tokio::test]
async fn a_plugin_without_cases_is_let_in_and_says_so() {
    let stage = Stage::new(limits());
    let (record, told) = watched(&stage, guest("guest_hostile")).await;
    assert_eq!(record.cases, Some(0));
    let is_case = |stage: &GateStage| matches!(stage, GateStage::Conformance { .. });
    assert!(!told.iter().any(is_case));
}

#[tokio::test]
async fn a_plugin_that_fails_a_case_of_its_own_is_refused_with_the_first_difference() {
    let stage = Stage::new(limits());
    let ok = |found: Value| receive("/nothing", &json!({ "ok": found }));
    check(
        &refusal(&stage, ok(json!({ "events": [{ "conversation": "line" }] }))).await,
        "the plugin fails its conformance case `a webhook`: at `/ok/events/0/conversation` \
         expected `\"line\"`, found `\"lane\"`",
    );
    check(
        &refusal(&stage, ok(json!({ "events": [] }))).await,
        "at `/ok/events/0` expected nothing, found `{",
    );
    check(
        &refusal(&stage, ok(json!({ "reject": { "status": 401 } }))).await,
        "at `/ok/reject` expected `{\"status\":401}`, found nothing",
    );
    check(
        &refusal(&stage, receive("/nothing", &json!({ "error": "unavailable" }))).await,
        "expected the error `\"unavailable\"`, found the result `{",
    );
    let error = json!({
        "name": "no account",
        "call": { "lookup-client": { "any_of": [{ "card": "unauthorized" }, { "email": "a" }] } },
        "expect": { "ok": [] },
    });
    check(
        &refusal(&stage, error.clone()).await,
        "expected a result, found the error `{\"unauthorized\":\"a\"}`",
    );
    let mut other = error;
    other["expect"] = json!({ "error": { "unauthorized": "b" } });
    check(
        &refusal(&stage, other).await,
        "at `/error/unauthorized` expected `\"b\"`, found `\"a\"`",
    );
}

#[tokio::test]
async fn a_case_that_breaks_the_plugin_is_refused_with_what_it_did() {
    let stage = Stage::new(Limits { wall_ms: 2000.try_into().unwrap(), ..limits() });
    let any = json!({ "ok": {} });
    check(&refusal(&stage, receive("/trap", &any)).await, "`a webhook`: the plugin crashed: ");
    check(&refusal(&stage, receive("/spin", &any)).await, "of processor time");
    check(&refusal(&stage, receive("/sleep", &any)).await, "longer than 2000 ms");
    let missing =
        json!({ "name": "deals", "call": { "open-deals": { "card": "1" } }, "expect": any });
    check(&refusal(&stage, missing).await, "`deals`: the plugin does not export `deals`");
    let mut unset = good_receive();
    unset["settings"] = json!({ "colour": "red" });
    check(
        &refusal(&stage, unset).await,
        "`a webhook`: its settings do not fit: colour: unknown: `guest-hostile` has",
    );
}

#[tokio::test]
async fn cases_that_take_too_long_together_are_refused() {
    let limits = Limits { conformance_ms: 150.try_into().unwrap(), ..limits() };
    let stage = Stage::new(limits);
    check(
        &refusal(&stage, receive("/sleep", &json!({ "ok": {} }))).await,
        "conformance cases took longer than 150 ms (`limits.conformance_ms`): `a webhook` did not",
    );
}

#[tokio::test]
async fn a_section_that_cannot_be_used_is_refused_before_anything_is_compiled() {
    let stage = Stage::with_compiler(limits(), PathBuf::from("/nonexistent"));
    let section = |text: &str| patchbay_cases::put(&guest("guest_hostile"), text.as_bytes());
    let name = "the plugin's custom section `patchbay:conformance`";
    let told = admit(&stage, section("{").unwrap()).await.unwrap_err();
    assert!(told.is_final());
    check(&told.to_string(), &format!("{name} cannot be read: EOF"));
    let told = admit(&stage, packed(&json!([]))).await.unwrap_err().to_string();
    check(&told, &format!("{name} has no cases: leave it out instead"));
    let told = admit(&stage, section(&" ".repeat((256 << 10) + 1)).unwrap()).await.unwrap_err();
    check(&told.to_string(), &format!("{name} has 262145 bytes, at most 262144 are allowed"));
    let told = admit(&stage, packed(&json!(vec![good_receive(); 201]))).await.unwrap_err();
    check(&told.to_string(), &format!("{name} has 201 cases, at most 200 are allowed"));

    let once = packed(&json!([good_receive()]));
    let section = once.get(guest("guest_hostile").len()..).unwrap();
    let told = admit(&stage, [&once[..], section].concat()).await.unwrap_err().to_string();
    check(&told, &format!("{name} is there twice"));
    assert_eq!(count_cases(&once).unwrap(), 1);
}

#[tokio::test]
async fn a_case_asks_what_is_recorded_and_all_of_it() {
    let stage = Stage::new(limits());
    let [a, b] = ["https://allowed.example/a", "https://allowed.example/b"];
    let answer = json!({ "status": 200 });
    let told = refusal(&stage, fetch(a, &json!([exchange(b, &answer)]), "Ok(200)")).await;
    check(&told, &format!("request 1 is `GET {a}`: expected `GET {b}`"));
    let both = json!([exchange(a, &answer), exchange(b, &answer)]);
    let told = refusal(&stage, fetch(a, &both, "Ok(200)")).await;
    check(&told, &format!("only 1 of 2 exchanges were played, and `GET {b}` was not asked"));

    let flood = json!({
        "name": "a flood",
        "call": { "lookup-client": { "any_of": [{ "card": "http-flood" }, { "email": a }] } },
        "exchanges": [exchange(a, &answer)],
        "expect": { "ok": [] },
    });
    let told = refusal(&stage, flood).await;
    check(&told, &format!("request 2, `GET {a}`, is not recorded"));

    let mut header = fetch(a, &json!([exchange(a, &answer)]), "Ok(200)");
    header["exchanges"][0]["request"]["headers"] = json!({ "x-key": "k" });
    check(
        &refusal(&stage, header).await,
        "its header `x-key` differs: expected `\"k\"`, found nothing",
    );
    let mut body = fetch(a, &json!([exchange(a, &answer)]), "Ok(200)");
    body["exchanges"][0]["request"]["body"] = json!({ "a": 1 });
    check(&refusal(&stage, body).await, "its body differs: expected `{\"a\":1}`, found `\"\"`");
    let other = fetch("https://elsewhere.example/", &json!([exchange(a, &answer)]), "Ok(200)");
    check(&refusal(&stage, other).await, "request 1 is refused: denied: not granted");
}

#[tokio::test]
async fn a_lost_answer_can_be_recorded_too() {
    let stage = Stage::new(limits());
    let url = "https://allowed.example/a";
    let lost = |fault: &str, said: &str| {
        fetch(url, &json!([exchange(url, &json!({ "fault": fault }))]), said)
    };
    let cases = json!([
        lost("interrupted", "Err(Error::Interrupted(\"the case says so\"))"),
        lost("unreachable", "Err(Error::Unreachable(\"the case says so\"))"),
    ]);
    assert_eq!(admit(&stage, packed(&cases)).await.unwrap().cases, Some(2));
}

#[tokio::test]
async fn a_refusal_tells_no_secret_of_a_case() {
    let stage = Stage::new(limits());
    let url = format!("https://allowed.example/{SECRET}");
    let recorded = json!([exchange("https://allowed.example/a", &json!({ "status": 200 }))]);
    let mut case = fetch(&url, &recorded, "Ok(200)");
    case["secrets"] = json!({ "hidden": SECRET });
    let told = refusal(&stage, case).await;
    check(&told, "request 1 is `GET https://allowed.example/");
    assert!(!told.contains(SECRET), "{told}");
}

#[tokio::test]
async fn our_adapters_pass_the_cases_that_they_carry() {
    let stage = Stage::new(limits());
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let mut all = 0;
    for entry in fs::read_dir(plugins).unwrap() {
        let folder = entry.unwrap().path();
        let cases = folder.join("conformance");
        if !cases.is_dir() {
            continue;
        }
        let name = folder.file_name().unwrap().to_str().unwrap().replace('-', "_");
        let section = patchbay_cases::read(&cases).unwrap();
        assert!(section.len() <= 64 << 10, "{name}: {} bytes", section.len());
        let bytes = patchbay_cases::put(&guest(&name), &section).unwrap();
        let count = u32::try_from(count_cases(&bytes).unwrap()).unwrap();
        let record =
            admit(&stage, bytes).await.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(record.cases, Some(count), "{name}");
        all += count;
    }
    assert!(100 <= all, "only {all} cases");
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_no_code_behind() {
    let stage = Stage::new(limits());
    let compiled = stage.folder.path().join("compiled");
    let playing = Arc::new(Notify::new());
    let (told, folder) = (Arc::clone(&playing), compiled.clone());
    let observer = move |at| {
        if let GateStage::Conformance { .. } = at {
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "its code is there");
            told.notify_one();
        }
    };
    let bytes = packed(&json!([receive("/sleep", &json!({ "ok": {} }))]));
    let upload = Upload { bytes, signature: None };
    tokio::select! {
        ended = stage.plugins.admit_watched(upload, Timestamp::UNIX_EPOCH, &observer) => {
            panic!("it sleeps in its case: {:?}", ended.err());
        }
        () = playing.notified() => {}
    }
    assert_eq!(fs::read_dir(&compiled).unwrap().count(), 0);
}
