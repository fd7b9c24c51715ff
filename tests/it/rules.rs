//! What the rules of an integration come to in the CRM: each row of the acceptance table, and more.

use hyper::Method;
use patchbay_ledger::Ledger;
use serde_json::{Value, json};

use crate::harness::{TestHost, jivo};

mod channel;
mod late_steps;
mod matrix;
mod people;
mod previews;
mod steps;

/// A host with Jivo joined to a ledger by these rules.
pub(crate) struct Stage {
    pub(crate) ledger: Ledger,
    pub(crate) host: TestHost,
    url: String,
}

impl Stage {
    pub(crate) async fn new(options: Value, rules: Value) -> Self {
        Self::on("crm_ledger", options, rules).await
    }

    /// The same with another adapter of the ledger.
    pub(crate) async fn on(adapter: &str, options: Value, rules: Value) -> Self {
        let (ledger, host) = (Ledger::open().await, TestHost::start().await);
        ledger.set_managers(&json!([
            { "id": "m1", "name": "Vera Example", "email": "vera@example.com", "active": true },
            { "id": "m2", "name": "Oleg Example", "email": "oleg@example.com", "active": false },
            { "id": "m3", "name": "Ira Example", "email": "ira@example.com", "active": true },
        ]));
        host.install("channel_jivo").await;
        host.install(adapter).await;
        let mut account = crate::harness::ledger_account(&ledger);
        account["plugin"] = json!(adapter.replace('_', "-"));
        host.put("/accounts/ledger", account).await;
        let url = host.jivo_account(json!({ "plugin": "channel-jivo" })).await;
        let stage = Self { ledger, host, url };
        stage.pool("round-robin").await;
        stage.rules(options, rules).await;
        stage
    }

    /// The managers of the ledger, one of whom has left, as the pool `sales`.
    pub(crate) async fn pool(&self, strategy: &str) {
        let members = json!([{ "manager": "m1" }, { "manager": "m2" }, { "manager": "m3" }]);
        let pool = json!({ "crm": "ledger", "strategy": strategy, "members": members });
        self.host.put("/pools/sales", pool).await;
    }

    pub(crate) async fn rules(&self, options: Value, rules: Value) {
        let integration =
            json!({ "channel": "jivo", "crm": "ledger", "options": options, "rules": rules });
        self.host.put("/integrations/jivo-to-ledger", integration).await;
    }

    /// Sends a webhook, waits for what comes of it, and returns the event.
    pub(crate) async fn send(&self, body: &Value) -> Value {
        let answer = self.host.hook(&self.url, body.to_string()).await;
        assert!(answer.status.is_success(), "{answer:?}");
        self.host.idle().await;
        self.host.newest().await
    }

    pub(crate) async fn preview(&self, input: Value) -> Value {
        let path = "/integrations/jivo-to-ledger/preview";
        let answer = self.host.api(Method::POST, path, input.to_string()).await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer.json()
    }

    /// The records of a kind: `contacts`, `deals`, `tasks` or `notes`.
    pub(crate) fn records(&self, kind: &str) -> Vec<Value> {
        self.ledger.records()[kind].as_array().unwrap().clone()
    }
}

/// The beginning of a chat with a client of this phone, who is answered by an agent of this
/// e-mail.
pub(crate) fn chat(number: u64, phone: &str, agent: &str) -> Value {
    let mut body = fixture("chat_accepted.unknown_with_phone.json");
    body["chat_id"] = json!(number);
    body["visitor"]["number"] = json!(number.to_string());
    body["visitor"]["phone"] = json!(phone);
    body["agent"]["email"] = json!(agent);
    body
}

/// An agent whom the ledger does not know.
pub(crate) const NOBODY: &str = "nobody@example.com";

pub(crate) fn fixture(file: &str) -> Value {
    serde_json::from_slice(&jivo(file)).unwrap()
}

/// The kinds of what the journal says of the event's only job.
#[track_caller]
pub(crate) fn remarks(event: &Value) -> Vec<String> {
    let job = &event["jobs"][0];
    assert_eq!(job["state"], "done", "{job}");
    let remarks = job["outcome"]["remarks"].as_array().into_iter().flatten();
    remarks.map(|remark| remark["kind"].as_str().unwrap().to_owned()).collect()
}
