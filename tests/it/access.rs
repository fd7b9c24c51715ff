//! Who may do what: tokens with scopes, their end, and the log of every change.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use hyper::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use patchbay::{
    access::{ApiToken, ChangeRecord, NewChange},
    clock::{ManualClock, SystemClock},
    id::{Digest, TokenName},
    storage::{self, Access, Page, PageQuery, Stores},
};
use serde_json::{Value, json};

use crate::{
    backend::{Backend, on_every_backend},
    cli::{assert_sentence, text},
    harness::{Answer, TestHost, eventually, jivo},
    program::Site,
};

on_every_backend!(
    every_route_is_open_to_its_scope_and_to_no_other,
    a_revoked_token_opens_nothing_from_then_on,
    every_change_is_told_with_who_what_and_from_where,
);

async fn start(backend: &Backend) -> TestHost {
    TestHost::with(|config| backend.configure(config)).await
}

/// Makes a token with these scopes.
async fn token(host: &TestHost, name: &str, scopes: &[&str]) -> String {
    let input = json!({ "name": name, "scopes": scopes }).to_string();
    let answer = host.api(Method::POST, "/tokens", input).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["token"].as_str().unwrap().to_owned()
}

async fn ask(
    host: &TestHost,
    token: &str,
    method: Method,
    path: &str,
    body: impl Into<Bytes>,
) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("{}/api/v1{path}", host.url()))
        .header(header::AUTHORIZATION, format!("bearer {token}"));
    host.send(request.body(http_body_util::Full::new(body.into())).unwrap()).await
}

/// Which scope opens what is told here once more, apart from the code.
fn opens(scope: &str, needed: &str) -> bool {
    match scope {
        "read" => needed == "read",
        "operate" => matches!(needed, "read" | "operate"),
        "install" => needed == "install",
        "admin" => true,
        other => panic!("{other}"),
    }
}

async fn every_route_is_open_to_its_scope_and_to_no_other(backend: Backend) {
    let host = start(&backend).await;
    let scopes = ["read", "operate", "install", "admin"];
    let mut tokens = BTreeMap::new();
    for scope in scopes {
        tokens.insert(scope, token(&host, scope, &[scope]).await);
    }
    let openapi = Request::get(format!("{}/openapi.json", host.url())).body("".into()).unwrap();
    let openapi = host.send(openapi).await.json();
    let mut asked = 0;
    for (path, operations) in openapi["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/v1") else { continue };
        let path = path.replace("{id}", "none").replace("{job}", "0").replace("{lane}", "0");
        let path = path.replace("{name}", "none").replace("{digest}", &"0".repeat(64));
        for (method, operation) in operations.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            let needed = operation["security"][0]["token"][0].as_str().unwrap_or("admin");
            let method: Method = method.to_uppercase().parse().unwrap();
            for scope in scopes {
                let answer = ask(&host, &tokens[scope], method.clone(), &path, "").await;
                let is_open = answer.status != StatusCode::FORBIDDEN;
                assert_eq!(is_open, opens(scope, needed), "{scope}: {method} {path}: {answer:?}");
                if !is_open {
                    assert_eq!(answer.json()["code"], "forbidden");
                    let title = answer.json()["title"].as_str().unwrap().to_owned();
                    assert!(title.contains(&format!("`{scope}`")), "{title}");
                    assert!(title.contains(&format!("`{needed}`")), "{title}");
                }
                asked += 1;
            }
        }
    }
    assert!(100 < asked, "{asked}");
    host.stop().await;
}

async fn a_revoked_token_opens_nothing_from_then_on(backend: Backend) {
    let host = start(&backend).await;
    let ci = token(&host, "ci", &["read"]).await;
    let other = match &backend {
        Backend::Sqlite => None,
        Backend::Postgres(_) => Some(second(&backend, &host).await),
    };
    let answer = ask(&host, &ci, Method::GET, "/plugins", "").await;
    assert_eq!(answer.status, StatusCode::OK);
    if let Some((other, _)) = &other {
        assert_eq!(status(other, &ci).await, StatusCode::OK, "a token is one for all hosts");
    }

    let revoked = host.api(Method::DELETE, "/tokens/ci", "").await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);

    let answer = ask(&host, &ci, Method::GET, "/plugins", "").await;
    assert_eq!((answer.status, answer.json()["code"].clone()), ended());
    if let Some((other, site)) = other {
        assert_eq!(status(&other, &ci).await, StatusCode::UNAUTHORIZED, "at once, everywhere");
        drop((other, site));
    }
    let again = host.api(Method::DELETE, "/tokens/ci", "").await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let input = json!({ "name": "ci", "scopes": ["read"] }).to_string();
    let taken = host.api(Method::POST, "/tokens", input).await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "the log would not tell them apart");
    host.stop().await;
}

fn ended() -> (StatusCode, Value) {
    (StatusCode::UNAUTHORIZED, json!("token-ended"))
}

/// Another host on the same database.
async fn second(backend: &Backend, first: &TestHost) -> (crate::program::Program, Site) {
    let mut site = Site::new(&[], &backend.text());
    site.set_token(first.token());
    let program = site.serve(&[]).await;
    (program, site)
}

async fn status(program: &crate::program::Program, token: &str) -> StatusCode {
    let request = Request::get(format!("{}/api/v1/plugins", program.url))
        .header(header::AUTHORIZATION, format!("bearer {token}"));
    crate::harness::Web::new().send(request.body("".into()).unwrap()).await.status
}

async fn every_change_is_told_with_who_what_and_from_where(backend: Backend) {
    let host = start(&backend).await;
    let url = host.jivo_to_notebook().await;
    let operator = token(&host, "olga", &["operate"]).await;
    let account = json!({
        "plugin": "channel-jivo", "title": "Secret title",
        "secrets": { "nothing": "s3cret-value" },
    });
    let refused = ask(&host, &operator, Method::PUT, "/accounts/jivo", account.to_string()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let account = json!({ "plugin": "channel-jivo", "title": "Anna Petrova" });
    ask(&host, &operator, Method::PUT, "/accounts/jivo?x=1", account.to_string()).await;
    let forget = json!({ "phone": "+79000000002" }).to_string();
    ask(&host, &operator, Method::POST, "/forget", forget).await;
    ask(&host, &operator, Method::GET, "/accounts", "").await;
    ask(&host, &operator, Method::POST, "/plugins", "forbidden to her").await;
    host.hook(&url, jivo("offline_message.json")).await;

    let log = host.get("/audit").await;
    let lines: Vec<(String, String, i64)> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            assert!(line["at"].as_str().unwrap().starts_with("20"), "{line}");
            let word = |key: &str| line[key].as_str().unwrap().to_owned();
            let method = word("action").split(' ').next().unwrap().to_owned();
            (word("who"), format!("{method} {}", word("subject")), line["status"].as_i64().unwrap())
        })
        .collect();
    let lines: Vec<(&str, &str, i64)> =
        lines.iter().map(|(who, what, status)| (who.as_str(), what.as_str(), *status)).collect();
    let expected = [
        ("olga", "POST forget", 200),
        ("olga", "PUT accounts/jivo", 200),
        ("olga", "PUT accounts/jivo", 422),
        ("first", "POST tokens", 201),
        ("first", "PUT integrations/jivo-to-notebook", 200),
        ("first", "PUT accounts/jivo", 200),
        ("first", "PUT accounts/notebook", 200),
        ("first", "POST plugins", 201),
        ("first", "POST plugins", 201),
        ("host", "POST tokens", 200),
    ];
    assert_eq!(lines, expected);
    let text = log.to_string();
    for told in ["crm-notebook 0.1.0", "olga: operate", "plugin: channel-jivo", "127.0.0.1"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let secrets =
        ["s3cret-value", "79000000002", "Anna", &operator, url.rsplit('/').next().unwrap()];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let page = host.get("/audit?limit=2").await;
    let next = host.get(&format!("/audit?limit=2&before={}", page["next"])).await;
    assert_eq!(next["items"][0], log["items"][2]);
    host.stop().await;
}

/// An audit log whose disk is full.
#[derive(Debug)]
struct Full(Arc<dyn Access>);

#[async_trait]
impl Access for Full {
    async fn put_first_token(&self, token: ApiToken) -> storage::Result<bool> {
        self.0.put_first_token(token).await
    }

    async fn put_token(&self, token: ApiToken) -> storage::Result<bool> {
        self.0.put_token(token).await
    }

    async fn token(&self, digest: Digest) -> storage::Result<Option<ApiToken>> {
        self.0.token(digest).await
    }

    async fn tokens(&self) -> storage::Result<Vec<ApiToken>> {
        self.0.tokens().await
    }

    async fn revoke_token(&self, name: &TokenName, now: Timestamp) -> storage::Result<bool> {
        self.0.revoke_token(name, now).await
    }

    async fn begin_change(&self, change: NewChange) -> storage::Result<i64> {
        if change.who == "host" {
            return self.0.begin_change(change).await;
        }
        Err(storage::Error::Unavailable("the disk is full".into()))
    }

    async fn end_change(
        &self,
        id: i64,
        status: u16,
        detail: Option<String>,
    ) -> storage::Result<()> {
        self.0.end_change(id, status, detail).await
    }

    async fn changes(&self, page: PageQuery) -> storage::Result<Page<ChangeRecord>> {
        self.0.changes(page).await
    }

    async fn expire_changes(
        &self,
        since: Timestamp,
        lines_max: u32,
        rows_max: u32,
    ) -> storage::Result<u64> {
        self.0.expire_changes(since, lines_max, rows_max).await
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_not_changed() {
    let full = |stores: Stores| Stores { access: Arc::new(Full(stores.access)), ..stores };
    let host = TestHost::wrapped(Arc::new(SystemClock), |_| {}, full).await;
    let pool = json!({ "crm": "none", "members": [{ "manager": "7" }] }).to_string();

    let answer = host.api(Method::PUT, "/pools/sales", pool).await;

    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert_eq!(host.get("/pools").await["items"], json!([]));
    assert_eq!(host.get("/audit").await["items"].as_array().unwrap().len(), 1, "the first token");
    host.stop().await;
}

#[tokio::test]
async fn a_token_opens_nothing_from_its_last_moment_on() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let host = TestHost::on_clock(Arc::<ManualClock>::clone(&clock), |_| {}).await;
    let until = Timestamp::from_second(1_800_000_060).unwrap();
    let input = json!({ "name": "brief", "scopes": ["read"], "expires_at": until }).to_string();
    let brief = host.api(Method::POST, "/tokens", input).await.json();
    let brief = brief["token"].as_str().unwrap();

    clock.advance(Duration::from_secs(59));
    assert_eq!(ask(&host, brief, Method::GET, "/plugins", "").await.status, StatusCode::OK);
    clock.advance(Duration::from_secs(1));

    let answer = ask(&host, brief, Method::GET, "/plugins", "").await;
    assert_eq!((answer.status, answer.json()["code"].clone()), ended());
    assert_eq!(host.get("/tokens").await["items"][0]["state"], "expired");
    host.stop().await;
}

#[tokio::test]
async fn a_token_is_made_with_a_name_and_scopes_and_shown_once() {
    let host = TestHost::start().await;
    let faults = [
        (json!({ "name": "a", "scopes": [] }), "name one at least"),
        (json!({ "name": "a", "scopes": ["root"] }), "unknown variant `root`"),
        (json!({ "name": "No Name", "scopes": ["read"] }), "lower case"),
        (json!({ "name": "host", "scopes": ["read"] }), "the host itself"),
        (
            json!({ "name": "a", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z" }),
            "passed",
        ),
        (json!({ "name": "first", "scopes": ["read"] }), "there is or was a token `first`"),
    ];
    for (input, word) in faults {
        let answer = host.api(Method::POST, "/tokens", input.to_string()).await;
        assert!(answer.status.is_client_error(), "{input}: {answer:?}");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(text.contains(word), "{word}: {text}");
    }
    let secret = token(&host, "a", &["install", "read", "read"]).await;
    let listed = host.get("/tokens").await;
    assert_eq!(listed["items"][0]["scopes"], json!(["read", "install"]));
    assert_eq!(listed["items"][1]["name"], "first");
    assert!(!listed.to_string().contains(&secret));
    host.stop().await;
}

#[tokio::test]
async fn who_only_reads_sees_no_webhook_url() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    let secret = url.rsplit('/').next().unwrap();
    let [reader, operator] =
        [token(&host, "r", &["read"]).await, token(&host, "o", &["operate"]).await];
    let paths = ["/accounts", "/accounts/jivo", "/integrations", "/integrations/jivo-to-notebook"];
    for path in paths {
        let shows = async |token: &str| {
            let answer = ask(&host, token, Method::GET, path, "").await;
            assert_eq!(answer.status, StatusCode::OK);
            String::from_utf8_lossy(&answer.body).contains(secret)
        };
        assert!(!shows(&reader).await && shows(&operator).await, "{path}");
    }
    host.stop().await;
}

#[tokio::test]
async fn an_address_that_guesses_tokens_has_to_wait() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let host = TestHost::on_clock(Arc::<ManualClock>::clone(&clock), |_| {}).await;
    let guess = async || ask(&host, "guess", Method::GET, "/plugins", "").await;
    for _ in 0..10 {
        assert_eq!(guess().await.status, StatusCode::UNAUTHORIZED);
    }
    let answer = guess().await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    let right = host.api(Method::GET, "/plugins", "").await.status;
    assert_eq!(right, StatusCode::TOO_MANY_REQUESTS, "else a guess would tell more");
    clock.advance(Duration::from_secs(1));
    assert_eq!(host.api(Method::GET, "/plugins", "").await.status, StatusCode::OK);
    host.stop().await;
}

#[tokio::test]
async fn pages_about_nobody_need_a_token_where_the_file_says_so() {
    let host = TestHost::with(|config| config.access.private_pages = true).await;
    let reader = token(&host, "prometheus", &["read"]).await;
    let installer = token(&host, "ci", &["install"]).await;
    for path in ["/metrics", "/openapi.json"] {
        let get = async |token: Option<&str>| {
            let mut request = Request::get(format!("{}{path}", host.url()));
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, format!("bearer {token}"));
            }
            host.send(request.body("".into()).unwrap()).await.status
        };
        assert_eq!(get(None).await, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(get(Some(&installer)).await, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(get(Some(&reader)).await, StatusCode::OK, "{path}");
    }
    let live = Request::get(format!("{}/health/live", host.url())).body("".into()).unwrap();
    assert_eq!(host.send(live).await.status, StatusCode::OK, "who keeps it alive has no token");
    host.stop().await;
}

#[tokio::test]
async fn where_every_token_is_revoked_only_an_operator_makes_another_one() {
    let mut site = Site::new(&[], "");
    let program = site.serve(&[]).await;
    let answer = program.api(Method::DELETE, "/tokens/first", "").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(program.terminate().await, Some(0));

    let program = site.serve(&[]).await;
    assert!(program.said.is_empty(), "no token comes of itself: {:?}", program.said);
    assert_eq!(program.api(Method::GET, "/tokens", "").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(program.terminate().await, Some(0));

    let program = site.serve(&["--new-token", "rescue"]).await;
    let tokens = program.get("/tokens").await;
    let names: Vec<&Value> =
        tokens["items"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["first", "rescue"]);
    assert_eq!(program.terminate().await, Some(0));
    let config = site.path("patchbay.toml");
    let ended = site.run(&["serve", "--config", text(&config), "--new-token", "rescue"]).await;
    assert_sentence(&ended, 69, &["there is or was an API token `rescue`"]);
}

#[tokio::test]
async fn tokens_and_the_audit_log_are_at_hand_on_the_command_line() {
    let mut site =
        Site::new(&["channel_jivo"], "[[account]]\nid = \"shop\"\nplugin = \"channel-jivo\"\n");
    let program = site.serve(&[]).await;
    site.set_environment("PATCHBAY_URL", &program.url);
    site.set_environment("PATCHBAY_TOKEN", program.token());

    let create = ["token", "create", "ci", "--scope", "install", "--scope", "read", "--days", "30"];
    let made = site.run(&create).await;
    assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""));
    let secret = made.stdout.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    assert!(made.stdout.contains("ci (read, install): valid, until 20"), "{made:?}");
    let listed = site.run(&["token", "list"]).await.stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");

    let moved = site.run(&["webhook-token", "shop", "--overlap-s", "60"]).await;
    assert!(moved.stdout.starts_with("new URL: http://"), "{moved:?}");
    assert!(moved.stdout.contains("the one before works until 20"), "{moved:?}");
    let moved = site.run(&["webhook-token", "shop", "--overlap-s", "0"]).await;
    assert!(moved.stdout.ends_with("the one before no longer works\n"), "{moved:?}");

    let mut other = BTreeMap::new();
    other.insert("PATCHBAY_TOKEN", secret);
    site.set_environment("PATCHBAY_TOKEN", &other["PATCHBAY_TOKEN"]);
    assert_sentence(&site.run(&["audit"]).await, 77, &["`ci` may not do this", "`admin`"]);
    site.set_environment("PATCHBAY_TOKEN", program.token());
    let revoked = site.run(&["token", "revoke", "ci"]).await;
    assert_eq!(revoked.stdout, "revoked: ci\n");
    assert!(site.run(&["token", "list"]).await.stdout.contains("ci (read, install): revoked 20"));

    let log = site.run(&["audit", "--limit", "3"]).await.stdout;
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(lines[0].contains(" first from 127.0.0.1: DELETE tokens/ci, 204"), "{log}");
    assert!(lines[1].ends_with("POST accounts/shop/webhook-token, 200: overlap: 0 s"), "{log}");
    assert_eq!(program.terminate().await, Some(0));
}

#[tokio::test]
async fn what_the_configuration_file_changes_is_told_once() {
    let file = "[[account]]\nid = \"shop\"\nplugin = \"channel-jivo\"\n";
    let mut site = Site::new(&["channel_jivo"], file);
    for _ in 0..2 {
        let program = site.serve(&[]).await;
        let log = program.get("/audit").await;
        let lines = log["items"].as_array().unwrap();
        let subject = |index: usize| lines[index]["subject"].as_str().unwrap();
        assert_eq!(lines.len(), 3, "{log}");
        assert_eq!((subject(0), subject(1)), ("tokens", "accounts/shop"));
        assert!(subject(2).starts_with("plugins/channel-jivo/"), "{log}");
        assert!(lines.iter().all(|line| line["who"] == "host"), "{log}");
        assert_eq!(program.terminate().await, Some(0));
    }
}

#[tokio::test]
async fn old_lines_of_the_audit_log_go() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let tap =
        |config: &mut patchbay::config::Config| config.access.audit_days = 2.try_into().unwrap();
    let mut host = TestHost::on_clock(Arc::<ManualClock>::clone(&clock), tap).await;
    token(&host, "kept", &["read"]).await;
    clock.advance(Duration::from_hours(24));
    token(&host, "young", &["read"]).await;
    clock.advance(Duration::from_hours(36));
    // The loop looks at once after a start.
    host.restart().await;
    let details = async || {
        let log = host.get("/audit").await;
        let lines = log["items"].as_array().unwrap().clone();
        lines.iter().map(|line| line["detail"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    eventually("the old lines are gone", async || details().await == ["young: read"]).await;
    host.stop().await;
}
