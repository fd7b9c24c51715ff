//! Order within a conversation, one card for a client, and the sender's deadline.

use std::{collections::BTreeMap, time::Duration};

use hyper::StatusCode;
use patchbay_ledger::{Fault, Kind, Ledger};
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    backend::{Backend, on_every_backend},
    enquiries::{accepted, everything, finished, said, stage},
    harness::Web,
};

on_every_backend!(
    events_of_one_conversation_take_effect_in_order,
    two_conversations_of_one_client_never_make_two_cards,
    the_senders_deadline_is_met_with_the_crm_down,
);

const CONVERSATIONS: u64 = 64;
const EVENTS: u64 = 5;

/// Faults at random, the same at every run.
fn scatter(ledger: &Ledger) {
    let mut seed = 20_260_101_u64;
    let faults = [
        Fault::Status(503),
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::TooManyRequests { retry_after_s: 0 },
    ];
    for call in 1..2000 {
        // As in Knuth, volume 2.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = usize::try_from(seed >> 33).unwrap();
        if draw % 12 == 0 {
            ledger.fault_at(call, faults[draw / 12 % faults.len()]);
        }
    }
}

async fn events_of_one_conversation_take_effect_in_order(backend: Backend) {
    let ledger = Ledger::open().await;
    let (host, url) = stage(&backend, &ledger).await;
    scatter(&ledger);

    let mut senders = JoinSet::new();
    for client in 1..=CONVERSATIONS {
        let url = url.clone();
        senders.spawn(async move {
            let web = Web::new();
            for messages in 1..=EVENTS {
                let answer = web.hook(&url, finished(client, client, messages).to_string()).await;
                assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            }
        });
    }
    senders.join_all().await;
    host.idle().await;

    let mut seen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for write in ledger.writes().iter().filter(|write| write.kind == Kind::Note) {
        let card = write.body["subject"]["card"].as_str().unwrap().to_owned();
        seen.entry(card).or_default().push(said(&write.body));
    }
    assert_eq!(u64::try_from(seen.len()).unwrap(), CONVERSATIONS);
    for (card, messages) in seen {
        assert_eq!(messages, [1, 2, 3, 4, 5], "card {card}");
    }
    assert_eq!(ledger.duplicates(), Vec::<String>::new());
    assert_eq!(host.get("/dead-letters").await["items"], json!([]));
    assert_eq!(host.mended().await, 0, "no lane has lost its work");
    host.stop().await;
}

async fn two_conversations_of_one_client_never_make_two_cards(backend: Backend) {
    let ledger = Ledger::open().await;
    ledger.set_latency(Duration::from_millis(5));
    let (host, _) = stage(&backend, &ledger).await;
    let mut urls = Vec::new();
    for channel in ["first", "second", "third"] {
        urls.push(host.join(channel, "ledger", everything()).await);
    }

    let mut senders = JoinSet::new();
    for (chat, url) in (1..=CONVERSATIONS).zip(urls.into_iter().cycle()) {
        let mut body = accepted(chat, 1);
        // Another visitor to the channel, and the same person.
        body["visitor"]["number"] = json!(chat.to_string());
        senders.spawn(async move {
            let answer = Web::new().hook(&url, body.to_string()).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        });
    }
    senders.join_all().await;
    host.idle().await;

    assert_eq!(ledger.count(Kind::Contact), 1);
    assert_eq!(ledger.count(Kind::Deal), 1, "the others find it open");
    let tasks = u64::try_from(ledger.count(Kind::Task)).unwrap();
    assert_eq!(tasks, CONVERSATIONS - 1, "a client who comes again is told of");
    assert_eq!(ledger.duplicates(), Vec::<String>::new());
    let busiest = ledger.busiest();
    assert!(busiest.values().all(|calls| *calls == 1), "never two at once: {busiest:?}");
    assert_eq!(host.get("/dead-letters").await["items"], json!([]));
    assert_eq!(host.mended().await, 0, "no lane has lost its work");
    host.stop().await;
}

async fn the_senders_deadline_is_met_with_the_crm_down(backend: Backend) {
    let ledger = Ledger::open().await;
    let (host, _) = stage(&backend, &ledger).await;
    let account = json!({ "plugin": "channel-jivo", "reply_deadline_ms": 1000 });
    let url = host.jivo_account(account).await;
    for (client, fault) in (1..).zip([Fault::Hang, Fault::Status(503), Fault::CutBefore]) {
        ledger.set_fault(Some(fault));
        let sent = Instant::now();
        let answer = host.hook(&url, accepted(client, client).to_string()).await;
        let took = sent.elapsed();
        assert_eq!(answer.json(), json!({ "result": "ok" }), "{fault:?}");
        // What the machine may take beside the wait.
        assert!(took < Duration::from_secs(2), "{fault:?}: {took:?}");
    }
    ledger.set_fault(None);
    host.idle().await;
    assert_eq!(ledger.count(Kind::Contact), 3, "the work goes on behind the answer");
    assert_eq!(ledger.duplicates(), Vec::<String>::new());
    host.stop().await;
}
