//! The command line of a host: exit codes, sentences, the API token, and a log that names nobody.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::Instant};

use crate::{
    fake_odoo::{self, Fault},
    harness::{eventually, jivo},
    program::{Ended, Site},
};

const ACCOUNTS: &str = r#"
    [[account]]
    id = "shop"
    plugin = "channel-jivo"
    [[account]]
    id = "notebook"
    plugin = "crm-notebook"
    [[integration]]
    id = "shop-to-notebook"
    channel = "shop"
    crm = "notebook"
"#;

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Ended with this code, said nothing on standard output, and all of this in its one message.
#[track_caller]
pub(crate) fn assert_failed(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
    // What is logged before the failure, such as that a plugin is not signed, stands above it.
    let said = ended.stderr.lines().find(|line| !line.contains(" WARN "));
    assert!(said.is_some_and(|line| line.starts_with("patchbay: ")), "{ended:?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
}

/// As above, and the message is one line.
#[track_caller]
pub(crate) fn assert_sentence(ended: &Ended, code: i32, words: &[&str]) {
    assert_failed(ended, code, words);
    assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{}", ended.stderr);
}

#[tokio::test]
async fn a_good_file_passes_the_check() {
    let site = Site::new(&[], ACCOUNTS);
    let config = site.path("patchbay.toml");

    let ended = site.run(&["check", "--config", text(&config)]).await;

    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, format!("{}: no faults\n", config.display()));
}

#[tokio::test]
async fn check_and_serve_list_every_fault_with_its_place_and_nothing_is_bound() {
    let site = Site::new(&[], "");
    let config = site.path("patchbay.toml");
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap();
    let faulty = format!(
        "listen = \"{address}\"\ndata = {:?}\nlisen = 1\n[worker]\nslots = \"many\"\n[limits]\ncpu_ms = 0\n",
        site.path("data")
    );
    fs::write(&config, faulty).unwrap();

    // The port is taken: whoever tries to listen ends with another code.
    for command in ["check", "serve"] {
        let ended = site.run(&[command, "--config", text(&config)]).await;
        let places =
            ["has 3 faults:", "line 3: lisen:", "line 5: worker.slots:", "line 7: limits.cpu_ms:"];
        assert_failed(&ended, 64, &places);
    }

    fs::write(&config, "[limits]\ncpu_ms = 40000\n[egress]\ntimeout_ms = 40000\n").unwrap();
    for command in ["check", "serve"] {
        let ended = site.run(&[command, "--config", text(&config)]).await;
        let contradictions = [
            "has 2 faults:",
            "limits.cpu_ms: 40000 must not be above limits.wall_ms (30000)",
            "egress.timeout_ms: 40000 must not be above limits.wall_ms (30000)",
        ];
        assert_failed(&ended, 64, &contradictions);
    }
    assert!(!site.path("data").exists(), "nothing was started");
    assert_sentence(&site.run(&["check"]).await, 64, &["--config"]);
    assert_sentence(
        &site.run(&["check", "--config", "/nowhere.toml"]).await,
        64,
        &["`/nowhere.toml`"],
    );
    assert_eq!(site.run(&["serf"]).await.code, Some(64));
}

#[tokio::test]
async fn a_port_in_use_is_told_and_the_first_token_is_not_lost() {
    let mut site = Site::new(&[], "");
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap().to_string();
    let config = site.path("patchbay.toml");

    let ended = site.run(&["serve", "--config", text(&config), "--listen", &address]).await;

    assert_sentence(&ended, 69, &[&format!("`{address}` cannot be listened on"), "`listen`"]);
    let program = site.serve(&[]).await;
    assert_eq!(program.get("/plugins").await["items"], json!([]), "this start printed the token");
    assert_eq!(program.terminate().await, Some(0));
}

#[tokio::test]
async fn a_second_host_on_the_same_data_is_refused() {
    let mut site = Site::new(&[], "");
    let program = site.serve(&[]).await;

    let config = site.path("patchbay.toml");
    let ended = site.run(&["serve", "--config", text(&config)]).await;

    assert_sentence(&ended, 69, &["patchbay.db` is in use by another process: stop it first"]);
    assert_eq!(program.get("/plugins").await["items"], json!([]), "the first one goes on");
}

#[tokio::test]
async fn the_token_is_printed_once_and_its_file_is_for_the_owner_only() {
    let mut site = Site::new(&[], "");
    let file = site.path("token");
    fs::write(&file, "an older token that is longer than the new one, by far, and readable")
        .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();

    let program = site.serve(&["--token-file", text(&file)]).await;

    let is_token = |line: &&String| line.starts_with("API token");
    assert_eq!(program.said.iter().filter(is_token).count(), 1, "{:?}", program.said);
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{}\n", program.token()));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(program.terminate().await, Some(0));
    let program = site.serve(&["--token-file", text(&file)]).await;
    assert_eq!(program.said.iter().filter(is_token).count(), 0, "{:?}", program.said);
    assert_eq!(program.get("/plugins").await["items"], json!([]), "the token is still good");
}

/// A site with Jivo joined to the fake of Odoo.
pub(crate) fn odoo_site(odoo: &str, more: &str) -> Site {
    let database = fake_odoo::DATABASE;
    let accounts = format!(
        r#"
        {more}
        [[account]]
        id = "shop"
        plugin = "channel-jivo"
        reply_deadline_ms = 1000
        [[account]]
        id = "odoo"
        plugin = "crm-odoo"
        settings = {{ base-url = "{odoo}", database = "{database}" }}
        secrets = {{ api-key = {{ env = "ODOO_KEY" }} }}
        grants = [{{ allow = "{odoo}", private = true }}]
        [[integration]]
        id = "shop-to-odoo"
        channel = "shop"
        crm = "odoo"
        "#
    );
    let mut site = Site::new(&["channel_jivo", "crm_odoo"], &accounts);
    site.set_environment("ODOO_KEY", fake_odoo::API_KEY);
    site
}

#[tokio::test]
async fn a_stop_ends_within_the_grace_time_while_a_job_runs() {
    let odoo = fake_odoo::start().await;
    let mut site = odoo_site(&odoo.url, "[worker]\ngrace_s = 1\n");
    let program = site.serve(&[]).await;
    odoo.set_fault(Some(Fault::Hang));
    let url = program.webhook("shop");
    assert_eq!(program.hook(&url, jivo("offline_message.json")).await.status, StatusCode::OK);
    eventually("the job runs", async || odoo.all_calls() == 1).await;

    let stopped = Instant::now();
    assert_eq!(program.terminate().await, Some(0));

    let took = stopped.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(4)).contains(&took), "{took:?}");
    odoo.set_fault(None);
    let program = site.serve(&[]).await;
    eventually("the job goes on after the start", async || odoo.partners().len() == 1).await;
    assert_eq!(program.terminate().await, Some(0));
}

#[tokio::test]
async fn a_stop_during_the_start_and_one_right_after_it_end_in_order() {
    let mut site = Site::new(&["channel_jivo", "crm_odoo"], "");
    // The database is made first and the plugins are compiled after it, which takes its time.
    let starting = site.spawn(&[]);
    eventually("the start is on its way", async || site.path("data/compiled").exists()).await;
    assert_eq!(starting.terminate().await, Some(0), "{}", site.log());
    for _ in 0..5 {
        assert_eq!(site.serve(&[]).await.terminate().await, Some(0), "{}", site.log());
    }
}

/// Every text and number of what a webhook tells of its visitor.
fn private(body: &[u8]) -> Vec<String> {
    let webhook: Value = serde_json::from_slice(body).unwrap();
    let of = |place: &str, keys: &[&str]| -> Vec<String> {
        let texts = keys.iter().filter_map(|key| webhook[place][key].as_str());
        texts.filter(|text| 3 < text.len()).map(str::to_owned).collect()
    };
    let visitor = of("visitor", &["name", "email", "phone", "description"]);
    [visitor, of("session", &["ip_addr"]), of("agent", &["name", "email", "phone"])].concat()
}

#[tokio::test]
async fn the_log_of_every_level_names_no_person_and_no_secret() {
    for format in ["text", "json"] {
        let odoo = fake_odoo::start().await;
        let log =
            format!("[log]\nlevel = \"trace\"\nformat = \"{format}\"\n[retry]\nbase_ms = 20\n");
        let mut site = odoo_site(&odoo.url, &log);
        let program = site.serve(&[]).await;
        let url = program.webhook("shop");
        let names = [
            "chat_accepted.unknown_with_phone.json",
            "chat_accepted.known_by_email.json",
            "offline_message.json",
            "chat_finished.one_agent.json",
            "client_updated.legacy_contacts.json",
        ];
        let mut secrets = vec![
            fake_odoo::API_KEY.to_owned(),
            program.token().to_owned(),
            url.rsplit('/').next().unwrap().to_owned(),
        ];
        // Everything good, then everything that can go wrong.
        let faults = [Fault::LostAnswer, Fault::Unavailable, Fault::Refused];
        for fault in [None, Some(Fault::Html)].into_iter().chain(faults.map(Some)) {
            for name in names {
                let body = jivo(name);
                secrets.extend(private(&body));
                // A dead letter's content comes again as another event.
                let text = String::from_utf8(body).unwrap();
                let body = text
                    .replace("\"chat_id\": ", &format!("\"chat_id\": {}", odoo.all_calls() + 1));
                odoo.set_fault(fault);
                program.hook(&url, body).await;
            }
        }
        program.hook(&url, "not JSON, from visitor@example.com").await;
        secrets.push("visitor@example.com".to_owned());
        odoo.set_fault(None);
        assert_eq!(program.terminate().await, Some(0));

        let log = site.log();
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is as full as it can be");
        secrets.sort();
        secrets.dedup();
        assert!(10 < secrets.len(), "{secrets:?}");
        let told: Vec<_> =
            log.lines().filter(|line| secrets.iter().any(|secret| line.contains(secret))).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
    }
}
