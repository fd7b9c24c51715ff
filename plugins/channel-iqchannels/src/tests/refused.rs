//! Requests that are none of this channel's, and paths that say which interface is meant.

use patchbay_sdk::channel::{Kind, Received, Request};

use super::{event, fixture, host, receive_with, request};

fn sent(method: &str, path: &str, body: &[u8]) -> Request {
    Request { method: method.to_owned(), path: path.to_owned(), ..request(body) }
}

#[track_caller]
fn reason(request: Request) -> String {
    match receive_with(&host(), request) {
        Received::Reject(rejection) => {
            assert_eq!(rejection.status, 400);
            rejection.reason
        }
        other => panic!("not rejected: {other:?}"),
    }
}

#[test]
fn the_path_says_which_interface_is_meant() {
    let both = br#"{"ChatEvent":{"Type":"chat_opened"},"client":"crm-1","token":"t"}"#;
    let kind = |path: &str| event(sent("POST", path, both)).kind;
    for path in ["", "/", "/webhook", "/webhook/", "/elsewhere"] {
        assert_eq!(kind(path), Kind::ConversationStarted, "{path}");
    }
    for path in ["/rest/chat/client/search/", "/search"] {
        assert_eq!(kind(path), Kind::ClientAsked, "{path}");
    }
    assert_eq!(kind("/auth"), Kind::ClientAsked);
    assert_eq!(kind("/managers"), Kind::ManagersAsked(None));
}

#[test]
fn a_path_without_its_member_is_rejected() {
    let other = br#"{"other":1}"#;
    assert!(reason(sent("POST", "/webhook", other)).contains("`ChatEvent`"));
    assert!(reason(sent("POST", "/search", other)).contains("`client`"));
    assert!(reason(sent("POST", "/auth", b"token=+")).contains("`token`"));
    assert!(reason(sent("POST", "/auth", b"")).contains("neither a JSON object nor a form"));
}

#[test]
fn other_senders_and_junk_are_rejected_with_a_reason() {
    let cases: [(&[u8], &str); 14] = [
        (br#"{"event_name":"chat_accepted","chat":{}}"#, "none of iQChannels'"),
        (br#"[{"service":"telegram","title":"incoming_message"}]"#, "neither a JSON object"),
        (br#"{"client":{"id":1},"token":[]}"#, "none of iQChannels'"),
        (br#"{"client":"","token":null}"#, "none of iQChannels'"),
        (b"caller=79000000001&uniqueid=1", "none of iQChannels'"),
        (b"client=&token=", "none of iQChannels'"),
        (b"client=%ff", "not UTF-8"),
        (b"\xff\xfe{\x00", "not UTF-8"),
        (b"{\"ChatEvent\":[]}", "none of iQChannels'"),
        (b"<?xml version=\"1.0\"?><a/>", "neither a JSON object"),
        (b"--boundary\r\nname=\"client\"\r\n", "neither a JSON object"),
        (b"{\"ChatEvent\":", "line 1, column 13"),
        (b"{\"ChatEvent\":{\"Id\":7}", "line 1, column"),
        (b"{\"ChatEvent\":\"chat_opened\"}", "none of iQChannels'"),
    ];
    for (body, expected) in cases {
        let reason = reason(request(body));
        assert!(reason.contains(expected), "{}: {reason}", String::from_utf8_lossy(body));
    }
}

#[test]
fn nesting_is_borne_up_to_the_limit() {
    // The object itself is the first level.
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        request(format!(r#"{{"token":"t[","deep":{open}{close}}}"#))
    };
    assert_eq!(event(nested(128)).kind, Kind::ClientAsked);
    assert!(reason(nested(129)).contains("deeper than 128"));
    assert!(reason(nested(100_000)).contains("deeper than 128"));
    let wide = format!(r#"{{"token":"t","wide":[{}0]}}"#, "[],".repeat(1_000));
    assert_eq!(event(request(wide)).kind, Kind::ClientAsked);
}

#[test]
fn a_reason_tells_nothing_of_the_body() {
    for body in
        ["{\"client\":\"+79000000031\",\"page\":}", "клиент Образцов", "{\"name\":\"Образцов\"}"]
    {
        let reason = reason(request(body));
        assert!(!reason.contains("7900") && !reason.contains("Образцов"), "{reason}");
    }
}

#[test]
fn other_methods_are_told_what_this_address_is() {
    for (method, path) in
        [("PUT", ""), ("HEAD", ""), ("GET", "/auth"), ("GET", "/webhook"), ("DELETE", "/managers")]
    {
        let Received::Answer(answer) = receive_with(&host(), sent(method, path, b"")) else {
            panic!("{method} {path} is not answered")
        };
        assert_eq!(answer.status, 405);
        assert!(answer.headers.contains(&("allow".to_owned(), "GET, POST".to_owned())));
    }
    assert_eq!(event(sent("GET", "", b"")).kind, Kind::ManagersAsked(None));
}

#[test]
fn the_content_type_is_not_looked_at() {
    let json = fixture("search_client.by_crmid.json_body");
    let as_form = Request { body: json.body, ..fixture("search_client.by_phone") };
    assert_eq!(event(as_form).kind, Kind::ClientAsked);
}
