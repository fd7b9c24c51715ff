//! The commands that talk to a running host: `replay`, `plugin list`, `plugin push`.

use std::{
    io::{self, Write as _},
    path::Path,
};

use hyper::Method;
use serde_json::{Value, json};

use super::{Error, RemoteArgs, ReplayArgs, client::ApiClient};

/// Dead letters asked for in one page.
const PAGE: u32 = 500;

pub(super) fn replay(args: &ReplayArgs) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(&args.remote)?;
        let jobs = if args.all {
            dead_jobs(&client, args.integration.as_deref()).await?
        } else {
            args.jobs.clone()
        };
        let mut replayed = Vec::new();
        for job in jobs {
            let path = format!("/dead-letters/{job}/replay");
            match client.send(Method::POST, &path, Vec::new()).await {
                Ok(_) => replayed.push(job),
                // Somebody else has put it back since it was listed.
                Err(Error::Refused(_)) if args.all => {}
                Err(error) => return Err(error),
            }
        }
        print(&args.remote, &json!({ "replayed": replayed }), |_| {
            format!("dead letters replayed: {}", replayed.len())
        })
    })
}

pub(super) fn list_plugins(remote: &RemoteArgs) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let answer = client.send(Method::GET, "/plugins", Vec::new()).await?;
        print(remote, &answer, |answer| {
            let plugins = answer.get("items").and_then(Value::as_array);
            let lines: Vec<String> = plugins.into_iter().flatten().map(plugin_line).collect();
            if lines.is_empty() { "no plugin is installed".to_owned() } else { lines.join("\n") }
        })
    })
}

pub(super) fn push_plugin(remote: &RemoteArgs, file: &Path) -> Result<(), Error> {
    let bytes = std::fs::read(file)
        .map_err(|error| Error::Refused(format!("`{}` cannot be read: {error}", file.display())))?;
    block_on(async {
        let client = ApiClient::new(remote)?;
        let answer = client.send(Method::POST, "/plugins", bytes).await?;
        print(remote, &answer, |answer| format!("installed: {}", plugin_line(answer)))
    })
}

async fn dead_jobs(client: &ApiClient, integration: Option<&str>) -> Result<Vec<i64>, Error> {
    let mut jobs = Vec::new();
    let mut before = None;
    loop {
        let of = integration.map(|id| format!("&integration={id}")).unwrap_or_default();
        let after = before.map(|cursor: i64| format!("&before={cursor}")).unwrap_or_default();
        let path = format!("/dead-letters?limit={PAGE}{of}{after}");
        let answer = client.send(Method::GET, &path, Vec::new()).await?;
        let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
        jobs.extend(items.filter_map(|item| item.get("job").and_then(Value::as_i64)));
        before = answer.get("next").and_then(Value::as_i64);
        if before.is_none() {
            return Ok(jobs);
        }
    }
}

fn plugin_line(plugin: &Value) -> String {
    let text =
        |path: &str| plugin.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let roles = plugin.get("roles").and_then(Value::as_array);
    let roles: Vec<&str> = roles.into_iter().flatten().filter_map(Value::as_str).collect();
    let digest: String = text("/digest").chars().take(12).collect();
    format!(
        "{} {} ({}), contract {}, {digest}",
        text("/manifest/name"),
        text("/manifest/version"),
        roles.join(", "),
        text("/contract")
    )
}

fn print(
    remote: &RemoteArgs,
    answer: &Value,
    show: impl Fn(&Value) -> String,
) -> Result<(), Error> {
    let text = if remote.json { answer.to_string() } else { show(answer) };
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

fn block_on(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
