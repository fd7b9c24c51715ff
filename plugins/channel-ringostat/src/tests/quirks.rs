//! Names of the user's own, other encodings, missing values, bodies of other vendors.

use std::fmt::Write as _;

use patchbay_sdk::channel::Kind;
use patchbay_sdk::types::Direction;

use super::{
    call, context, event, event_with, get, host, identifiers, json, post, rejection_with, text,
};

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn names_of_the_users_own_are_read_by_the_alias_table() {
    let aliases =
        r#"{"caller": ["Телефон клиента"], "call_id": "ID", "lookup_root": ["$", "$.звонок"]}"#;
    let host = host().setting("aliases", aliases);
    let body = r#"{"звонок": {"{{Телефон клиента}}": "0440000013", "id": 77}}"#;
    let event = event_with(&host, json("event=before_call", body));
    assert_eq!(
        (call(&event).id.as_str(), identifiers(&event)),
        ("77", vec!["phone 0440000013".to_owned()])
    );
    let event =
        event_with(&host, post(FORM, "event=answered", "%7B%7B%D0%A2%D0%B5%D0%BB%7D%7D=1&id=8"));
    assert_eq!(context(&event)["Тел"], "1");
}

#[test]
fn windows_1251_is_read_in_forms_urls_and_json() {
    let told = "application/x-www-form-urlencoded; charset=windows-1251";
    let events = [
        event(post(
            told,
            "",
            b"call_id=1&caller=0440000013&employee_fio=%CE%EB%E5%ED%E0".as_slice(),
        )),
        event(post(
            FORM,
            "",
            b"call_id=1&caller=0440000013&employee_fio=\xce\xeb\xe5\xed\xe0".as_slice(),
        )),
        event(get("call_id=1&caller=0440000013&employee_fio=%CE%EB%E5%ED%E0")),
        event(json(
            "",
            b"{\"call_id\":1,\"caller\":\"0440000013\",\"employee_fio\":\"\xce\xeb\xe5\xed\xe0\"}"
                .as_slice(),
        )),
    ];
    for event in events {
        assert_eq!(event.agents[0].name.as_deref(), Some("Олена"));
        assert_eq!(context(&event)["employee_fio"], "Олена");
    }
}

#[test]
fn json_under_a_forms_content_type_is_read() {
    let event = event(post(
        FORM,
        "event=answered",
        "\u{feff}{\"uniqueid\": \"7\", \"userfield\": 380440000011}",
    ));
    assert!(matches!(event.kind, Kind::CallAnswered(_)));
    assert_eq!(identifiers(&event), ["phone 380440000011"]);
}

#[test]
fn without_the_moment_the_parameters_tell_it() {
    let kind = |query: &str| match event(get(&format!("call_id=1&caller=0440000013&{query}"))).kind
    {
        Kind::CallStarted(_) => "started",
        Kind::CallForwarded(_) => "forwarded",
        Kind::CallAnswered(_) => "answered",
        Kind::CallFinished(call) if call.direction == Direction::Outbound => "finished out",
        Kind::CallFinished(_) => "finished",
        Kind::CallRated(_) => "rated",
        _ => "other",
    };
    let cases = [
        ("call_type=in", "started"),
        ("call_type=out", "started"),
        ("disposition=ANSWERED", "finished"),
        ("billsec=0", "finished"),
        ("billsec=5&call_type=out", "finished out"),
        ("forward_number=0440000901", "forwarded"),
        ("employee_fio=A", "answered"),
        ("action=forward", "forwarded"),
        ("action=dance&billsec=5", "finished"),
        ("category=A", "rated"),
    ];
    for (query, expected) in cases {
        assert_eq!(kind(query), expected, "{query}");
    }
}

#[test]
fn the_moment_of_the_url_counts_more_than_the_bodys() {
    let event = event(json(
        "event=After-Call",
        r#"{"call_id": "1", "caller": "0440000013", "event": "answered"}"#,
    ));
    assert!(matches!(event.kind, Kind::CallFinished(_)));
    let event = super::event(json("", r#"{"call_id": "1", "event": "rating_menu"}"#));
    assert!(matches!(event.kind, Kind::CallRated(_)));
}

#[test]
fn what_ended_is_a_rating_only_with_category_and_value() {
    let kind = |rest: &str| event(get(&format!("call_id=1&caller=0440000013{rest}"))).kind;
    let Kind::CallFinished(missed) = kind("&disposition=NO%20ANSWER&billsec=0&value=7") else {
        panic!("a user's own `value` made a rating of it")
    };
    assert!(missed.missed);
    assert!(matches!(kind("&billsec=5&category=shop"), Kind::CallFinished(_)));
    assert!(matches!(kind("&value=7"), Kind::CallRated(_)));
    assert!(matches!(kind("&billsec=5&category=shop&value=7"), Kind::CallRated(_)));
}

#[test]
fn an_unknown_moment_is_ignored_with_its_name() {
    let event = event(get(&format!("event=x%0A{}&call_id=1", "y".repeat(100))));
    let Kind::Ignored(name) = event.kind else { panic!("{:?}", event.kind) };
    assert_eq!(name, format!("x{}", "y".repeat(63)));
    assert_eq!(event.dedup_key, None);
}

#[test]
fn an_internal_call_has_no_client() {
    let event = event(get("event=after_call&call_id=1&caller=101&dst=102&call_type=internal"));
    assert!(matches!(event.kind, Kind::Ignored(name) if name == "internal call"));
    assert!(event.client.is_empty() && !event.wants_reply);
}

#[test]
fn a_call_without_an_id_is_known_by_its_caller_and_date() {
    let query = "event=after_call&caller=0440000013&calldate=2025-10-09+11%3A53%3A20";
    let event = event(get(query));
    assert_eq!(event.dedup_key.as_deref(), Some("after_call:0440000013@2025-10-09 11:53:20"));
    assert_eq!(event.occurred_at, None);
    let zoned = event_with(&host().setting("utc-offset", "+02:00"), get(query));
    assert_eq!(zoned.occurred_at.as_deref(), Some("2025-10-09T11:53:20+02:00"));
    let undated = super::event(get("event=after_call&caller=0440000013"));
    assert_eq!(undated.dedup_key, None);
    assert_eq!(call(&undated).id, "0440000013@2025-10-09T12:01:00+03:00");
}

#[test]
fn who_hides_the_number_is_nobody_in_a_lane_of_his_own() {
    let event = event(get("event=before_call&call_id=7&caller=anonymous"));
    assert_eq!((event.conversation.as_str(), event.client.len()), ("call:7", 0));
    assert_eq!(call(&event).client_number.as_deref(), Some("anonymous"));
    assert_eq!(text(&event, "phone"), None);
}

#[test]
fn missed_is_what_nobody_talked_in() {
    let missed =
        |query: &str| call(&event(get(&format!("call_id=1&caller=0440000013&{query}")))).missed;
    let cases = [
        ("event=after_call&billsec=0&duration=30&disposition=ANSWERED", true),
        ("event=after_call&billsec=0", true),
        ("event=after_call&disposition=BUSY", true),
        ("event=after_call&disposition=VOICEMAIL&billsec=9", true),
        ("event=after_call&call_type=callback&disposition=CLIENT+NO+ANSWER&billsec=0", true),
        ("event=after_call&disposition=REPEATED&billsec=9", false),
        ("event=after_call&disposition=PROPER", false),
        ("event=after_call", false),
        ("event=after_call&call_type=out&billsec=0", false),
        ("event=after_outgoing&dst=0440000014&billsec=0", false),
        ("event=answered&billsec=0", false),
    ];
    for (query, expected) in cases {
        assert_eq!(missed(query), expected, "{query}");
    }
}

#[test]
fn the_time_of_ringing_is_no_time_of_talking() {
    let seconds =
        |query: &str| call(&event(get(&format!("event=after_call&call_id=1&{query}")))).duration_s;
    assert_eq!(seconds("billsec=5&duration=30"), Some(5));
    assert_eq!(seconds("duration=30&disposition=ANSWERED"), Some(30));
    assert_eq!(seconds("duration=30&disposition=NO+ANSWER"), None);
}

#[test]
fn only_web_addresses_are_recordings() {
    let url = |value: &str| {
        call(&event(get(&format!("event=after_call&call_id=1&recording={value}"))))
            .recording_url
            .clone()
    };
    assert_eq!(url("1"), None);
    assert_eq!(url("javascript%3A%2F%2Fx"), None);
    assert_eq!(url("HTTPS%3A%2F%2Fa%2Fb"), Some("HTTPS://a/b".to_owned()));
}

#[test]
fn an_employee_may_be_known_by_an_address() {
    let event = event(get("call_id=1&employee_fio=A&connected_with=op1%40shop.example.com"));
    assert_eq!(event.agents[0].email.as_deref(), Some("op1@shop.example.com"));
    assert_eq!(event.agents[0].name.as_deref(), Some("A"));
}

#[test]
fn with_any_number_of_parameters_none_is_lost() {
    for count in [40, 41, 400] {
        let mut query = "event=after_call&call_id=1&caller=0440000013".to_owned();
        for number in 4..=count {
            write!(query, "&p{number}=v{number}").unwrap();
        }
        let seen = context(&event(get(&query)));
        assert_eq!(seen.as_object().unwrap().len(), count);
        assert_eq!(seen[format!("p{count}")], format!("v{count}"));
    }
}

#[test]
fn a_parameter_that_is_sent_twice_counts_as_its_first_value() {
    let event = event(post(
        FORM,
        "caller=0440000099",
        "call_id=1&caller=&caller=0440000013&caller=0440000014",
    ));
    assert_eq!(identifiers(&event), ["phone 0440000013"]);
}

#[test]
fn the_id_of_a_call_is_borne_up_to_its_limit() {
    let of = |length: usize| get(&format!("event=answered&call_id={}", "x".repeat(length)));
    event(of(256));
    let (status, reason) = rejection_with(&host(), of(257));
    assert_eq!((status, reason.contains("too long")), (400, true));
}

#[test]
fn what_is_not_ringostats_is_rejected_with_a_reason_and_without_content() {
    let cases = [
        (get(""), "no parameters"),
        (get("key=abc"), "no parameter tells"),
        (get("fbclid=Alina"), "no parameter tells"),
        (json("event=after_call", ""), "no parameter tells"),
        (json("", "null"), "no object"),
        (post("", "", "null"), "neither a form nor JSON"),
        (json("", "[{\"caller\": \"Alina\"}]"), "no object"),
        (json("", "\"Alina\""), "no object"),
        (json("", "{\"call_id\": Alina}"), "not JSON at line 1, column 13"),
        (
            json(
                "event=after_call",
                r#"{"event_name": "chat_accepted", "visitor": {"name": "Alina"}}"#,
            ),
            "no parameter tells",
        ),
        (post("text/xml", "", "<call id=\"Alina\"/>"), "neither a form nor JSON"),
        (post("multipart/form-data; boundary=x", "", "--x\r\nAlina"), "neither a form nor JSON"),
        (post(FORM, "", "a=Alina&".repeat(10_001)), "more than 10000 parameters"),
    ];
    for (request, part) in cases {
        let (status, reason) = rejection_with(&host(), request);
        assert_eq!(status, 400);
        assert!(reason.contains(part) && !reason.contains("Alina"), "{reason}");
    }
}
