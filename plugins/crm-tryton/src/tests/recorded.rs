//! The scenario on tape: what the adapter asks is what it asked then, in the same order.
//!
//! `real.rs` compares the tape with a real Tryton, and writes a new one where they differ.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use patchbay_sdk::http::{Error, Request, Response};
use patchbay_sdk::testing::Host;
use serde_json::{Value, json};

use super::bench::{self, Exchanges};
use super::scenario;

const URL: &str = "https://tryton.example.test";

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tape");

#[test]
fn each_operation_asks_what_it_asked_when_tryton_was_recorded() {
    let mut tape: VecDeque<Value> = read().into();
    let length = tape.len();
    let host = bench::host(URL, "crm").http(move |request| {
        let expected = tape.pop_front().expect("more is asked than was recorded");
        let asked = written(request, &Response::empty(200));
        assert_eq!(asked["request"], expected["request"], "{}", expected["name"]);
        Ok::<_, Error>(played(&expected["response"]))
    });
    scenario::play(&host);
    assert_eq!(host.requests().len(), length);
    assert_no_secret(&host);
}

fn assert_no_secret(host: &Host) {
    let placed = |request: &Request| {
        request.value_of("authorization") == Some("Bearer {{secret:key}}")
            && !request.url.contains("secret:key")
    };
    assert!(host.requests().iter().all(placed));
}

/// The tape in its order.
pub(super) fn read() -> Vec<Value> {
    let mut files: Vec<_> =
        fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| serde_json::from_slice(&fs::read(file).unwrap()).unwrap()).collect()
}

/// What was said, as files hold it.
pub(super) fn tape(exchanges: &Exchanges) -> Vec<Value> {
    let exchanges = exchanges.borrow();
    let numbered = exchanges.iter().enumerate().map(|(index, (request, response))| {
        let mut file = written(request, response);
        file["name"] = format!("{:03}", index + 1).into();
        file
    });
    numbered.collect()
}

pub(super) fn write(tape: &[Value], folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for exchange in tape {
        let name = exchange["name"].as_str().unwrap();
        let text = serde_json::to_string_pretty(exchange).unwrap() + "\n";
        fs::write(folder.join(format!("{name}.json")), text).unwrap();
    }
}

fn written(request: &Request, response: &Response) -> Value {
    let path = request.url.split("/rest/").nth(1).unwrap_or_default();
    json!({
        "source": "recorded",
        "request": { "method": request.method, "path": format!("/crm/rest/{path}"), "body": body(&request.body) },
        "response": { "status": response.status, "body": body(&response.body) },
    })
}

fn body(bytes: &[u8]) -> Value {
    let text = || Value::from(String::from_utf8_lossy(bytes).into_owned());
    if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(bytes).unwrap_or_else(|_| text())
    }
}

fn played(response: &Value) -> Response {
    let status = response["status"].as_u64().unwrap().try_into().unwrap();
    let body = match &response["body"] {
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    Response::json(status, body)
}
