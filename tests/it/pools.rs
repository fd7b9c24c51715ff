//! Pools and rules as operators set them: over the API, in the file and on the command line.

use std::fs;

use hyper::{Method, StatusCode};
use patchbay_ledger::Ledger;
use serde_json::{Value, json};

use crate::{
    cli::{assert_failed, assert_sentence, text},
    enquiries::offline,
    harness::{Answer, TestHost, eventually, ledger_account},
    program::Site,
    remote::remote,
};

/// A host with a channel and two CRM accounts.
async fn stage(ledger: &Ledger) -> TestHost {
    let host = TestHost::start().await;
    host.jivo_to_ledger(ledger).await;
    host.put("/accounts/other", ledger_account(ledger)).await;
    host
}

async fn set(host: &TestHost, path: &str, body: Value) -> Answer {
    host.api(Method::PUT, path, body.to_string()).await
}

/// The fields at fault, with their messages.
#[track_caller]
fn problems(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer:?}");
    let problems = answer.json()["problems"].as_array().unwrap().clone();
    let text = |problem: &Value, key: &str| problem[key].as_str().unwrap().to_owned();
    problems.iter().map(|problem| (text(problem, "field"), text(problem, "message"))).collect()
}

#[track_caller]
fn fields(answer: &Answer) -> Vec<String> {
    problems(answer).into_iter().map(|(field, _)| field).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "tests give it literals")]
fn pool(crm: &str, members: Value) -> Value {
    json!({ "crm": crm, "strategy": "weighted", "members": members })
}

fn drawing(pool: &str) -> Value {
    json!({ "channel": "jivo", "crm": "ledger", "rules": { "responsible": { "pool": pool } } })
}

#[tokio::test]
async fn a_pool_is_set_shown_and_removed_once_nobody_draws_from_it() {
    let ledger = Ledger::open().await;
    let host = stage(&ledger).await;
    let members = json!([{ "manager": "ann@example.com", "weight": 3 }, { "manager": "7" }]);
    let set_pool = host.put("/pools/sales", pool("ledger", members.clone())).await;
    let expected = json!({
        "id": "sales", "crm": "ledger", "strategy": "weighted",
        "members": [{ "manager": "ann@example.com", "weight": 3 }, { "manager": "7", "weight": 1 }],
    });
    assert_eq!(set_pool, expected);
    assert_eq!(host.get("/pools/sales").await, expected);
    assert_eq!(host.get("/pools").await, json!({ "items": [expected] }));

    host.put("/integrations/jivo-to-ledger", drawing("sales")).await;
    let refused = host.api(Method::DELETE, "/pools/sales", "").await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused:?}");
    assert!(refused.json()["title"].as_str().unwrap().contains("`jivo-to-ledger`"), "{refused:?}");
    let moved = set(&host, "/pools/sales", pool("other", members)).await;
    assert_eq!(fields(&moved), ["crm"]);

    host.put("/integrations/jivo-to-ledger", json!({ "channel": "jivo", "crm": "ledger" })).await;
    let removed = host.api(Method::DELETE, "/pools/sales", "").await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
    for method in [Method::DELETE, Method::GET] {
        for name in ["sales", "No Name"] {
            let path = format!("/pools/{}", name.replace(' ', "%20"));
            let answer = host.api(method.clone(), &path, "").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
            assert!(answer.json()["title"].as_str().unwrap().contains(name), "{answer:?}");
        }
    }
    host.stop().await;
}

#[tokio::test]
async fn a_pool_that_cannot_be_is_refused_with_its_fields() {
    let ledger = Ledger::open().await;
    let host = stage(&ledger).await;
    let one = json!([{ "manager": "7" }]);
    for (crm, words) in [("nobody", "create it first"), ("jivo", "is not a CRM adapter")] {
        let refused = problems(&set(&host, "/pools/sales", pool(crm, one.clone())).await);
        let [(field, message)] = refused.as_slice() else { panic!("{refused:?}") };
        assert_eq!(field, "crm");
        assert!(message.contains(words), "{message}");
    }
    let members: Vec<Value> = (0..201).map(|id| json!({ "manager": id.to_string() })).collect();
    let refused = set(&host, "/pools/sales", pool("ledger", json!(members))).await;
    assert_eq!(fields(&refused), ["members"]);
    host.put("/pools/sales", pool("ledger", json!(members[..200]))).await;
    let twice = json!([{ "manager": "7" }, { "manager": "7", "weight": 0 }]);
    let refused = set(&host, "/pools/sales", pool("ledger", twice)).await;
    assert_eq!(fields(&refused), ["members[1].manager", "members[1].weight"]);
    assert_eq!(fields(&set(&host, "/pools/A%20B", pool("ledger", one.clone())).await), ["id"]);
    for (body, words) in [
        (json!({ "crm": "ledger" }), "members"),
        (json!({ "crm": "ledger", "members": [], "size": 1 }), "size"),
        (json!({ "crm": "ledger", "members": [], "strategy": "lottery" }), "lottery"),
        (json!({ "crm": "ledger", "members": [{ "manager": 7 }] }), "integer `7`"),
    ] {
        let refused = set(&host, "/pools/sales", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
        assert!(refused.json()["title"].as_str().unwrap().contains(words), "{refused:?}");
    }
    let kept = host.get("/pools/sales").await;
    assert_eq!(kept["members"].as_array().unwrap().len(), 200, "nothing of it was stored");
    host.stop().await;
}

#[tokio::test]
async fn rules_that_cannot_work_are_refused_with_their_fields() {
    let ledger = Ledger::open().await;
    let host = stage(&ledger).await;
    host.put("/pools/theirs", pool("other", json!([{ "manager": "7" }]))).await;
    let rules = json!({
        "filter": "event.kind ==",
        "mapping": [
            { "field": "contact.name", "value": "{{ name }}" },
            { "field": "contact.phone", "value": "{{ phone" },
            { "field": "phone", "value": "1" },
        ],
        "responsible": { "pool": "theirs" },
        "push": { "tag": "CRM", "card": true },
    });
    let integration = |rules: Value| json!({ "channel": "jivo", "crm": "ledger", "rules": rules });
    let refused = set(&host, "/integrations/jivo-to-ledger", integration(rules)).await;
    let mut wrong = fields(&refused);
    wrong.sort();
    let expected = [
        "rules.filter",
        "rules.mapping[1].value",
        "rules.mapping[2].field",
        "rules.push.card",
        "rules.push.tag",
        "rules.responsible.pool",
    ];
    assert_eq!(wrong, expected, "{refused:?}");
    let refused = problems(&set(&host, "/integrations/jivo-to-ledger", drawing("nobody")).await);
    let [(field, message)] = refused.as_slice() else { panic!("{refused:?}") };
    assert_eq!(field, "rules.responsible.pool");
    assert!(message.contains("there is no pool `nobody`: create it first"), "{message}");
    let unknown = json!({ "mapping": [{ "field": "contact.name", "valeu": "x" }] });
    let refused = set(&host, "/integrations/jivo-to-ledger", integration(unknown)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.json()["title"].as_str().unwrap().contains("`valeu`"), "{refused:?}");

    let kept = host.get("/integrations/jivo-to-ledger").await;
    assert_eq!(kept["rules"]["mapping"], json!([]), "nothing of it was stored");
    assert!(kept["webhook_url"].as_str().unwrap().contains("/hooks/"), "{kept}");
    let answer = host.api(Method::GET, "/integrations/nobody", "").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    host.stop().await;
}

#[tokio::test]
async fn rules_that_were_right_once_hold_their_jobs_until_they_are_mended() {
    let ledger = Ledger::open().await;
    let host = TestHost::start().await;
    let url = host.jivo_to_ledger(&ledger).await;
    let state = &host.host().state;
    let mut stored = state.directory.snapshot().integrations.values().next().unwrap().clone();
    // As an earlier release may have taken it.
    stored.rules.filter = Some("event.kind ==".to_owned());
    state.stores.registry.put_integration(stored).await.unwrap();
    state.directory.refresh().await.unwrap();

    let shown = host.get("/integrations/jivo-to-ledger").await;
    assert_eq!(shown["problems"][0]["field"], "rules.filter", "{shown}");
    let answer = host.hook(&url, offline(1)).await;
    assert!(answer.status.is_success(), "it is taken in: {answer:?}");
    // Another integration of the same CRM goes on meanwhile.
    let other = host.join("second", "ledger", json!({})).await;
    host.hook(&other, offline(2)).await;
    eventually("the other job ends", async || host.newest().await["jobs"][0]["state"] == "done")
        .await;
    let depth = state.stores.journal.depth().await.unwrap();
    assert_eq!((depth.pending_jobs, depth.dead_jobs), (1, 0), "it waits");

    host.put("/integrations/jivo-to-ledger", json!({ "channel": "jivo", "crm": "ledger" })).await;
    host.idle().await;
    assert_eq!(host.get("/integrations/jivo-to-ledger").await.get("problems"), None);
    assert_eq!(ledger.count(patchbay_ledger::Kind::Contact), 2);
    host.stop().await;
}

#[tokio::test]
async fn as_many_urls_as_wanted_feed_integrations_of_their_own() {
    let ledger = Ledger::open().await;
    let host = TestHost::start().await;
    host.jivo_to_ledger(&ledger).await;
    let mut urls = Vec::new();
    for number in 0..20 {
        let (channel, id) = (format!("url-{number}"), format!("url-{number}-to-ledger"));
        urls.push(host.join(&channel, "ledger", json!({})).await);
        let rules = json!({ "mapping": [{ "field": "contact.comment", "value": channel }] });
        let integration = json!({ "channel": channel, "crm": "ledger", "rules": rules });
        let set = host.put(&format!("/integrations/{id}"), integration).await;
        assert_eq!(set["webhook_url"].as_str(), urls.last().map(String::as_str));
    }
    for (number, url) in (0..).zip(&urls) {
        host.hook(url, offline(number)).await;
    }
    host.idle().await;
    let comments: Vec<String> = ledger.records()["contacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|contact| contact["fields"]["comment"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(comments.len(), urls.len());
    for number in 0..urls.len() {
        assert!(comments.contains(&format!("url-{number}")), "{comments:?}");
    }
    host.stop().await;
}

const FILE: &str = r#"
    [[account]]
    id = "shop"
    plugin = "channel-jivo"
    [[account]]
    id = "notebook"
    plugin = "crm-notebook"
    [[pool]]
    id = "sales"
    crm = "notebook"
    members = [{ manager = "7" }, { manager = "ann@example.com" }]
    [[integration]]
    id = "shop-to-notebook"
    channel = "shop"
    crm = "notebook"
    [integration.rules]
    phone = { country = "UA", digits = 12 }
    responsible = { pool = "sales" }
    [[integration.rules.mapping]]
    field = "contact.source"
    value = "Shop"
"#;

#[tokio::test]
async fn the_file_sets_pools_and_rules_and_names_wrong_ones_before_it_starts() {
    let mut site = Site::new(&["channel_jivo", "crm_notebook"], FILE);
    let program = site.serve(&[]).await;
    let pools = program.get("/pools").await;
    assert_eq!(pools["items"][0]["members"][1]["manager"], "ann@example.com");
    let integration = program.get("/integrations/shop-to-notebook").await;
    assert_eq!(integration["rules"]["phone"], json!({ "country": "UA", "digits": 12 }));
    assert_eq!(integration["rules"]["mapping"][0]["value"], "Shop");
    assert_eq!(program.terminate().await, Some(0));

    let config = site.path("patchbay.toml");
    site.configure(&FILE.replace("\"Shop\"", "\"{{ shop\"").replace("\"7\"", "\"\""));
    for command in ["check", "serve"] {
        let ended = site.run(&[command, "--config", text(&config)]).await;
        let places = ["pool.0.members[0].manager: ", "integration.0.rules.mapping[0].value: "];
        assert_failed(&ended, 64, &places);
    }
    site.configure(&FILE.replace("pool = \"sales\"", "pool = \"support\""));
    let ended = site.run(&["serve", "--config", text(&config)]).await;
    let words =
        "integration `shop-to-notebook`: rules.responsible.pool: there is no pool `support`";
    assert_failed(&ended, 64, &[words]);
}

#[tokio::test]
async fn pools_and_rules_are_set_on_the_command_line() {
    let mut site = Site::new(&["channel_jivo", "crm_notebook"], FILE);
    let token = site.path("token");
    let program = site.serve(&["--token-file", text(&token)]).await;
    let run = async |words: &[&str]| site.run(&remote(&program, &token, words)).await;

    let ended = run(&["pool", "list"]).await;
    let line = "sales of notebook, round-robin: 7, ann@example.com\n";
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), line));
    let members = ["--member", "7=3", "--member", "bob@example.com"];
    let set = ["pool", "set", "support", "--crm", "notebook", "--strategy", "weighted"];
    let ended = run(&[&set[..], &members].concat()).await;
    let line = "set: support of notebook, weighted: 7 x 3, bob@example.com\n";
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), line), "{ended:?}");
    assert_eq!(run(&["pool", "set", "support"]).await.code, Some(64));
    let ended = run(&[&set[..], &["--member", "7=many"]].concat()).await;
    assert_sentence(&ended, 64, &["`many` is no weight"]);
    let ended = run(&[&set[..], &["--member", "7=101"]].concat()).await;
    assert_failed(&ended, 65, &["members[0].weight: 101"]);
    let file = site.path("pool.toml");
    fs::write(&file, "crm = 'notebook'\nmembers = [{ manager = '9' }]\n").unwrap();
    let ended = run(&["pool", "set", "support", "--file", text(&file)]).await;
    assert_eq!(ended.stdout, "set: support of notebook, round-robin: 9\n", "{ended:?}");
    assert_sentence(&run(&["pool", "remove", "sales"]).await, 65, &["`shop-to-notebook`"]);
    assert_eq!(run(&["pool", "remove", "support"]).await.stdout, "removed: support\n");

    let rules = site.path("rules.toml");
    fs::write(&rules, "[options]\ndeals = true\n[rules]\nfilter = 'event.kind'\n").unwrap();
    let set = ["integration", "set", "shop-to-notebook", "--rules", text(&rules)];
    let ended = run(&set).await;
    assert_eq!(ended.stdout, "set: shop-to-notebook: shop to notebook\n", "{ended:?}");
    let shown = run(&["integration", "show", "shop-to-notebook", "--json"]).await;
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(
        (&shown["rules"]["filter"], &shown["options"]["deals"]),
        (&json!("event.kind"), &json!(true))
    );
    assert_eq!(shown["enabled"], true);
    fs::write(&rules, "filter = '=='\n").unwrap();
    assert_failed(&run(&set).await, 65, &["rules.filter: "]);
    let ended = run(&["integration", "list"]).await;
    assert_eq!(ended.stdout, "shop-to-notebook: shop to notebook\n");
    assert_eq!(program.terminate().await, Some(0));
}
