//! Who may send, and faulty settings.

use patchbay_sdk::channel::{Received, Request};
use patchbay_sdk::types::Error;

use super::{KEY, context, event_with, fixture, get, host, receive_with, rejection_with};

const CALL: &str = "call_id=1&caller=0440000013";

#[test]
fn a_key_that_is_set_is_asked_for() {
    let host = host().secret("url-key", KEY);
    for query in [CALL.to_owned(), format!("key=wrong&{CALL}"), format!("key=&{CALL}")] {
        let (status, reason) = rejection_with(&host, get(&query));
        assert_eq!(status, 403);
        assert!(reason.contains("url-key") && !reason.contains("wrong"), "{reason}");
    }
    for query in [format!("key={KEY}&{CALL}"), format!("{CALL}&token={KEY}")] {
        let event = event_with(&host, get(&query));
        assert!(!event.context.unwrap().contains(KEY));
    }
    let mut by_header = get(CALL);
    by_header.headers.push(("auth-key".to_owned(), KEY.as_bytes().to_vec()));
    event_with(&host, by_header);
}

#[test]
fn without_a_key_anybody_may_send() {
    event_with(&host(), get(CALL));
    event_with(&host(), get(&format!("key=any&{CALL}")));
}

#[test]
fn a_parameter_that_is_called_like_the_key_is_one_of_the_users() {
    let host = host().secret("url-key", KEY);
    let mut by_header = get(&format!("token=abc&{CALL}"));
    by_header.headers.push(("auth-key".to_owned(), KEY.as_bytes().to_vec()));
    assert_eq!(context(&event_with(&host, by_header))["token"], "abc");
    let beside = context(&event_with(&host, get(&format!("key=abc&token={KEY}&{CALL}"))));
    assert_eq!((&beside["key"], beside.get("token")), (&"abc".into(), None));
    let without = context(&event_with(&super::host(), get(&format!("token=abc&{CALL}"))));
    assert_eq!(without["token"], "abc");
    let mut wrong = get(&format!("token=abc&{CALL}"));
    wrong.headers.push(("auth-key".to_owned(), b"abc".to_vec()));
    assert_eq!(rejection_with(&host, wrong).0, 403);
}

#[test]
fn other_methods_are_no_call() {
    for method in ["HEAD", "PUT", "DELETE", "OPTIONS", ""] {
        let request = Request { method: method.to_owned(), ..get(CALL) };
        let Ok(Received::Answer(answer)) = receive_with(&host(), request) else {
            panic!("{method} is not answered")
        };
        assert_eq!(answer.status, 405);
        assert!(answer.headers.contains(&("allow".to_owned(), "GET, POST".to_owned())));
    }
}

#[test]
fn only_allowed_addresses_may_send() {
    // The test kit's webhooks come from 203.0.113.7.
    for allowed in ["203.0.113.7", "192.0.2.1, 203.0.113.0/24", "203.0.113.7 2001:db8::/32"] {
        event_with(&host().setting("allowed-ips", allowed), get(CALL));
    }
    let strict = host().setting("allowed-ips", "203.0.113.8, 2001:db8::/32");
    let (status, reason) = rejection_with(&strict, get(CALL));
    assert_eq!((status, reason.contains("allowed-ips")), (403, true));
    let mut unknown = get(CALL);
    unknown.remote_address = String::new();
    assert_eq!(rejection_with(&strict, unknown).0, 403);
}

#[test]
fn a_faulty_setting_is_named_and_the_request_kept_as_unread() {
    let cases = [
        ("allowed-ips", "example.com", "`example.com`"),
        ("aliases", "{\"calle\": \"x\"}", "`calle`"),
        ("aliases", "[]", "object"),
        ("utc-offset", "Kyiv", "+03:00"),
        ("forward-to", "xml", "json"),
    ];
    for (key, value, part) in cases {
        let fault = receive_with(&host().setting(key, value), fixture("v2.answered")).unwrap_err();
        let Error::Invalid(problems) = fault else { panic!("{key}: {fault:?}") };
        assert_eq!(problems[0].field.as_deref(), Some(key));
        assert!(problems[0].message.contains(part), "{}", problems[0].message);
    }
}

#[test]
fn who_is_not_let_in_leaves_nothing_to_read_again() {
    let host = host().secret("url-key", KEY).setting("aliases", "{");
    assert_eq!(rejection_with(&host, get(CALL)).0, 403);
}
