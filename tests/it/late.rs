//! Events that come late, or in another order than they happened.

use patchbay_ledger::{Kind, Ledger};
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    enquiries::{accepted, finished, phone, stage},
    harness::{TestHost, jivo},
};

/// Cards, deals, tasks and notes.
fn counts(ledger: &Ledger) -> [usize; 4] {
    [Kind::Contact, Kind::Deal, Kind::Task, Kind::Note].map(|kind| ledger.count(kind))
}

/// Sends one event, and waits until its work is done.
async fn tell(host: &TestHost, url: &str, body: &Value) {
    host.hook(url, body.to_string()).await;
    host.idle().await;
}

/// The same chat, accepted by a colleague.
fn handed_over(chat: u64, client: u64) -> Value {
    let mut body = accepted(chat, client);
    body["agent"]["id"] = json!("3600");
    body["agent"]["email"] = json!("op2@shop.example.com");
    body
}

#[tokio::test]
async fn a_beginning_that_comes_after_its_end_opens_one_deal() {
    let ledger = Ledger::open().await;
    let (host, url) = stage(&Backend::Sqlite, &ledger).await;
    tell(&host, &url, &finished(7, 1, 3)).await;
    assert_eq!(counts(&ledger), [1, 0, 0, 1], "an end asks for nothing but its note");
    tell(&host, &url, &accepted(7, 1)).await;
    assert_eq!(counts(&ledger), [1, 1, 0, 1], "the enquiry itself does, whenever it comes");
    tell(&host, &url, &handed_over(7, 1)).await;
    assert_eq!(counts(&ledger), [1, 1, 0, 1]);
    assert_eq!(ledger.duplicates(), Vec::<String>::new());
    host.stop().await;
}

#[tokio::test]
async fn a_chat_that_is_handed_over_is_one_enquiry() {
    let ledger = Ledger::open().await;
    let (host, url) = stage(&Backend::Sqlite, &ledger).await;
    tell(&host, &url, &accepted(7, 1)).await;
    tell(&host, &url, &handed_over(7, 1)).await;
    assert_eq!(counts(&ledger), [1, 1, 0, 0], "nobody has come again");
    tell(&host, &url, &accepted(8, 1)).await;
    assert_eq!(counts(&ledger), [1, 1, 1, 0], "another chat of a client with an open deal");
    host.stop().await;
}

#[tokio::test]
async fn what_comes_after_the_deal_was_closed_reopens_nothing() {
    let ledger = Ledger::open().await;
    let (host, url) = stage(&Backend::Sqlite, &ledger).await;
    tell(&host, &url, &accepted(7, 1)).await;
    ledger.close_deals("won");
    tell(&host, &url, &handed_over(7, 1)).await;
    tell(&host, &url, &accepted(7, 1)).await;
    tell(&host, &url, &finished(7, 1, 2)).await;
    assert_eq!(counts(&ledger), [1, 1, 0, 1]);
    assert_eq!(ledger.records()["deals"][0]["fields"]["stage"], "won");
    tell(&host, &url, &accepted(8, 1)).await;
    assert_eq!(counts(&ledger), [1, 2, 0, 1], "a new chat is a new enquiry");
    host.stop().await;
}

#[tokio::test]
async fn a_call_opens_its_deal_although_its_ringing_was_told_before() {
    let ledger = Ledger::open().await;
    let (host, url) = stage(&Backend::Sqlite, &ledger).await;
    for (client, is_told) in [(1, true), (2, false)] {
        for (file, is_sent) in [("start", is_told), ("end", true)] {
            let mut body: Value =
                serde_json::from_slice(&jivo(&format!("call_event.{file}.json"))).unwrap();
            body["chat_id"] = json!(client);
            body["visitor"]["number"] = json!(client.to_string());
            body["visitor"]["phone"] = json!(phone(client));
            body["visitor"]["email"] = Value::Null;
            body["call"]["phone"] = json!(phone(client));
            body["call"]["type"] = json!("incoming");
            if is_sent {
                tell(&host, &url, &body).await;
            }
        }
    }
    assert_eq!(counts(&ledger)[..2], [2, 2], "{}", ledger.records());
    host.stop().await;
}
