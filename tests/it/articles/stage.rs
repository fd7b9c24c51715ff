//! A host with one or more channels joined to the tests' CRM by rules.

use hyper::Method;
use patchbay_ledger::Ledger;
use serde_json::{Value, json};

use super::fixture::Folder;
use crate::harness::{Answer, TestHost, ledger_account};

/// Where the CRM of the tests opens its cards.
pub(super) const CARDS: &str = "https://crm.example.com/contact/";

pub(super) struct Stage {
    pub(super) host: TestHost,
    pub(super) ledger: Ledger,
}

/// One channel account and its integration; what is left out is as in a new account.
#[derive(Default)]
pub(super) struct Channel {
    /// `jivo` for the adapter `channel-jivo`.
    pub(super) vendor: &'static str,
    /// The account's name; the vendor's where it is empty.
    pub(super) account: &'static str,
    pub(super) settings: Value,
    pub(super) secrets: Value,
    pub(super) grants: Value,
    pub(super) options: Value,
    pub(super) rules: Value,
}

impl Stage {
    /// A host and an empty CRM, whose adapter lacks nothing.
    pub(super) async fn new() -> Self {
        Self::on(Ledger::open().await, "crm_ledger", json!({})).await
    }

    /// The same with this CRM. `settings` are those of its account.
    pub(super) async fn on(ledger: Ledger, adapter: &str, settings: Value) -> Self {
        let host = TestHost::start().await;
        host.install(adapter).await;
        let mut account = ledger_account(&ledger);
        account["plugin"] = json!(adapter.replace('_', "-"));
        for (key, value) in settings.as_object().unwrap() {
            account["settings"][key] = value.clone();
        }
        host.put("/accounts/crm", account).await;
        Self { host, ledger }
    }

    /// Joins a channel to the CRM. Returns the webhook URL.
    pub(super) async fn join(&self, channel: Channel) -> String {
        self.host.install(&format!("channel_{}", channel.vendor)).await;
        let name = if channel.account.is_empty() { channel.vendor } else { channel.account };
        // These tests want the answer itself, however busy the machine.
        let plugin = format!("channel-{}", channel.vendor);
        let mut account = json!({ "plugin": plugin, "reply_deadline_ms": 60_000 });
        let parts = [
            ("settings", channel.settings),
            ("secrets", channel.secrets),
            ("grants", channel.grants),
        ];
        for (key, value) in parts.into_iter().filter(|(_, value)| !value.is_null()) {
            account[key] = value;
        }
        let account = self.host.put(&format!("/accounts/{name}"), account).await;
        let mut integration = json!({ "channel": name, "crm": "crm" });
        let parts = [("options", channel.options), ("rules", channel.rules)];
        for (key, value) in parts.into_iter().filter(|(_, value)| !value.is_null()) {
            integration[key] = value;
        }
        self.host.put(&format!("/integrations/{name}-to-crm"), integration).await;
        account["webhook_url"].as_str().unwrap().to_owned()
    }

    /// A pool of these managers who take turns.
    pub(super) async fn pool(&self, name: &str, managers: &[&str]) {
        let members: Vec<Value> = managers.iter().map(|id| json!({ "manager": id })).collect();
        self.host.put(&format!("/pools/{name}"), json!({ "crm": "crm", "members": members })).await;
    }

    /// Sends a recorded request and waits until all that comes of it is done.
    pub(super) async fn replay(&self, folder: Folder, name: &str, url: &str) -> Answer {
        let answer = self.host.send(folder.request(name, url)).await;
        self.host.idle().await;
        answer
    }

    /// The same, and the answer must be the one that the vendor expects.
    pub(super) async fn replay_answered(&self, folder: Folder, name: &str, url: &str) {
        let answer = self.replay(folder, name, url).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert_eq!(answer.json(), folder.answer(name), "{name}");
    }

    /// All records of one kind.
    pub(super) fn all(&self, kind: &str) -> Vec<Value> {
        self.ledger.records()[kind].as_array().unwrap().clone()
    }

    /// The only record of its kind.
    #[track_caller]
    pub(super) fn one(&self, kind: &str) -> Value {
        let mut all = self.all(kind);
        assert_eq!(all.len(), 1, "{kind}: {all:#?}");
        all.remove(0)
    }

    /// How many contacts, deals, tasks and notes there are.
    pub(super) fn counts(&self) -> [usize; 4] {
        ["contacts", "deals", "tasks", "notes"].map(|kind| self.all(kind).len())
    }

    /// What the newest event's job has told beside its result.
    pub(super) async fn remarks(&self) -> Vec<String> {
        let newest = self.host.newest().await;
        let remarks = newest["jobs"][0]["outcome"]["remarks"].as_array().cloned();
        let kind = |remark: &Value| remark["kind"].as_str().unwrap().to_owned();
        remarks.unwrap_or_default().iter().map(kind).collect()
    }

    /// The reason of the only dead letter.
    pub(super) async fn dead_letter(&self) -> String {
        let letters = self.host.get("/dead-letters").await;
        assert_eq!(letters["items"].as_array().unwrap().len(), 1, "{letters:#}");
        letters["items"][0]["reason"].as_str().unwrap().to_owned()
    }

    /// Nothing was refused for good, no lane is wrong, and no client has two cards.
    pub(super) async fn close(self) {
        let letters = self.host.get("/dead-letters").await;
        assert_eq!(letters["items"], json!([]));
        assert_eq!(self.host.mended().await, 0);
        assert_eq!(self.ledger.duplicates(), Vec::<String>::new());
        self.host.stop().await;
    }

    /// What the API says of rules that it does not take.
    pub(super) async fn refusal(&self, integration: &str, body: &Value) -> String {
        let path = format!("/integrations/{integration}");
        let answer = self.host.api(Method::PUT, &path, body.to_string()).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        answer.json()["problems"].to_string()
    }
}
