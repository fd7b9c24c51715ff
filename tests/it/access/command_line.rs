//! Tokens and the audit log as an operator has them, with the program itself.

use std::collections::BTreeMap;

use hyper::{Method, StatusCode};
use serde_json::Value;

use crate::{
    cli::{assert_sentence, text},
    program::Site,
};

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
