//! What the targets share: requests made of bytes, and the check of what an adapter makes of them.

use patchbay_sdk::Channel;
use patchbay_sdk::channel::{Effect, Outcome, Request};
use patchbay_sdk::testing::{Host, intake, webhooks};
use patchbay_sdk::types::{Card, Field, Value};

/// Gives the same bytes to an adapter in all the ways that a sender has: as JSON, as a form in either
/// encoding, as several parts, and as a query.
pub fn receive<C: Channel>(settings: &[(&str, &str)], body: &[u8]) {
    let json = request("POST", "", b"application/json", body);
    let form =
        request("POST", "", b"application/x-www-form-urlencoded; charset=windows-1251", body);
    let parts = request("POST", "", b"multipart/form-data; boundary=b", body);
    let put = request("PUT", "", b"", body);
    let query = String::from_utf8_lossy(body);
    let get = request("GET", query.trim_end(), b"", b"");
    for request in [json, form, parts, put, get] {
        receive_one::<C>(settings, request);
    }
}

/// Reads one request, and answers it with and without a client's card.
pub fn receive_one<C: Channel>(settings: &[(&str, &str)], request: Request) {
    let host = Host::new()
        .pure()
        .defaults(C::describe())
        .secret("token-key", "invented")
        .secret("webhook-secret", "invented");
    let host = settings.iter().fold(host, |host, (key, value)| host.setting(key, value));
    let received = host.run(|| C::receive(request.clone())).expect("read, answered or rejected");
    if let Err(fault) = intake::check(&received, &request) {
        panic!("the host would not take it: {fault}");
    }
    for outcomes in [Vec::new(), vec![found()]] {
        let answer = host.run(|| C::reply(request.clone(), outcomes));
        assert!((200..600).contains(&answer.status), "{}", answer.status);
    }
}

/// A request as the host hands it on.
pub fn request(method: &str, query: &str, content_type: &[u8], body: &[u8]) -> Request {
    let headers = [("content-type".to_owned(), content_type.to_vec())];
    Request {
        method: method.to_owned(),
        path: String::new(),
        query: query.to_owned(),
        headers: headers.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        body: body.to_vec(),
        received_at: webhooks::RECEIVED_AT.to_owned(),
        remote_address: "203.0.113.7".to_owned(),
    }
}

fn found() -> Outcome {
    let phones = Value::Texts(vec!["+380000000001".to_owned(), "+380000000002".to_owned()]);
    let fields = vec![Field::text("name", "Invented Person"), Field::new("phone", phones)];
    let cards = vec![Card { fields, ..Card::new("7") }];
    Outcome {
        effect: Effect::Found,
        cards,
        assignments: Vec::new(),
        next_page: None,
        problem: None,
    }
}
