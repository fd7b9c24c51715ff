//! CRMs that customers have, each behind its adapter in the running host.

use hyper::StatusCode;
use patchbay_sims::{Served, Simulator, Stage};
use serde_json::{Value, json};

use crate::harness::{TestHost, jivo};

mod day;
mod drain;
mod tryton;

/// A host with Jivo joined to a served simulator.
struct Site<S> {
    host: TestHost,
    crm: Served<S>,
    url: String,
}

impl<S: Simulator + Send + 'static> Site<S> {
    /// `account` makes the CRM's account from the simulator's address; its grant is added here.
    async fn open(
        crm: S,
        plugin: &str,
        options: Value,
        account: impl FnOnce(&str) -> Value,
    ) -> Self {
        let crm = patchbay_sims::serve(Stage::new(crm)).await.unwrap();
        let host = TestHost::start().await;
        host.install("channel_jivo").await;
        host.install(&plugin.replace('-', "_")).await;
        let mut account = account(&crm.url);
        account["plugin"] = json!(plugin);
        account["grants"] = json!([{ "allow": crm.url, "private": true }]);
        host.put("/accounts/crm", account).await;
        let url = host.join("jivo", "crm", options).await;
        Self { host, crm, url }
    }

    /// Sends one of Jivo's webhooks, and waits for what comes of it.
    async fn hook(&self, body: &Value) {
        let answer = self.host.hook(&self.url, body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        self.host.idle().await;
    }

    /// Nothing was refused for good.
    async fn close(self) {
        let letters = self.host.get("/dead-letters").await;
        assert_eq!(letters["items"], json!([]), "{letters:#}");
        assert_eq!(self.host.mended().await, 0);
        self.host.stop().await;
    }
}

/// A webhook of Jivo about this client, in this chat.
fn webhook(file: &str, client: u64) -> Value {
    let mut body: Value = serde_json::from_slice(&jivo(file)).unwrap();
    if body["chat_id"].is_number() {
        body["chat_id"] = json!(client);
    }
    if !body["offline_message_id"].is_null() {
        body["offline_message_id"] = json!(client.to_string());
    }
    let visitor = &mut body["visitor"];
    visitor["number"] = json!(client.to_string());
    visitor["name"] = json!(format!("Visitor {client}"));
    visitor["phone"] = json!(format!("+7900{client:07}"));
    visitor["email"] = json!(format!("visitor{client}@example.com"));
    body
}
