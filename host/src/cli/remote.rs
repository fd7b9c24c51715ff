//! The commands that talk to a running host.

use std::io::{self, Write as _};

use hyper::Method;
use serde_json::{Value, json};

use super::{Error, ForgetArgs, RemoteArgs, ReplayArgs, client::ApiClient};

/// Lanes asked for in one page.
const PAGE: u32 = 500;

pub(super) fn replay(args: &ReplayArgs) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(&args.remote)?;
        let mut replayed = 0;
        if args.all {
            let filter = json!({
                "integration": args.integration,
                "died_since": args.since,
                "kind": args.kind,
                "reason": args.reason,
            });
            let body = filter.to_string().into_bytes();
            let answer = client.send(Method::POST, "/dead-letters/replay", body).await?;
            replayed = answer.get("replayed").and_then(Value::as_u64).unwrap_or_default();
        }
        for job in &args.jobs {
            client.send(Method::POST, &format!("/dead-letters/{job}/replay"), Vec::new()).await?;
            replayed += 1;
        }
        print(&args.remote, &json!({ "replayed": replayed }), |_| {
            format!("dead letters replayed: {replayed}")
        })
    })
}

pub(super) fn forget(args: &ForgetArgs) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(&args.remote)?;
        let whom = json!({ "phone": args.phone, "email": args.email, "external": args.external });
        let body = whom.to_string().into_bytes();
        let answer = client.send(Method::POST, "/forget", body).await?;
        print(&args.remote, &answer, |answer| {
            let count = |key: &str| answer.get(key).and_then(Value::as_u64).unwrap_or_default();
            let mut lines = vec![format!(
                "erased: {} webhooks, {} events; {} jobs will not run",
                count("requests"),
                count("events"),
                count("jobs")
            )];
            let cards = answer.get("cards").and_then(Value::as_array).into_iter().flatten();
            lines.extend(cards.map(|card| {
                let text = |key: &str| card.get(key).and_then(Value::as_str).unwrap_or_default();
                format!("still in the CRM: card {} of account {}", text("card"), text("account"))
            }));
            lines.join("\n")
        })
    })
}

pub(super) fn list_lanes(remote: &RemoteArgs, integration: Option<&str>) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let mut lanes = Vec::new();
        let mut before = None;
        loop {
            let of = integration.map(|id| format!("&integration={id}")).unwrap_or_default();
            let after = before.map(|cursor: i64| format!("&before={cursor}")).unwrap_or_default();
            let path = format!("/lanes?limit={PAGE}{of}{after}");
            let answer = client.send(Method::GET, &path, Vec::new()).await?;
            lanes
                .extend(answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default());
            before = answer.get("next").and_then(Value::as_i64);
            if before.is_none() {
                break;
            }
        }
        print(remote, &json!({ "items": lanes }), |_| {
            let all: Vec<String> = lanes.iter().map(lane_line).collect();
            if all.is_empty() { "every lane flows".to_owned() } else { all.join("\n") }
        })
    })
}

pub(super) fn resume_lanes(remote: &RemoteArgs, lanes: &[i64]) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        for lane in lanes {
            client.send(Method::POST, &format!("/lanes/{lane}/resume"), Vec::new()).await?;
        }
        print(remote, &json!({ "resumed": lanes }), |_| format!("lanes resumed: {}", lanes.len()))
    })
}

fn lane_line(lane: &Value) -> String {
    let text = |key: &str| lane.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| lane.get(key).and_then(Value::as_i64).unwrap_or_default();
    format!(
        "{} {} in {}: {}, job {} after {} attempts: {}",
        number("lane"),
        text("conversation"),
        text("integration"),
        text("state"),
        number("job"),
        number("attempts"),
        text("reason")
    )
}

pub(super) fn print(
    remote: &RemoteArgs,
    answer: &Value,
    show: impl Fn(&Value) -> String,
) -> Result<(), Error> {
    let text = if remote.json { answer.to_string() } else { show(answer) };
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

pub(super) fn block_on(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
