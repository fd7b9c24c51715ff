//! The commands that talk to a running host: plugins, dead letters, and who may not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    cli::{assert_sentence, odoo_site, text},
    fake_odoo::{self, Fault},
    harness::{component, eventually, jivo},
    program::{Program, Site},
    versions::guest,
};

/// Arguments of a command that talks to the program.
pub(crate) fn remote<'a>(
    program: &'a Program,
    token_file: &'a Path,
    command: &[&'a str],
) -> Vec<&'a str> {
    [command, &["--url", &program.url, "--token-file", text(token_file)]].concat()
}

#[tokio::test]
async fn plugins_are_pushed_and_listed() {
    let mut site = Site::new(&[], "");
    let token = site.path("token");
    let program = site.serve(&["--token-file", text(&token)]).await;
    let ended = site.run(&remote(&program, &token, &["plugin", "list"])).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "no plugin is installed\n"));
    let file = site.path("notebook.wasm");
    fs::write(&file, component("crm_notebook")).unwrap();

    let pushed = site.run(&remote(&program, &token, &["plugin", "push", text(&file)])).await;

    assert_eq!(pushed.code, Some(0), "{pushed:?}");
    let line = pushed.stdout.trim_end().strip_prefix("installed: ").unwrap();
    assert!(line.starts_with("crm-notebook 0.1.0 (contacts"), "{line}");
    let listed = site.run(&remote(&program, &token, &["plugin", "list"])).await;
    assert_eq!((listed.code, listed.stdout.trim_end()), (Some(0), line));
    let listed = site.run(&remote(&program, &token, &["plugin", "list", "--json"])).await;
    let answer: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(answer["items"][0]["manifest"]["name"], "crm-notebook");
}

#[tokio::test]
async fn versions_are_chosen_and_taken_back_from_the_command_line() {
    let mut site = Site::new(&[], "");
    let token = site.path("token");
    let program = site.serve(&["--token-file", text(&token)]).await;
    let push = async |mode: &str, more: &[&str]| {
        let file = site.path("version.wasm");
        fs::write(&file, guest(mode)).unwrap();
        let command = [&["plugin", "push", text(&file)], more].concat();
        let pushed = site.run(&remote(&program, &token, &command)).await;
        assert_eq!(pushed.code, Some(0), "{pushed:?}");
        pushed.stdout
    };
    let run = async |command: &[&str]| {
        let ended = site.run(&remote(&program, &token, command)).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    };
    let first = push("good", &[]).await;
    let digest = first.trim_end().rsplit(' ').next().unwrap().to_owned();
    assert!(push("good-2", &["--keep"]).await.starts_with("kept: guest-version 0.1.0-good-2"));
    let waits = push("host", &[]).await;
    assert!(waits.starts_with("waits for approval: guest-version 0.1.0-host"), "{waits}");
    assert!(
        waits.contains("\n  + host: https://new.example\n`patchbay plugin approve "),
        "{waits}"
    );

    let listed = run(&["plugin", "versions", "guest-version"]).await;
    let states: Vec<_> =
        listed.lines().map(|line| line.split(", ").nth(2).unwrap_or(line)).collect();
    assert_eq!(states, ["waiting", "  + host: https://new.example", "kept", "active for all"]);
    assert!(listed.contains(" µs with "), "{listed}");
    let other = listed.lines().nth(2).unwrap().split(' ').next().unwrap();
    let told = run(&["plugin", "shadow", "guest-version", other]).await;
    assert_eq!(told, "compared: 0; same: 0, different: 0, not steady: 0\n");
    let now = run(&["plugin", "activate", "guest-version", other]).await;
    assert_eq!(now, format!("guest-version is now {other}\n"));
    let back = run(&["plugin", "rollback", "guest-version"]).await;
    assert_eq!(back, format!("guest-version is now {digest}\n"));
    let waiting = listed.split(' ').next().unwrap();
    let approved = run(&["plugin", "approve", "guest-version", waiting]).await;
    assert_eq!(
        approved,
        format!("guest-version is now {waiting}\n  + host: https://new.example\n")
    );

    let command = ["plugin", "activate", "guest-version", "012345"];
    let ended = site.run(&remote(&program, &token, &command)).await;
    assert_sentence(&ended, 65, &["version `012345` does not exist"]);
    let ended = site.run(&remote(&program, &token, &["plugin", "versions", "nothing"])).await;
    assert_sentence(&ended, 65, &["plugin `nothing` does not exist"]);
}

#[tokio::test]
async fn who_may_not_and_who_is_not_there_have_their_own_exit_codes() {
    let mut site = Site::new(&[], "");
    let token = site.path("token");
    let program = site.serve(&["--token-file", text(&token)]).await;
    let wrong = site.path("wrong");
    fs::write(&wrong, "guess").unwrap();

    let ended = site.run(&remote(&program, &wrong, &["plugin", "list"])).await;
    assert_sentence(&ended, 77, &["the API token is not known"]);
    let ended = site.run(&remote(&program, Path::new("/nowhere"), &["plugin", "list"])).await;
    assert_sentence(&ended, 77, &["`/nowhere` cannot be read"]);
    let ended = site.run(&remote(&program, &token, &["plugin", "push", "/nowhere.wasm"])).await;
    assert_sentence(&ended, 65, &["`/nowhere.wasm` cannot be read"]);
    let ended = site.run(&remote(&program, &token, &["replay", "7"])).await;
    assert_sentence(&ended, 65, &["dead letter `7` does not exist"]);
    let ended = site.run(&["plugin", "list", "--url", &program.url]).await;
    assert_sentence(&ended, 77, &["PATCHBAY_TOKEN", "--token-file"]);
    let url = program.url.clone();
    program.kill().await;
    let ended = site.run(&["plugin", "list", "--url", &url, "--token-file", text(&token)]).await;
    assert_sentence(&ended, 69, &[&url, "patchbay serve"]);
}

/// Files that are no plugin of this host, each with the words of its refusal.
fn bad_plugins(site: &Site) -> Vec<(PathBuf, &'static str)> {
    let memories = "(core module (memory 1))".repeat(30);
    let wat = |text: String| wat::parse_str(text).unwrap();
    let whole = component("crm_notebook");
    let files: [(&str, Vec<u8>, &str); 6] = [
        ("text", b"not wasm".to_vec(), "it is not WebAssembly"),
        ("truncated", whole[..whole.len() / 2].to_vec(), "it is truncated"),
        ("core", wat("(module)".to_owned()), "it is a core module: build it for `wasm32-wasip2`"),
        (
            "newer",
            wat(r#"(component (instance $i) (export "patchbay:adapter/about@2.0.0" (instance $i)))"#.to_owned()),
            "the plugin wants patchbay:adapter 2.0.0, this host offers 0.1.0",
        ),
        ("memories", wat(format!("(component {memories})")), "declares 30 memories"),
        (
            "imports",
            wat(r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#.to_owned()),
            "imports `wasi:http/outgoing-handler@0.2.0`, which this host does not offer",
        ),
    ];
    let write = |(name, bytes, words): (&str, Vec<u8>, &'static str)| {
        let path = site.path(name);
        fs::write(&path, bytes).unwrap();
        (path, words)
    };
    files.into_iter().map(write).collect()
}

#[tokio::test]
async fn what_is_no_plugin_of_this_host_is_refused_in_one_sentence_and_the_host_stays_up() {
    let mut site = Site::new(&["crm_notebook"], "");
    let token = site.path("token");
    let program = site.serve(&["--token-file", text(&token)]).await;

    for (file, words) in bad_plugins(&site) {
        let ended = site.run(&remote(&program, &token, &["plugin", "push", text(&file)])).await;
        assert_sentence(&ended, 65, &["the plugin is refused: ", words]);
    }

    let plugins = program.get("/plugins").await;
    assert_eq!(plugins["items"].as_array().unwrap().len(), 1, "{plugins}");
    assert_eq!(program.terminate().await, Some(0));
}

#[tokio::test]
async fn dead_letters_are_replayed_from_the_command_line() {
    let odoo = fake_odoo::start().await;
    let mut site = odoo_site(&odoo.url, "");
    let token = site.path("token");
    let program = site.serve(&["--token-file", text(&token)]).await;
    let url = program.webhook("shop");
    odoo.set_fault(Some(Fault::Refused));
    program.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await;
    program.hook(&url, jivo("offline_message.json")).await;
    let letters = async || {
        let answer = program.get("/dead-letters").await;
        answer["items"].as_array().unwrap().clone()
    };
    eventually("both jobs die", async || letters().await.len() == 2).await;
    odoo.set_fault(None);

    let newest = letters().await[0]["job"].to_string();
    let ended = site.run(&remote(&program, &token, &["replay", &newest])).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "dead letters replayed: 1\n"));
    let other = ["replay", "--all", "--integration", "another"];
    for filter in [&other[2..], &["--since", "2999-01-01T00:00:00Z"], &["--kind", "lead-submitted"]]
    {
        let ended =
            site.run(&remote(&program, &token, &[&["replay", "--all"], filter].concat())).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "dead letters replayed: 0\n"));
    }
    let ended = site.run(&remote(&program, &token, &["replay", "--all", "--json"])).await;
    let replayed: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(replayed, serde_json::json!({ "replayed": 1 }));

    eventually("both partners are there", async || odoo.partners().len() == 2).await;
    assert!(letters().await.is_empty());
}
