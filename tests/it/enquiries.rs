//! What clients send through Jivo, as many different clients as a test wants, and what it comes to.

use std::collections::BTreeMap;

use patchbay_ledger::{KEY, Ledger};
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    harness::{TestHost, jivo},
    program::Site,
};

/// Calls of a CRM that the offline message of a new client makes: look-up, card, open deals, and
/// for deal, task and note each a look for its key and the write.
pub(crate) const CALLS: u64 = 9;

/// All that an integration can do.
pub(crate) fn everything() -> Value {
    json!({ "deals": true, "tasks": true, "notes": true })
}

/// The offline message of a client of this number.
pub(crate) fn offline(number: u64) -> String {
    let mut body = fixture("offline_message.json", number);
    body["offline_message_id"] = json!(number.to_string());
    body.to_string()
}

/// The beginning of a chat with a client of this number.
pub(crate) fn accepted(chat: u64, number: u64) -> Value {
    let mut body = fixture("chat_accepted.unknown_with_phone.json", number);
    body["chat_id"] = json!(chat);
    body
}

/// The end of such a chat, after so many messages.
pub(crate) fn finished(chat: u64, number: u64, messages: u64) -> Value {
    let mut body = fixture("chat_finished.one_agent.json", number);
    body["chat_id"] = json!(chat);
    let message = |place| json!({ "message": format!("{place}"), "timestamp": 1_760_000_000 + place, "type": "visitor" });
    body["chat"]["messages"] = (1..=messages).map(message).collect();
    body
}

/// How many messages of a note's transcript somebody has said; who was silent is told by the system.
pub(crate) fn said(note: &Value) -> usize {
    let messages = note["transcript"]["messages"].as_array().unwrap();
    messages.iter().filter(|message| message["author"] != "system").count()
}

pub(crate) fn phone(number: u64) -> String {
    format!("+7900{:07}", 1_000_000 + number)
}

pub(crate) fn email(number: u64) -> String {
    format!("visitor{number}@example.com")
}

fn fixture(file: &str, number: u64) -> Value {
    let mut body: Value = serde_json::from_slice(&jivo(file)).unwrap();
    body["visitor"]["number"] = json!(number.to_string());
    body["visitor"]["phone"] = json!(phone(number));
    body["visitor"]["email"] = json!(email(number));
    body
}

/// All records; the due time of a task is that of its webhook, and so left out.
pub(crate) fn books(ledger: &Ledger) -> Value {
    let mut records = ledger.records();
    for task in records["tasks"].as_array_mut().unwrap() {
        task.as_object_mut().unwrap().remove("due").expect("a task is due sometime");
    }
    records
}

/// What there is of each client, by phone, whoever of them came first.
pub(crate) fn by_client(books: &Value) -> BTreeMap<String, Value> {
    let list = |kind: &str| books[kind].as_array().unwrap().clone();
    let mut clients = BTreeMap::new();
    for mut contact in list("contacts") {
        let card = contact["id"].take();
        let mut deals = list("deals");
        deals.retain(|deal| deal["card"] == card);
        let ids: Vec<Value> = deals.iter().map(|deal| deal["id"].clone()).collect();
        let is_own = |record: &Value| {
            record["subject"]["card"] == card || ids.contains(&record["subject"]["deal"])
        };
        let [tasks, notes] = ["tasks", "notes"].map(|kind| {
            let mut records = list(kind);
            records.retain(is_own);
            for record in &mut records {
                record["id"].take();
                record["subject"].take();
            }
            records
        });
        for deal in &mut deals {
            deal["id"].take();
            deal["card"].take();
        }
        let phone = contact["identifiers"].to_string();
        let all = json!({ "contact": contact, "deals": deals, "tasks": tasks, "notes": notes });
        assert_eq!(clients.insert(phone, all), None, "two cards of one client: {books}");
    }
    clients
}

/// The books after the offline messages of the clients 1 to `clients`, with nothing in their way.
pub(crate) async fn undisturbed(clients: u64) -> Value {
    let ledger = Ledger::open().await;
    let host = TestHost::start().await;
    let url = host.jivo_to_ledger_with(&ledger, everything()).await;
    for number in 1..=clients {
        host.hook(&url, offline(number)).await;
        host.idle().await;
        assert_eq!(ledger.calls(), number * CALLS, "{:?}", ledger.trace());
    }
    assert_eq!(ledger.duplicates(), Vec::<String>::new());
    host.stop().await;
    let books = books(&ledger);
    for kind in ["contacts", "deals", "tasks", "notes"] {
        let count = books[kind].as_array().unwrap().len();
        assert_eq!(u64::try_from(count).unwrap(), clients, "{kind}: {books}");
    }
    books
}

/// A host on this backend with Jivo joined to the ledger. And the webhook URL.
pub(crate) async fn stage(backend: &Backend, ledger: &Ledger) -> (TestHost, String) {
    let host = TestHost::with(|config| {
        backend.configure(config);
        // What fails here fails by chance: the CRM is not down.
        config.retry.breaker_failures = 1000.try_into().unwrap();
    })
    .await;
    let url = host.jivo_to_ledger_with(ledger, everything()).await;
    (host, url)
}

/// A program's site: Jivo joined to the ledger, with these keys of `[worker]`, and so long for a
/// call of the CRM.
pub(crate) fn site(backend: &Backend, ledger: &Ledger, worker: &str, call_ms: u32) -> Site {
    let text = format!(
        r#"
        {storage}
        [worker]
        poll_ms = 50
        {worker}
        [retry]
        base_ms = 20
        [limits]
        wall_ms = {call_ms}
        [egress]
        connect_ms = {call_ms}
        timeout_ms = {call_ms}
        [[account]]
        id = "shop"
        plugin = "channel-jivo"
        [[account]]
        id = "ledger"
        plugin = "crm-ledger"
        settings = {{ base-url = "{url}" }}
        secrets = {{ key = {{ env = "LEDGER_KEY" }} }}
        grants = [{{ allow = "{url}", private = true }}]
        [[integration]]
        id = "shop-to-ledger"
        channel = "shop"
        crm = "ledger"
        options = {{ deals = true, tasks = true, notes = true }}
        "#,
        storage = backend.text(),
        url = ledger.url,
    );
    let mut site = Site::new(&["channel_jivo", "crm_ledger"], &text);
    site.set_environment("LEDGER_KEY", KEY);
    site
}
