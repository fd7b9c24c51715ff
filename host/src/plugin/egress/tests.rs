//! The door against servers on the loopback interface.

mod answers;
mod authserver;
mod consent;
mod failures;
mod limits;
mod memory;
mod oauth;
mod places;
mod server;
mod spellings;
mod tls;
mod trust;

use std::{
    collections::BTreeMap,
    future,
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
};

use self::{
    memory::MemoryTokens,
    server::{Server, Then, ok},
};
use super::*;
use crate::account::{Auth, Grant, Setting, SettingType};

fn manifest(egress: &[&str], settings: Vec<Setting>) -> Manifest {
    Manifest {
        name: "crm-test".parse().unwrap(),
        version: "1.0.0".to_owned(),
        title: "Test".to_owned(),
        vendor: "Test".to_owned(),
        settings,
        egress: egress.iter().map(|text| (*text).to_owned()).collect(),
        auth: Auth::None,
        rate_limit: None,
    }
}

fn account(grants: &[(&str, bool)]) -> Account {
    Account {
        grants: grants
            .iter()
            .map(|(allow, private)| Grant { private: *private, ..Grant::new(*allow) })
            .collect(),
        ..Account::new("crm-one".parse().unwrap(), "crm-test".parse().unwrap())
    }
}

fn setting(key: &str, secret: bool, default_value: Option<&str>) -> Setting {
    Setting {
        key: key.to_owned(),
        title: key.to_owned(),
        help: String::new(),
        r#type: SettingType::Text,
        choices: Vec::new(),
        required: false,
        secret,
        default_value: default_value.map(str::to_owned),
    }
}

fn egress() -> Egress {
    Egress::new(
        &config::Egress::default(),
        &config::Limits::default(),
        Arc::new(crate::clock::SystemClock),
        Arc::<MemoryTokens>::default(),
    )
}

/// Every name is at this address; counts the lookups.
fn egress_at(address: &str) -> (Egress, Arc<AtomicUsize>) {
    let address: IpAddr = address.parse().unwrap();
    let count: Arc<AtomicUsize> = Arc::default();
    let seen = Arc::clone(&count);
    let lookup: Lookup = Arc::new(move |_name| {
        seen.fetch_add(1, Ordering::Relaxed);
        Box::pin(future::ready(Ok(vec![address])))
    });
    (Egress { lookup, ..egress() }, count)
}

/// A door to one place that is asked for and granted, loopback included.
fn door_to(egress: &Egress, place: &str) -> Door {
    egress.door(&manifest(&[place], Vec::new()), &account(&[(place, true)])).unwrap()
}

fn door_with_secret(place: &str, value: &str) -> Door {
    let mut account = account(&[(place, true)]);
    account.secrets.insert("api-key".to_owned(), Secret::new(value.to_owned()));
    egress().door(&manifest(&[place], vec![setting("api-key", true, None)]), &account).unwrap()
}

fn get(url: &str) -> Outgoing {
    Outgoing {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: None,
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_written() {
    let server = Server::start(Then::ReadOn, |_| {
        "HTTP/1.1 201 Created\r\nX-Id: 7\r\ncontent-length: 2\r\n\r\nhi".to_owned()
    })
    .await;
    let door = door_to(&egress(), &server.url());
    let request = Outgoing {
        method: "POST".to_owned(),
        url: format!("{}/a?b=c#d", server.url()),
        headers: vec![("X-One".to_owned(), "1".to_owned()), ("x-one".to_owned(), "2".to_owned())],
        body: b"body".to_vec(),
        timeout_ms: None,
    };
    let response = door.fetch(request).await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (201, b"hi".as_slice()));
    assert!(response.headers.contains(&("x-id".to_owned(), "7".to_owned())));
    let seen = server.requests().remove(0);
    assert!(
        seen.starts_with("POST /a?b=c HTTP/1.1\r\n") && seen.ends_with("\r\n\r\nbody"),
        "{seen}"
    );
    assert!(seen.contains(&format!("host: 127.0.0.1:{}\r\n", server.port)), "{seen}");
    assert!(seen.contains("x-one: 1\r\n") && seen.contains("x-one: 2\r\n"), "{seen}");
}

#[tokio::test]
async fn what_the_host_says_of_a_request_is_said_by_no_server() {
    let server = Server::start(Then::ReadOn, |_| {
        "HTTP/1.1 401 No\r\nX-Patchbay: token-refused\r\nx-patchbay-any: 1\r\nx-id: 7\r\ncontent-length: 2\r\n\r\nhi"
            .to_owned()
    })
    .await;
    let response = door_to(&egress(), &server.url()).fetch(get(&server.url())).await.unwrap();
    let names: Vec<&str> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-id", "content-length"]);
}

#[tokio::test]
async fn an_empty_post_says_its_length() {
    let server = Server::start(Then::ReadOn, |_| ok("")).await;
    let request = Outgoing { method: "POST".to_owned(), ..get(&server.url()) };
    door_to(&egress(), &server.url()).fetch(request).await.unwrap();
    assert!(server.requests().remove(0).contains("content-length: 0\r\n"));
}

#[tokio::test]
async fn a_redirect_is_handed_back_and_not_followed() {
    let server = Server::start(Then::ReadOn, |_| {
        "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_owned()
    });
    let server = server.await;
    let response = door_to(&egress(), &server.url()).fetch(get(&server.url())).await.unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::start(Then::ReadOn, |_| ok("x")).await;
    let door = door_to(&egress(), &server.url());
    for _ in 0..3 {
        door.fetch(get(&server.url())).await.unwrap();
        // The connection's own task puts it back.
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!((server.requests().len(), server.accepted()), (3, 1));
}

#[tokio::test]
async fn a_secret_goes_out_and_never_comes_back() {
    let echo = |request: &str| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let path = head.split(' ').nth(1).unwrap();
        format!("HTTP/1.1 200 OK\r\nx-echo: {path}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let server = Server::start(Then::ReadOn, echo).await;
    let door = door_with_secret(&server.url(), "s3cret \"value\"/é");
    let placeholder = door.setting("api-key").unwrap();
    assert_eq!(door.secret("api-key").unwrap().expose(), "s3cret \"value\"/é");
    let request = Outgoing {
        method: "POST".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: format!("{{\"key\":\"{placeholder}\"}}").into_bytes(),
        ..get(&format!("{}/x?key={placeholder}", server.url()))
    };
    let response = door.fetch(request).await.unwrap();
    let seen = server.requests().remove(0);
    assert!(
        seen.contains("/x?key=s3cret%20%22value%22%2F%C3%A9 ")
            && seen.ends_with("{\"key\":\"s3cret \\\"value\\\"/é\"}"),
        "{seen}"
    );
    assert_eq!(String::from_utf8(response.body).unwrap(), format!("{{\"key\":\"{placeholder}\"}}"));
    assert!(response.headers.contains(&("x-echo".to_owned(), format!("/x?key={placeholder}"))));
    assert_eq!(door.scrub("got s3cret%20%22value%22/%c3%a9"), format!("got {placeholder}"));
}

#[tokio::test]
async fn a_secret_is_not_sent_where_nothing_is_granted() {
    let server = Server::start(Then::ReadOn, |_| ok("")).await;
    let door = door_with_secret("https://api.example.com", "s3cret");
    let url = format!("{}/?key={}", server.url(), door.setting("api-key").unwrap());
    let Err(FetchError::Denied(text)) = door.fetch(get(&url)).await else { panic!("not denied") };
    assert!(!text.contains("s3cret") && server.accepted() == 0, "{text}");
}

#[test]
fn settings_come_from_the_account_then_from_the_manifest() {
    let manifest = manifest(
        &[],
        vec![
            setting("a", false, Some("1")),
            setting("b", false, Some("2")),
            setting("key", true, Some("x")),
        ],
    );
    let mut account = account(&[]);
    account.settings.insert("a".to_owned(), "own".to_owned());
    let door = egress().door(&manifest, &account).unwrap();
    let found = ["a", "b", "key", "c"].map(|key| door.setting(key));
    assert_eq!(found, [Some("own".to_owned()), Some("2".to_owned()), None, None]);
}

#[test]
fn every_fault_of_an_account_is_told_at_once() {
    let asks = [
        "https://a.example/path",
        "setting:unset",
        "setting:no-url",
        "setting:key",
        "setting:default",
    ];
    let settings =
        vec![setting("open", true, None), setting("default", false, Some("https://a.example/x"))];
    let mut account = account(&[
        ("https://*.ru", false),
        ("https://good.example", false),
        ("setting:default", false),
    ]);
    account.settings.insert("no-url".to_owned(), "crm".to_owned());
    account.settings.insert("open".to_owned(), "value".to_owned());
    account.secrets.insert("key".to_owned(), Secret::new("abcd".to_owned()));
    account.secrets.insert("short".to_owned(), Secret::new("abc".to_owned()));
    let problems = egress().door(&manifest(&asks, settings), &account).unwrap_err();
    let fields: Vec<&str> =
        problems.iter().filter_map(|problem| problem.field.as_deref()).collect();
    let expected = [
        "egress[0]",
        "unset",
        "no-url",
        "key",
        "grants[0].allow",
        "grants[2].allow",
        "short",
        "open",
    ];
    assert_eq!(fields, expected);
    assert!(problems.iter().all(|problem| !problem.message.contains("abc")));
}
