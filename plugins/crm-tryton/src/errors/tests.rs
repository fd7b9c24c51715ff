//! What Tryton was recorded to answer, and what a server before it may.

use patchbay_sdk::testing::cassettes;
use serde_json::json;

use super::*;
use crate::client::{NOTE, OPPORTUNITY, Order, PARTY};

fn recorded(name: &str) -> Response {
    cassettes::load(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/answers")).response(name)
}

fn search(model: &'static str) -> Call {
    Call::search(model, &json!([]), &["name"], Order::OldestFirst, 1)
}

fn create(model: &'static str) -> Call {
    Call::create(model, json!({ "nope": 1, "party": 3 }), &["name"])
}

fn field(error: Error) -> Option<String> {
    let Error::Invalid(mut problems) = error else { panic!("{error:?}") };
    problems.remove(0).field
}

#[test]
fn recorded_refusals_are_told_apart() {
    for name in ["11-err-no-auth", "12-err-bad-key"] {
        let error = classify(&recorded(name), &search(PARTY));
        assert!(matches!(error, Error::Unauthorized(text) if text.contains("`key`")), "{name}");
    }
    let error = classify(&recorded("14-err-unknown-field"), &create(PARTY));
    assert_eq!(field(error).as_deref(), Some("nope"));
    let missing = recorded("15-err-missing");
    let write = Call::write(PARTY, 99_999, json!({}), &[]);
    assert!(matches!(classify(&missing, &write), Error::NotFound(_)));
    assert_eq!(field(classify(&missing, &search(PARTY))).as_deref(), Some("database"));
    for name in ["09-deal-create", "23-err-required"] {
        assert_eq!(field(classify(&recorded(name), &create(OPPORTUNITY))), None, "{name}");
    }
}

#[test]
fn a_model_that_no_active_module_brings_is_named() {
    let unknown =
        Response { body: b"<p>&#39;sale.opportunity&#39;</p>".to_vec(), ..Response::empty(500) };
    let error = classify(&unknown, &search(OPPORTUNITY));
    assert!(matches!(error, Error::Unsupported(text) if text.contains("`sale.opportunity`")));
    // Another name in the page is a fault of Tryton's.
    let unknown = recorded("13-err-unknown-model");
    assert!(matches!(classify(&unknown, &search(PARTY)), Error::Unavailable(_)));
    assert!(matches!(classify(&unknown, &create(NOTE)), Error::UnknownOutcome(_)));
}

#[test]
fn every_status_has_its_case() {
    let after = |status, call: &Call| {
        let response = Response::empty(status).with_header("retry-after", "7");
        classify(&response, call)
    };
    let (read, write) = (search(PARTY), create(PARTY));
    assert!(matches!(after(400, &read), Error::Unsupported(_)));
    assert!(matches!(after(400, &write), Error::Invalid(_)));
    assert_eq!(field(after(302, &read)).as_deref(), Some("base-url"));
    for call in [&read, &write] {
        assert!(matches!(after(401, call), Error::Unauthorized(_)));
        assert!(matches!(after(403, call), Error::Unsupported(_)));
        assert!(matches!(after(413, call), Error::Invalid(_)));
        assert_eq!(after(429, call), Error::RateLimited(Some(7_000)));
        assert!(matches!(after(503, call), Error::Unavailable(_)));
    }
    for status in [408, 500, 502, 504] {
        assert!(matches!(after(status, &read), Error::Unavailable(_)), "{status}");
        assert!(matches!(after(status, &write), Error::UnknownOutcome(_)), "{status}");
    }
}

#[test]
fn the_hosts_own_words_about_a_refused_key_are_handed_on() {
    let refused = Response { body: b"the host's".to_vec(), ..Response::empty(401) };
    let refused = refused.with_header("x-patchbay", "token-refused");
    let error = classify(&refused, &search(PARTY));
    assert_eq!(error, Error::Unauthorized("the host's".to_owned()));
}

#[test]
fn no_text_of_tryton_reaches_the_operator() {
    for (name, call) in
        [("09-deal-create", create(OPPORTUNITY)), ("23-err-required", create(OPPORTUNITY))]
    {
        let told = format!("{:?}", classify(&recorded(name), &call));
        assert!(!told.contains("Currency") && !told.contains("User in companies"), "{told}");
    }
}

#[test]
fn a_page_instead_of_json_is_a_wrong_address_for_a_read_and_an_open_question_for_a_write() {
    assert_eq!(field(unreadable(Effect::Read)).as_deref(), Some("base-url"));
    assert!(matches!(unreadable(Effect::Write), Error::UnknownOutcome(_)));
}
