//! A disk without room: no file of the program may grow, its log included.

use std::fs::OpenOptions;

use hyper::{Method, StatusCode, header};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;

use crate::{
    harness::{component, eventually, jivo},
    program::{Program, Site},
};

/// How far a file of the program may grow from now on; `None` takes the limit away.
fn limit_files(program: &Program, bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let limit = Rlimit { current: bytes.or(maximum), maximum };
    prlimit(Some(program.pid()), Resource::Fsize, limit).unwrap();
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_and_room_makes_it_work_again() {
    let mut site = notebook_site();
    // So large that every further line of the log fails.
    site.serve(&[]).await.kill().await;
    OpenOptions::new().write(true).open(site.path("log")).unwrap().set_len(1 << 30).unwrap();
    let program = site.serve(&[]).await;
    let url = program.webhook("shop");
    let taken = program.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await;
    assert_eq!(taken.json()["contact_info"]["phone"], "+79000000002");

    limit_files(&program, Some(1));
    for _ in 0..3 {
        let answer = program.hook(&url, jivo("chat_accepted.known_by_email.json")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        assert_eq!(answer.headers[header::RETRY_AFTER], "1");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(answer.json()["code"], "storage");
    }
    let upload = program.api(Method::POST, "/plugins", component("crm_odoo")).await;
    assert_eq!(
        upload.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "not the plugin's fault: {upload:?}"
    );
    assert_eq!(program.journal().await.len(), 1, "what was there can be read, and nothing is new");

    limit_files(&program, None);
    let answer = program.hook(&url, jivo("chat_accepted.known_by_email.json")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    eventually("both jobs are done", async || {
        let journal = program.journal().await;
        let is_done =
            |request: &serde_json::Value| request["events"][0]["jobs"][0]["state"] == "done";
        journal.len() == 2 && journal.iter().all(is_done)
    })
    .await;
    assert_eq!(program.get("/dead-letters").await["items"], json!([]));
    assert_eq!(program.terminate().await, Some(0));
}

fn notebook_site() -> Site {
    let text = r#"
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
    Site::new(&["channel_jivo", "crm_notebook"], text)
}
