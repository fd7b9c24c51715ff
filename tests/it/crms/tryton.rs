//! Jivo and Ringostat end to end, with a real Tryton behind them.

use std::{collections::BTreeMap, time::Duration};

use hyper::StatusCode;
use patchbay_test_tryton::{Address, Server};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

use super::webhook;
use crate::harness::{TestHost, Web, jivo};

mod calls;

/// Each has a chat and a call.
const CLIENTS: u64 = 100;

/// Clients who talk at the same time.
const AT_ONCE: u64 = 10;

/// All of it takes half a minute on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_mins(5);

const RINGOSTAT_KEY: &str = "fake-ringostat-key-000";

/// `{"company":1}`, as Tryton wants it in a header.
const OF_COMPANY: &str = "eyJjb21wYW55IjoxfQ==";

struct Site {
    host: TestHost,
    jivo: String,
    /// With the key and without a moment.
    ringostat: String,
    tryton: Server,
}

impl Site {
    /// Calls follow these options and rules, chats only leave their deals and notes.
    async fn open(options: Value, rules: Value) -> Self {
        let tryton = tokio::task::spawn_blocking(patchbay_test_tryton::start).await.unwrap();
        // A Tryton on SQLite writes one thing at a time, and tells the others to come again.
        let host = TestHost::with(|config| {
            config.worker.account_slots = 4.try_into().unwrap();
            config.retry.attempts_max = 100.try_into().unwrap();
        })
        .await;
        for file in ["channel_jivo", "channel_ringostat", "crm_tryton"] {
            host.install(file).await;
        }
        let Address { url, database, key } = &tryton.at;
        let account = json!({
            "plugin": "crm-tryton",
            "settings": { "base-url": url, "database": database },
            "secrets": { "key": key },
            "grants": [{ "allow": url, "private": true }],
        });
        host.put("/accounts/crm", account).await;
        let jivo = host.join("jivo", "crm", json!({ "deals": true, "notes": true })).await;
        // The tests want the answer itself, however busy the machine.
        let account = json!({
            "plugin": "channel-ringostat",
            "secrets": { "url-key": RINGOSTAT_KEY },
            "reply_deadline_ms": 60_000,
        });
        let account = host.put("/accounts/ringostat", account).await;
        let integration =
            json!({ "channel": "ringostat", "crm": "crm", "options": options, "rules": rules });
        host.put("/integrations/ringostat-to-crm", integration).await;
        let ringostat = account["webhook_url"].as_str().unwrap();
        let ringostat = format!("{ringostat}?key={RINGOSTAT_KEY}");
        Self { host, jivo, ringostat, tryton }
    }

    /// What this client's vendors send, in its order.
    fn webhooks(&self, client: u64) -> [(String, Value); 3] {
        [
            (self.jivo.clone(), webhook("chat_accepted.unknown_with_phone.json", client)),
            (format!("{}&event=after_call", self.ringostat), call("after_call.answered", client)),
            (self.jivo.clone(), webhook("chat_finished.one_agent.json", client)),
        ]
    }

    /// Every client talks, some at once, and each webhook comes twice.
    async fn talk(&self) {
        let mut open = JoinSet::new();
        for lane in 0..AT_ONCE {
            let clients = (1..=CLIENTS).filter(|client| client % AT_ONCE == lane);
            let webhooks: Vec<_> = clients.flat_map(|client| self.webhooks(client)).collect();
            open.spawn(async move {
                let web = Web::new();
                for (url, body) in webhooks {
                    for _ in 0..2 {
                        let answer = web.hook(&url, body.to_string()).await;
                        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
                    }
                }
            });
        }
        while let Some(lane) = open.join_next().await {
            lane.unwrap();
        }
        let deadline = Instant::now() + PATIENCE;
        while self.host.host().state.stores.journal.depth().await.unwrap().pending_jobs != 0 {
            assert!(Instant::now() < deadline, "not done in {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The records of one of Tryton's models, the oldest first.
    fn all(&self, model_and_fields: &str) -> Vec<Value> {
        let mut records = self.ask("GET", model_and_fields, b"");
        let records = records.as_array_mut().unwrap();
        records.sort_by_key(|record| record["id"].as_u64());
        std::mem::take(records)
    }

    /// Asks Tryton itself, past the host.
    fn ask(&self, method: &str, target: &str, body: &[u8]) -> Value {
        let Address { database, key, .. } = &self.tryton.at;
        let target = format!("/{database}/rest/model/{target}");
        let headers = [
            ("authorization".to_owned(), format!("Bearer {key}")),
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-tryton-context".to_owned(), OF_COMPANY.to_owned()),
        ];
        let answer = self.tryton.at.send(method, &target, &headers, body).unwrap();
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 200, "{target}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Nothing was refused for good.
    async fn close(self) {
        let letters = self.host.get("/dead-letters").await;
        assert_eq!(letters["items"], json!([]), "{letters:#}");
        assert_eq!(self.host.mended().await, 0);
        self.host.stop().await;
    }
}

/// One of Ringostat's webhooks about a call with the number of this client of Jivo.
fn call(file: &str, client: u64) -> Value {
    let file = format!("../../channel-ringostat/fixtures/v2.{file}.json");
    let mut body: Value = serde_json::from_slice(&jivo(&file)).unwrap();
    body["uniqueid"] = json!(format!("ua1-1760000000.{client:06}"));
    let is_outgoing = body["additional_call_data"]["call_type"] == "out";
    let number = if is_outgoing { "dst" } else { "userfield" };
    body["additional_call_data"][number] = json!(format!("7900{client:07}"));
    body
}

/// How often each stands there.
fn counts<'t>(texts: impl Iterator<Item = &'t str>) -> BTreeMap<&'t str, u64> {
    let mut counts = BTreeMap::new();
    texts.for_each(|text| *counts.entry(text).or_default() += 1);
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_conversations_stand_in_a_real_tryton_once_each() {
    let options = json!({ "deals": true, "notes": true });
    let site = Site::open(options, json!({ "phone": { "country": "RU" } })).await;
    site.talk().await;

    let parties = site.all("party.party?f=code&f=contact_mechanisms.value");
    let ours =
        |party: &&Value| party["code"].as_str().is_some_and(|it| it.starts_with("patchbay:"));
    let values =
        parties.iter().filter(ours).flat_map(|it| it["contact_mechanisms"].as_array().unwrap());
    let values = counts(values.map(|it| it["value"].as_str().unwrap()));
    assert_eq!(u64::try_from(parties.iter().filter(ours).count()).unwrap(), CLIENTS);
    for client in 1..=CLIENTS {
        let wanted = [format!("+7900{client:07}"), format!("visitor{client}@example.com")];
        assert_eq!(wanted.map(|it| values.get(it.as_str()).copied()), [Some(1); 2], "{client}");
    }

    let deals = site.all("sale.opportunity?f=party&f=reference");
    let of_parties = counts(deals.iter().map(|it| it["party"].as_str().unwrap_or_default()));
    assert_eq!(u64::try_from(deals.len()).unwrap(), CLIENTS, "{of_parties:?}");

    let notes = site.all("ir.note?f=message");
    let messages: Vec<&str> = notes.iter().map(|it| it["message"].as_str().unwrap()).collect();
    let of = |start: &str| messages.iter().filter(|it| it.starts_with(start)).count();
    let clients = usize::try_from(CLIENTS).unwrap();
    assert_eq!((of("Conversation"), of("Incoming call")), (clients, clients));
    assert_eq!(messages.len(), 2 * clients);
    let marks = counts(messages.iter().map(|it| it.lines().last().unwrap()));
    assert!(marks.values().all(|count| *count == 1), "{marks:?}");
    site.close().await;
}
