//! Conformance cases from their files to a running host: packed, played, told.

use std::{fs, path::PathBuf};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    cli::{assert_sentence, text},
    harness::component,
    program::{Program, Site},
    remote::remote,
};

/// The cases that an adapter of ours carries.
fn cases_of(adapter: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../plugins/{adapter}/conformance"))
}

async fn pack(site: &Site, from: &str, cases: &str, to: &str) -> String {
    let arguments = ["plugin", "pack", from, "--cases", cases, "-o", to];
    let packed = site.run(&arguments).await;
    assert_eq!(packed.code, Some(0), "{packed:?}");
    packed.stdout
}

#[tokio::test]
async fn cases_are_packed_played_and_told() {
    let mut site = Site::new(&[], "");
    let token = site.path("token");
    let program = site.serve(&["--token-file", text(&token)]).await;
    let (bare, packed) = (site.path("bare.wasm"), site.path("packed.wasm"));
    fs::write(&bare, component("channel_generic")).unwrap();
    let run = async |command: &[&str]| site.run(&remote(&program, &token, command)).await;

    let pushed = run(&["plugin", "push", text(&bare)]).await;
    assert!(pushed.stdout.contains(", no conformance cases, "), "{pushed:?}");
    let told = pack(&site, text(&bare), text(&cases_of("channel-generic")), text(&packed)).await;
    assert!(told.starts_with("cases: 4, in "), "{told}");
    let pushed = run(&["plugin", "push", text(&packed)]).await;
    assert!(pushed.stdout.contains(", 4 conformance cases passed, "), "{pushed:?}");
    let versions = program.get("/plugins/channel-generic/versions").await;
    let counts: Vec<_> =
        versions["items"].as_array().unwrap().iter().map(|it| &it["cases"]).collect();
    assert_eq!(counts, [4, 0]);
    assert_eq!(stages(&program, &packed).await.last().unwrap(), &json!("store"));

    // The same packed twice is the same once.
    let again = site.path("again.wasm");
    pack(&site, text(&packed), text(&cases_of("channel-generic")), text(&again)).await;
    assert_eq!(fs::read(&again).unwrap(), fs::read(&packed).unwrap());

    let folder = site.path("cases");
    fs::create_dir(&folder).unwrap();
    let case = json!({
        "call": { "receive": { "method": "GET", "query": "phone=79000000154" } },
        "expect": { "ok": { "events": [{ "client": [{ "phone": "79000000155" }] }] } },
    });
    fs::write(folder.join("a-lead.json"), case.to_string()).unwrap();
    pack(&site, text(&bare), text(&folder), text(&packed)).await;
    let refused = run(&["plugin", "push", text(&packed)]).await;
    assert_sentence(
        &refused,
        65,
        &[
            "fails its conformance case `a-lead`: at `/ok/events/0/client/0/phone`",
            "expected `\"79000000155\"`, found `\"79000000154\"`",
        ],
    );
    let answer = program.api(Method::POST, "/plugins", fs::read(&packed).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["code"], "plugin-refused");

    fs::write(folder.join("a-lead.json"), r#"{"call": {"receive": {}}}"#).unwrap();
    let arguments = ["plugin", "pack", text(&bare), "--cases", text(&folder), "-o", text(&packed)];
    let refused = site.run(&arguments).await;
    assert_sentence(
        &refused,
        65,
        &["`patchbay:conformance` cannot be read: missing field `expect`"],
    );
    fs::remove_file(folder.join("a-lead.json")).unwrap();
    let refused = site.run(&arguments).await;
    assert_sentence(&refused, 65, &["has no `*.json` file in it"]);
    assert_eq!(program.terminate().await, Some(0));
}

/// What an upload tells while it goes on; the cases each on a line of their own.
async fn stages(program: &Program, file: &std::path::Path) -> Vec<Value> {
    let request = hyper::Request::post(format!("{}/api/v1/plugins", program.url))
        .header(hyper::header::AUTHORIZATION, format!("bearer {}", program.token()))
        .header(hyper::header::ACCEPT, "application/x-ndjson")
        .body(http_body_util::Full::new(fs::read(file).unwrap().into()))
        .unwrap();
    let answer = crate::harness::Web::new().send(request).await;
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cases: Vec<_> = lines.iter().filter(|line| line["stage"] == "conformance").collect();
    let case = |case: u32| json!({ "stage": "conformance", "case": case, "of": 4 });
    assert_eq!(cases, [&case(1), &case(2), &case(3), &case(4)]);
    assert_eq!(lines.last().unwrap()["plugin"]["cases"], 4, "{body}");
    lines.iter().filter_map(|line| line.get("stage").cloned()).collect()
}
