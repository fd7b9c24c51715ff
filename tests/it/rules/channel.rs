//! A channel that is told about its clients, and asks who looks after whom.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use patchbay_ledger::{Endpoint, Ledger};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::harness::{TestHost, ledger_account};

/// The channel's API: it gives a token to whoever asks, and takes cards.
struct Api {
    url: String,
    shared: Arc<Mutex<Shared>>,
    _server: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    /// The cards that were shown.
    shown: Vec<Value>,
    /// Answers other than 200, the next one first.
    answers: VecDeque<u16>,
    /// Whether every token is refused.
    refuses: bool,
}

async fn api() -> Api {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shared: Arc<Mutex<Shared>> = Arc::default();
    let token = async || Json(json!({ "access_token": "fake-token-0123", "expires_in": 3600 }));
    let router = Router::new()
        .route("/oauth/access_token", post(token))
        .route("/clients/{id}", post(show))
        .with_state(Arc::clone(&shared));
    let mut server = JoinSet::new();
    server.spawn(async { axum::serve(listener, router).await.unwrap() });
    Api { url, shared, _server: server }
}

async fn show(
    State(shared): State<Arc<Mutex<Shared>>>,
    headers: HeaderMap,
    Json(card): Json<Value>,
) -> StatusCode {
    let mut shared = shared.lock().unwrap();
    let has_token = headers.get("authorization").is_some_and(|it| it == "Bearer fake-token-0123");
    if shared.refuses || !has_token {
        return StatusCode::UNAUTHORIZED;
    }
    if let Some(status) = shared.answers.pop_front() {
        return StatusCode::from_u16(status).unwrap();
    }
    shared.shown.push(card);
    StatusCode::OK
}

struct Stage {
    api: Api,
    ledger: Ledger,
    host: TestHost,
    url: String,
}

impl Stage {
    async fn new(rules: Value) -> Self {
        let (api, ledger, host) = (api().await, Ledger::open().await, TestHost::start().await);
        host.install("channel_echo").await;
        host.install("crm_ledger").await;
        host.put("/accounts/ledger", ledger_account(&ledger)).await;
        let account = host.put("/accounts/echo", echo_account(&api)).await;
        let url = account["webhook_url"].as_str().unwrap().to_owned();
        let options = json!({ "deals": true });
        let integration =
            json!({ "channel": "echo", "crm": "ledger", "options": options, "rules": rules });
        host.put("/integrations/echo-to-ledger", integration).await;
        Self { api, ledger, host, url }
    }

    /// The API answers so to the next cards.
    fn answers(&self, statuses: &[u16]) {
        self.api.shared.lock().unwrap().answers.extend(statuses);
    }

    fn shown(&self) -> Vec<Value> {
        self.api.shared.lock().unwrap().shown.clone()
    }

    async fn tell(&self, body: Value) -> Value {
        self.host.hook(&self.url, body.to_string()).await;
        self.host.idle().await;
        self.host.newest().await
    }
}

fn echo_account(api: &Api) -> Value {
    json!({
        "plugin": "channel-echo",
        "settings": { "api-url": api.url, "client-id": "fake-client-id" },
        "secrets": { "client-secret": "fake-client-secret" },
        "grants": [{ "allow": api.url, "private": true }],
    })
}

fn started(number: u64) -> Value {
    json!({ "kind": "conversation-started", "number": number, "phone": "+380440000071",
        "client": { "system": "chat", "id": "c-1" } })
}

fn pushes() -> Value {
    json!({ "push": { "tag": "crm-{{ card.id }}", "card": true } })
}

fn outcomes(event: &Value) -> Vec<&str> {
    event["attempts"].as_array().unwrap().iter().map(|it| it["outcome"].as_str().unwrap()).collect()
}

fn steps(event: &Value) -> Vec<&str> {
    let steps = event["jobs"][0]["steps"].as_array().unwrap();
    steps.iter().map(|step| step["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_channel_is_told_once_the_crm_is_up_to_date() {
    let stage = Stage::new(pushes()).await;
    let event = stage.tell(started(1)).await;
    assert_eq!(outcomes(&event), ["done"]);
    assert_eq!(steps(&event), ["upsert-contact", "deal", "push-tag", "push-card"]);
    assert_eq!(stage.shown(), [json!({ "card": "c1" })]);
    let again = stage.tell(started(2)).await;
    assert_eq!(outcomes(&again), ["done"], "a tag that is there already is no failure");
    stage.host.stop().await;
}

#[tokio::test]
async fn a_push_that_fails_is_repeated_alone() {
    let stage = Stage::new(pushes()).await;
    stage.answers(&[503, 503]);
    let event = stage.tell(started(1)).await;
    assert_eq!(outcomes(&event), ["transient", "transient", "done"]);
    let reason = event["attempts"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("the channel could not be told"), "{reason}");
    assert_eq!(stage.shown().len(), 1);
    assert_eq!(stage.ledger.writes().len(), 2, "a card and a deal");
    assert_eq!(stage.ledger.calls_of(Endpoint::Lookup), 1);
    stage.host.stop().await;
}

#[tokio::test]
async fn a_channel_that_refuses_its_credentials_is_paused_and_the_crm_is_not() {
    let stage = Stage::new(pushes()).await;
    stage.api.shared.lock().unwrap().refuses = true;
    stage.host.hook(&stage.url, started(1).to_string()).await;
    crate::harness::eventually("the channel's account is paused", async || {
        stage.host.get("/accounts/echo").await["state"] != "active"
    })
    .await;
    assert_eq!(stage.host.get("/accounts/ledger").await["state"], "active");
    assert_eq!(stage.ledger.writes().len(), 2);
    stage.api.shared.lock().unwrap().refuses = false;
    let mut account = echo_account(&stage.api);
    account["state"] = json!("active");
    stage.host.put("/accounts/echo", account).await;
    stage.host.idle().await;
    let event = stage.host.newest().await;
    assert_eq!(outcomes(&event).last(), Some(&"done"), "{event}");
    assert_eq!((stage.shown().len(), stage.ledger.writes().len()), (1, 2));
    stage.host.stop().await;
}

#[tokio::test]
async fn who_looks_after_whom_is_answered_page_by_page() {
    let stage = Stage::new(json!({})).await;
    stage.ledger.set_page(1);
    for (phone, manager) in [("1", "m1"), ("2", "m2")] {
        let identifiers = json!([format!("phone:+38044000000{phone}")]);
        let fields = json!({ "manager": manager });
        stage.ledger.add_contact(&json!({ "identifiers": identifiers, "fields": fields }));
    }
    let ask = async |page: Option<&Value>| {
        let body = json!({ "kind": "managers-asked", "page": page, "wants-reply": true,
            "client": { "system": "chat", "id": "nobody" } });
        stage.host.hook(&stage.url, body.to_string()).await.json()[0].clone()
    };
    let first = ask(None).await;
    assert_eq!(first["assignments"], json!([["m1", ["c1"]]]), "{first}");
    let second = ask(Some(&first["next"])).await;
    assert_eq!(second["assignments"], json!([["m2", ["c2"]]]), "{second}");
    assert_eq!(second["next"], Value::Null);
    assert_eq!(stage.ledger.writes(), []);
    stage.host.stop().await;
}

#[tokio::test]
async fn whoever_only_asks_changes_nothing() {
    let stage = Stage::new(pushes()).await;
    let ask = |phone: &str| {
        json!({ "kind": "client-asked", "phone": phone, "wants-reply": true,
            "number": phone, "client": { "system": "chat", "id": "c-1" } })
    };
    let identifiers = json!(["phone:+380440000071"]);
    stage.ledger.add_contact(&json!({ "identifiers": identifiers, "fields": {} }));
    let known = stage.host.hook(&stage.url, ask("+380440000071").to_string()).await.json();
    assert_eq!(known[0]["cards"], json!(["c1"]));
    stage.host.idle().await;
    let other = json!({ "kind": "client-asked", "phone": "+380440000072", "wants-reply": true,
        "client": { "system": "chat", "id": "c-2" } });
    let unknown = stage.host.hook(&stage.url, other.to_string()).await.json();
    assert_eq!(unknown[0]["cards"], json!([]));
    assert_eq!((stage.ledger.writes(), stage.shown()), (Vec::new(), Vec::new()));
    stage.host.stop().await;
}
