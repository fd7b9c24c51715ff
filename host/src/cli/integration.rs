//! Integrations and their rules.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Error, RemoteArgs,
    client::ApiClient,
    remote::{block_on, print},
    table,
};

#[derive(Debug, Subcommand)]
pub(super) enum IntegrationCommand {
    /// List the integrations.
    List {
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Print an integration with its rules, as JSON.
    Show {
        #[command(flatten)]
        remote: RemoteArgs,
        /// The integration, by name.
        integration: String,
    },
    /// Set the rules of an integration, and its options where the file has them.
    Set(SetArgs),
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// The integration, by name.
    integration: String,
    /// Rules as a TOML or JSON file, or a preset with `rules` and `options`.
    #[arg(long)]
    rules: PathBuf,
}

pub(super) fn run(command: &IntegrationCommand) -> Result<(), Error> {
    match command {
        IntegrationCommand::List { remote } => list(remote),
        IntegrationCommand::Show { remote, integration } => show(remote, integration),
        IntegrationCommand::Set(args) => set(args),
    }
}

fn list(remote: &RemoteArgs) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let answer = client.send(Method::GET, "/integrations", Vec::new()).await?;
        print(remote, &answer, |answer| {
            let all = answer.get("items").and_then(Value::as_array).into_iter().flatten();
            let lines: Vec<String> = all.map(line).collect();
            if lines.is_empty() { "there is no integration".to_owned() } else { lines.join("\n") }
        })
    })
}

fn show(remote: &RemoteArgs, integration: &str) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let path = format!("/integrations/{integration}");
        let answer = client.send(Method::GET, &path, Vec::new()).await?;
        print(remote, &answer, |answer| format!("{answer:#}"))
    })
}

fn set(args: &SetArgs) -> Result<(), Error> {
    let (rules, options) = table::rules(&args.rules)?;
    block_on(async {
        let client = ApiClient::new(&args.remote)?;
        let path = format!("/integrations/{}", args.integration);
        let before = client.send(Method::GET, &path, Vec::new()).await?;
        let kept = |key: &str| before.get(key).cloned().unwrap_or_default();
        let input = json!({
            "channel": kept("channel"),
            "crm": kept("crm"),
            "enabled": kept("enabled"),
            "rules": rules.unwrap_or_else(|| kept("rules")),
            "options": options.unwrap_or_else(|| kept("options")),
        });
        let answer = client.send(Method::PUT, &path, input.to_string().into_bytes()).await?;
        print(&args.remote, &answer, |answer| format!("set: {}", line(answer)))
    })
}

fn line(integration: &Value) -> String {
    let text = |key: &str| integration.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut line = format!("{}: {} to {}", text("id"), text("channel"), text("crm"));
    if integration.get("enabled") == Some(&json!(false)) {
        line.push_str(", switched off");
    }
    let problems = integration.get("problems").and_then(Value::as_array).into_iter().flatten();
    for problem in problems {
        let text = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default();
        for part in ["\n  ", text("field"), ": ", text("message")] {
            line.push_str(part);
        }
    }
    line
}
