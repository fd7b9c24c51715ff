//! JSON and what is nearly JSON.
#![no_main]

use patchbay_sdk::json::{self, Body, Node};
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let strict = serde_json::from_slice::<Value>(input);
    if let Ok(text) = str::from_utf8(input) {
        let repaired = json::repair(text);
        if strict.is_ok() {
            serde_json::from_str::<Value>(&repaired).expect("what is JSON stays JSON");
        }
        assert_eq!(json::repair(&repaired), repaired, "what is mended needs no mending");
    }
    let Ok(body) = Body::new(input) else { return };
    if let Some(source) = body.sound() {
        let node = Node::read(source.text);
        if strict.is_ok() {
            assert!(node.is_ok() || is_long(input), "{node:?}");
        }
    }
    if let Ok(node) = Node::read(body.mended().text) {
        node.get("id").and_then(Node::text);
        node.items();
    }
    let read = body.read::<Value>();
    assert!(strict.is_err() || read.is_ok(), "{read:?}");
});

/// So long a body may hold too many values.
fn is_long(input: &[u8]) -> bool {
    json::VALUES_MAX < input.len()
}
