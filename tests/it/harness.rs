//! A real host in this process, on a free port, with its own data folder.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use patchbay::{
    clock::{Clock, SystemClock},
    config::{Config, Profile},
    host::Host,
    storage::Stores,
};
use patchbay_ledger::{KEY, Ledger};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest wait for something that must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A host that is stopped, and its folder removed, at the end of the test.
pub(crate) struct TestHost {
    host: Option<Host>,
    config: Config,
    clock: Arc<dyn Clock>,
    web: Web,
    token: String,
    _folder: TempDir,
}

/// One answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: hyper::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {text}", self.status))
    }
}

impl TestHost {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts with the configuration that `tap` makes of the defaults.
    pub(crate) async fn with(tap: impl FnOnce(&mut Config)) -> Self {
        Self::on_clock(Arc::new(SystemClock), tap).await
    }

    /// The same, on another clock than the machine's.
    pub(crate) async fn on_clock(clock: Arc<dyn Clock>, tap: impl FnOnce(&mut Config)) -> Self {
        Self::wrapped(clock, tap, |stores| stores).await
    }

    /// The same, on what `wrap` makes of the stores.
    pub(crate) async fn wrapped(
        clock: Arc<dyn Clock>,
        tap: impl FnOnce(&mut Config),
        wrap: impl FnOnce(Stores) -> Stores,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            data: folder.path().join("data"),
            profile: Profile::Dev,
            ..Config::default()
        };
        config.retry.base_ms = 20.try_into().unwrap();
        config.worker.poll_ms = 50.try_into().unwrap();
        tap(&mut config);
        // A future of its own: a host's is large.
        let started = Host::start_with(config.clone(), Arc::clone(&clock), program(), wrap);
        let host = Box::pin(started).await.unwrap();
        let token = host.new_token.as_ref().unwrap().expose().clone();
        Self { host: Some(host), config, clock, web: Web::new(), token, _folder: folder }
    }

    pub(crate) fn host(&self) -> &Host {
        self.host.as_ref().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.host().address)
    }

    /// Where the database is.
    pub(crate) fn folder(&self) -> &Path {
        &self.config.data
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Stops the host and starts it on the same data.
    pub(crate) async fn restart(&mut self) {
        self.restart_with(|_| {}).await;
    }

    /// The same, with the configuration that `tap` makes of the one it had.
    pub(crate) async fn restart_with(&mut self, tap: impl FnOnce(&mut Config)) {
        tap(&mut self.config);
        self.host.take().unwrap().stop().await;
        self.host = Some(start(&self.config, &self.clock).await);
    }

    pub(crate) async fn stop(mut self) {
        self.host.take().unwrap().stop().await;
    }

    /// Sends a request to the API with the token.
    pub(crate) async fn api(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.url()))
            .header(header::AUTHORIZATION, format!("bearer {}", self.token));
        self.web.send(request.body(Full::new(body.into())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.api(Method::GET, path, "").await;
        assert!(answer.status.is_success(), "GET {path}: {answer:?}");
        answer.json()
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        let answer = self.api(Method::PUT, path, body.to_string()).await;
        assert!(answer.status.is_success(), "PUT {path}: {answer:?}");
        answer.json()
    }

    /// Uploads one of the adapters or test guests built by `cargo xtask plugins`.
    pub(crate) async fn install(&self, file: &str) -> Value {
        self.install_bytes(component(file)).await
    }

    /// Uploads a component that must be taken.
    pub(crate) async fn install_bytes(&self, bytes: Vec<u8>) -> Value {
        let answer = self.api(Method::POST, "/plugins", bytes).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()
    }

    /// Sends any request to the host.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.web.send(request).await
    }

    /// Posts a webhook.
    pub(crate) async fn hook(&self, url: &str, body: impl Into<Bytes>) -> Answer {
        self.web.hook(url, body).await
    }

    /// Jivo joined to the notebook. Returns the webhook URL.
    pub(crate) async fn jivo_to_notebook(&self) -> String {
        self.install("channel_jivo").await;
        self.install("crm_notebook").await;
        self.put("/accounts/notebook", json!({ "plugin": "crm-notebook" })).await;
        let url = self.jivo_account(json!({ "plugin": "channel-jivo" })).await;
        self.put("/integrations/jivo-to-notebook", json!({ "channel": "jivo", "crm": "notebook" }))
            .await;
        url
    }

    /// Jivo joined to a ledger. Returns the webhook URL.
    pub(crate) async fn jivo_to_ledger(&self, ledger: &Ledger) -> String {
        self.jivo_to_ledger_with(ledger, json!({})).await
    }

    /// The same, with options of the integration.
    pub(crate) async fn jivo_to_ledger_with(&self, ledger: &Ledger, options: Value) -> String {
        self.install("channel_jivo").await;
        self.install("crm_ledger").await;
        self.put("/accounts/ledger", ledger_account(ledger)).await;
        self.join("jivo", "ledger", options).await
    }

    /// Makes a Jivo account of this name, and joins it to an account of a CRM that is there.
    /// Returns the webhook URL.
    pub(crate) async fn join(&self, channel: &str, crm: &str, options: Value) -> String {
        let account = json!({ "plugin": "channel-jivo" });
        let account = self.put(&format!("/accounts/{channel}"), account).await;
        let integration = json!({ "channel": channel, "crm": crm, "options": options });
        self.put(&format!("/integrations/{channel}-to-{crm}"), integration).await;
        account["webhook_url"].as_str().unwrap().to_owned()
    }

    /// The newest event with its jobs, steps and attempts.
    pub(crate) async fn newest(&self) -> Value {
        let journal = self.get("/events?limit=1").await;
        self.get(&format!("/events/{}", journal["items"][0]["events"][0]["id"])).await
    }

    /// Sets the account `jivo` and returns its webhook URL.
    pub(crate) async fn jivo_account(&self, account: Value) -> String {
        let account = self.put("/accounts/jivo", account).await;
        account["webhook_url"].as_str().unwrap().to_owned()
    }

    /// Waits until no job waits or runs.
    pub(crate) async fn idle(&self) {
        eventually("every job ends", async || {
            self.host().state.stores.journal.depth().await.unwrap().pending_jobs == 0
        })
        .await;
    }

    /// Lanes and locks that had to be set right now: each is a bug.
    pub(crate) async fn mended(&self) -> u64 {
        let state = &self.host().state;
        state.stores.journal.reconcile(state.clock.now()).await.unwrap()
    }

    /// The cards of a CRM account that a query finds.
    pub(crate) async fn cards(&self, account: &str, query: &str) -> Vec<Value> {
        let found = self.get(&format!("/accounts/{account}/cards?{query}")).await;
        found["items"].as_array().unwrap().clone()
    }
}

/// An account for the API.
pub(crate) fn ledger_account(ledger: &Ledger) -> Value {
    json!({
        "plugin": "crm-ledger",
        "settings": { "base-url": ledger.url },
        "secrets": { "key": KEY },
        "grants": [{ "allow": ledger.url, "private": true }],
    })
}

async fn start(config: &Config, clock: &Arc<dyn Clock>) -> Host {
    Box::pin(Host::start(config.clone(), Arc::clone(clock), program())).await.unwrap()
}

/// The program itself, as `cargo build` leaves it beside the tests.
pub(crate) fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(Path::parent).unwrap().join("patchbay");
    assert!(
        program.exists(),
        "`{}` is missing: run `cargo build --workspace` first",
        program.display()
    );
    program
}

/// The bytes of a component that `cargo xtask plugins` has built.
pub(crate) fn component(file: &str) -> Vec<u8> {
    let path = guests().join(format!("{file}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("`{}`: {error}: run `cargo xtask plugins` first", path.display())
    })
}

/// Where the components are.
pub(crate) fn guests() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let target = tests.ancestors().nth(3).unwrap();
    target.join("wasm32-wasip2/guest")
}

/// One of Jivo's fixtures.
pub(crate) fn jivo(file: &str) -> Vec<u8> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/channel-jivo/fixtures").join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// Looks again and again until `is_so`, and fails after a minute.
pub(crate) async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A plain HTTP client.
#[derive(Clone)]
pub(crate) struct Web(Client<HttpConnector, Full<Bytes>>);

impl Web {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Posts a webhook.
    pub(crate) async fn hook(&self, url: &str, body: impl Into<Bytes>) -> Answer {
        self.try_hook(url, body).await.unwrap()
    }

    /// Posts a webhook to a host that may not answer.
    pub(crate) async fn try_hook(
        &self,
        url: &str,
        body: impl Into<Bytes>,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
        self.try_send(request.body(Full::new(body.into())).unwrap()).await
    }

    /// The answer, or a failure of the test when there is none.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request).await.unwrap()
    }

    pub(crate) async fn try_send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let response = tokio::time::timeout(PATIENCE, self.0.request(request)).await??;
        let (parts, body) = response.into_parts();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await?.to_bytes(),
        })
    }
}
