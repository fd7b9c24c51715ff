//! Bodies of every shape and encoding, and what is no request at all.

use patchbay_sdk::channel::{Received, Request};

use super::{
    FORM, context, event, event_with, events_with, fixture, get, host, identifiers, json, post,
    receive_with, rejection_with, text,
};

#[test]
fn windows_1251_is_read_in_json_forms_and_multipart() {
    let multipart = b"--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n\xc0\xed\xed\xe0\r\n--b--\r\n";
    let requests = [
        json(b"{\"name\": \"\xc0\xed\xed\xe0\"}"),
        post(FORM, "name=%C0%ED%ED%E0"),
        post("application/x-www-form-urlencoded; charset=windows-1251", b"name=\xc0\xed\xed\xe0"),
        post("multipart/form-data; boundary=b", multipart),
        get("name=%C0%ED%ED%E0"),
    ];
    for request in requests {
        let event = event(request);
        assert_eq!(text(&event, "name"), Some("Анна"));
        assert_eq!(context(&event)["name"], "Анна");
    }
}

#[test]
fn a_byte_order_mark_and_a_false_content_type_are_borne() {
    for request in [
        post(FORM, "\u{feff}{\"phone\": 89000000153}"),
        post("text/plain", " {\"phone\": 89000000153}"),
        post("application/json", "phone=89000000153"),
        post("", "phone=89000000153"),
    ] {
        assert_eq!(identifiers(&event(request)), ["phone 89000000153"]);
    }
    assert_eq!(event(post(FORM, " {\"phone\": 89000000153}")).context, None);
    assert!(event(post(FORM, "\u{feff}{\"phone\": 89000000153}")).context.is_some());
}

#[test]
fn a_multipart_form_is_read_and_its_files_told_by_name_and_size() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"client[phone]\"\r\n\r\n89000000153\r\n\
                --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"secret.pdf\"\r\n\
                Content-Type: application/pdf\r\n\r\ncontent-of-the-file\r\n--b--\r\n";
    let event = event(post("multipart/form-data; boundary=\"b\"", body));
    assert_eq!(identifiers(&event), ["phone 89000000153"]);
    assert_eq!(context(&event)["file"], "secret.pdf (19 bytes)");
    assert!(!event.context.unwrap().contains("content-of-the-file"));
}

#[test]
fn other_methods_make_no_lead() {
    for method in ["HEAD", "PUT", "DELETE", "OPTIONS", ""] {
        let request = Request { method: method.to_owned(), ..get("name=x&phone=79000000000") };
        let Ok(Received::Answer(answer)) = receive_with(&host(), request) else {
            panic!("{method} is not answered")
        };
        assert_eq!(answer.status, 405);
        assert!(answer.headers.contains(&("allow".to_owned(), "GET, POST".to_owned())));
    }
}

#[test]
fn of_a_parameter_that_the_url_repeats_the_first_counts() {
    let mut request = json(r#"{"phone": "89000000153"}"#);
    request.query = "a=1&phone=2&a=3&b=".to_owned();
    let read = context(&event(request));
    assert_eq!(read, serde_json::json!({"phone": "89000000153", "a": "1", "b": ""}));
}

/// Each pair compared with each member would take minutes here.
#[test]
fn many_parameters_complete_a_body_of_many_members() {
    let members = (0..99_000).map(|number| format!("\"a{number}\":1"));
    let mut request =
        json(format!(r#"{{"phone": "89000000153", {}}}"#, members.collect::<Vec<_>>().join(",")));
    let parameters = (98_000..104_000).map(|number| format!("a{number}=2"));
    request.query = parameters.collect::<Vec<_>>().join("&");
    let read = context(&event(request));
    assert_eq!(read.as_object().unwrap().len(), 104_001);
    assert_eq!((&read["a98000"], &read["a103999"]), (&1.into(), &"2".into()));
}

#[test]
fn parameters_of_the_url_complete_the_body() {
    let mut request = json(r#"{"phone": "89000000153", "source": "body"}"#);
    request.query = "source=url&utm_source=vk".to_owned();
    let read = event(request);
    assert_eq!((text(&read, "source"), text(&read, "utm-source")), (Some("body"), Some("vk")));
    assert_eq!(context(&read)["utm_source"], "vk");
    let mut form = post(FORM, "phone=89000000153&source=body");
    form.query = "source=url&utm_source=vk".to_owned();
    let read = event(form);
    assert_eq!((text(&read, "source"), text(&read, "utm-source")), (Some("body"), Some("vk")));
}

#[test]
fn lists_are_read_up_to_their_limit() {
    let host = host().setting("accept-lists", "true");
    let list =
        |count: usize| json(format!("[{}]", vec![r#"{"phone":"89000000153"}"#; count].join(",")));
    assert_eq!(events_with(&host, list(1_000)).len(), 1_000);
    assert_eq!(rejection_with(&host, list(1_001)).0, 400);
    for (body, part) in [
        ("[]", "empty list"),
        ("[{\"phone\": \"89000000153\"}, 7]", "item 1"),
        ("[{}, {\"x\": 1}]", "nothing is recognised"),
    ] {
        let (status, reason) = rejection_with(&host, json(body));
        assert!(status == 400 && reason.contains(part), "{reason}");
    }
}

#[test]
fn what_is_no_request_is_rejected_with_a_reason_and_without_content() {
    let cases = [
        (get(""), "neither a body nor parameters"),
        (json(""), "neither a body nor parameters"),
        (json("\u{feff} \r\n"), "neither a body nor parameters"),
        (json("null"), "no object"),
        (json("\"Alina\""), "no object"),
        (json("12345678"), "no object"),
        (json("{\"name\": Alina}"), "not JSON at line 1, column 10"),
        (json(format!("{}{}", "[".repeat(500), "Alina")), "not JSON"),
        (json("[{\"name\": \"Alina\"}]"), "`accept-lists`"),
        (
            json(r#"{"event_name": "chat_accepted", "visitor": {"fio": "Alina"}}"#),
            "nothing is recognised",
        ),
        (get("fbclid=Alina"), "nothing is recognised"),
        (post("text/xml", "<a name=\"Alina\"/>"), "none of JSON, form and multipart"),
        (post("text/plain", "Alina"), "none of JSON, form and multipart"),
        (post("", [0xff, 0xfe, 0x00]), "none of JSON, form and multipart"),
        (post("multipart/form-data; boundary=b", "Alina"), "boundary"),
        (post(FORM, "a=Alina&".repeat(10_001)), "more than 10000 parameters"),
        (json(format!("[{}0]", "0,".repeat(100_000))), "more than 100000 values"),
    ];
    for (request, part) in cases {
        let (status, reason) = rejection_with(&host(), request);
        assert_eq!(status, 400);
        assert!(reason.contains(part) && !reason.contains("Alina"), "{part}: {reason}");
    }
}

#[test]
fn a_large_body_is_read() {
    let transcript = "слово".repeat(200_000);
    let event = event(json(format!(r#"{{"phone": "89000000153", "message": "{transcript}"}}"#)));
    assert_eq!(text(&event, "comment").unwrap().len(), crate::template::OUTPUT_BYTES_MAX);
    let whole = event_with(&host().setting("message", ""), fixture("lead.json"));
    assert_eq!(text(&whole, "comment"), None);
}
