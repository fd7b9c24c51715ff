//! Accounts and integrations kept in the file: set at start, changed at the next, faults told.

use std::fs;

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::{
    fake_odoo,
    harness::{eventually, jivo},
    program::Site,
};

const PLUGINS: &[&str] = &["channel_jivo", "crm_notebook", "crm_odoo"];

/// The file with Jivo and Odoo, the title and the place of the key as given.
fn accounts(odoo: &str, title: &str, key: &str) -> String {
    let database = fake_odoo::DATABASE;
    format!(
        r#"
        [retry]
        base_ms = 20
        [[account]]
        id = "shop"
        plugin = "channel-jivo"
        title = "{title}"
        reply_deadline_ms = 1000
        [[account]]
        id = "odoo"
        plugin = "crm-odoo"
        settings = {{ base-url = "{odoo}", database = "{database}" }}
        secrets = {{ api-key = {key} }}
        grants = [{{ allow = "{odoo}", private = true }}]
        [[integration]]
        id = "shop-to-odoo"
        channel = "shop"
        crm = "odoo"
        "#
    )
}

#[tokio::test]
async fn the_file_is_applied_at_start_and_its_changes_at_the_next() {
    let odoo = fake_odoo::start().await;
    let key = r#"{ env = "ODOO_KEY" }"#;
    let mut site = Site::new(PLUGINS, &accounts(&odoo.url, "The shop", key));
    site.set_environment("ODOO_KEY", fake_odoo::API_KEY);
    let program = site.serve(&[]).await;
    let account = program.get("/accounts/shop").await;
    assert_eq!((&account["title"], &account["state"]), (&json!("The shop"), &json!("active")));
    assert_eq!(program.get("/accounts/odoo").await["secrets"], json!(["api-key"]), "keys only");
    let token = program.webhook("shop").rsplit('/').next().unwrap().to_owned();
    assert_eq!(program.terminate().await, Some(0));

    let more = accounts(&odoo.url, "The new shop", key)
        + "enabled = false\n[[account]]\nid = \"notebook\"\nplugin = \"crm-notebook\"\n";
    site.configure(&more);
    let program = site.serve(&[]).await;

    assert_eq!(program.get("/accounts/shop").await["title"], "The new shop");
    assert_eq!(program.get("/accounts/notebook").await["plugin"], "crm-notebook");
    assert_eq!(program.get("/integrations").await["items"][0]["enabled"], false);
    let url = program.webhook("shop");
    assert_eq!(url.rsplit('/').next().unwrap(), token, "the webhook URL stays");
    program.hook(&url, jivo("offline_message.json")).await;
    assert_eq!(program.journal().await[0]["events"][0]["jobs"], json!([]), "nothing is joined");
    assert_eq!(program.terminate().await, Some(0));
}

#[tokio::test]
async fn what_the_api_changed_is_set_back_at_the_next_start() {
    let mut site = Site::new(
        PLUGINS,
        "[[account]]\nid = \"shop\"\nplugin = \"channel-jivo\"\ntitle = \"By file\"\n",
    );
    let program = site.serve(&[]).await;
    let set = json!({ "plugin": "channel-jivo", "title": "By hand" }).to_string();
    let answer = program.api(Method::PUT, "/accounts/shop", set).await;
    assert_eq!(answer.json()["title"], "By hand");
    assert_eq!(program.terminate().await, Some(0));

    let program = site.serve(&[]).await;

    assert_eq!(program.get("/accounts/shop").await["title"], "By file");
    assert_eq!(program.terminate().await, Some(0));
}

#[tokio::test]
async fn a_secret_comes_from_a_file_and_a_new_one_sets_a_paused_account_to_work() {
    let odoo = fake_odoo::start().await;
    let mut site = Site::new(PLUGINS, "");
    let file = site.path("key");
    fs::write(&file, "of-last-year\n").unwrap();
    site.configure(&accounts(&odoo.url, "", &format!("{{ file = {file:?} }}")));
    let program = site.serve(&[]).await;
    program.hook(&program.webhook("shop"), jivo("offline_message.json")).await;
    eventually("the account is paused", async || {
        program.get("/accounts/odoo").await["state"] != "active"
    })
    .await;
    assert_eq!(program.terminate().await, Some(0));

    let program = site.serve(&[]).await;
    let state = program.get("/accounts/odoo").await["state"].clone();
    assert!(state["paused"].is_string(), "the same key is not tried again: {state}");
    assert_eq!(program.terminate().await, Some(0));

    fs::write(&file, fake_odoo::API_KEY).unwrap();
    let program = site.serve(&[]).await;

    assert_eq!(program.get("/accounts/odoo").await["state"], "active");
    eventually("the job that waited is done", async || odoo.partners().len() == 1).await;
    assert_eq!(program.terminate().await, Some(0));
}

#[tokio::test]
async fn every_fault_of_the_entries_is_named_and_nothing_starts() {
    let text = r#"
        [[account]]
        id = "no-plugin"
        plugin = "crm-unheard-of"
        [[account]]
        id = "no-secret"
        plugin = "crm-odoo"
        settings = { base-url = "https://odoo.example.com" }
        secrets = { api-key = { env = "ODOO_KEY_THAT_IS_NOT_SET" } }
        [[account]]
        id = "no-file"
        plugin = "crm-odoo"
        secrets = { api-key = { file = "/nowhere/key" } }
        [[account]]
        id = "no-setting"
        plugin = "crm-odoo"
        settings = { bas-url = "https://odoo.example.com" }
        grants = [{ allow = "nonsense" }]
        [[integration]]
        id = "no-ends"
        channel = "nobody"
        crm = "no-setting"
    "#;
    let site = Site::new(PLUGINS, text);
    fs::write(site.path("plugins").join("broken.wasm"), "not wasm").unwrap();

    let config = site.path("patchbay.toml");
    let ended = site.run(&["serve", "--config", config.to_str().unwrap()]).await;

    assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""), "{ended:?}");
    for words in [
        "the configuration cannot be applied:",
        "broken.wasm`: this is no component: it is not WebAssembly",
        "account `no-plugin`: plugin: no plugin `crm-unheard-of` is installed: upload it first",
        "account `no-secret`: secrets.api-key: set the environment variable `ODOO_KEY_THAT_IS_NOT_SET`",
        "account `no-file`: secrets.api-key: `/nowhere/key` cannot be read",
        "account `no-setting`: ",
        "bas-url",
        "nonsense",
        "integration `no-ends`: channel: there is no account `nobody`: create it first",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn an_account_of_the_file_can_be_asked_like_any_other() {
    let mut site =
        Site::new(PLUGINS, "[[account]]\nid = \"notebook\"\nplugin = \"crm-notebook\"\n");
    let program = site.serve(&[]).await;
    let found = program.api(Method::GET, "/accounts/notebook/cards?phone=%2B79000000002", "").await;
    assert_eq!((found.status, found.json()["items"].clone()), (StatusCode::OK, json!([])));
    assert_eq!(program.terminate().await, Some(0));
}
