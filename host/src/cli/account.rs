//! Accounts of a running host: what they were denied, and the consent that gives them tokens.

use std::time::Duration;

use clap::Subcommand;
use hyper::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    Error, RemoteArgs,
    client::ApiClient,
    remote::{block_on, print},
};
use crate::clock::{Clock as _, SystemClock};

/// Between two looks whether an operator has consented.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// List what an account was denied on its way out, with the grants that would allow it.
    Denials {
        #[command(flatten)]
        remote: RemoteArgs,
        /// The account, by name.
        account: String,
    },
    /// Begin the consent that gives an account its tokens, and wait until it is given.
    Connect {
        #[command(flatten)]
        remote: RemoteArgs,
        /// The account, by name.
        account: String,
    },
}

pub(super) fn run(command: &AccountCommand) -> Result<(), Error> {
    match command {
        AccountCommand::Denials { remote, account } => denials(remote, account),
        AccountCommand::Connect { remote, account } => connect(remote, account),
    }
}

fn denials(remote: &RemoteArgs, account: &str) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let path = format!("/accounts/{account}/denials");
        let answer = client.send(Method::GET, &path, Vec::new()).await?;
        print(remote, &answer, |answer| {
            let denials = answer.get("items").and_then(Value::as_array);
            let lines: Vec<String> = denials.into_iter().flatten().map(denial_line).collect();
            if lines.is_empty() { "nothing was denied".to_owned() } else { lines.join("\n") }
        })
    })
}

fn denial_line(denial: &Value) -> String {
    let text = |key: &str| denial.get(key).and_then(Value::as_str).unwrap_or_default();
    let times = denial.get("count").and_then(Value::as_u64).unwrap_or_default();
    format!(
        "{} {} ({times} times, last {}): {}",
        text("method"),
        text("origin"),
        text("last_at"),
        text("message")
    )
}

fn connect(remote: &RemoteArgs, account: &str) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let path = format!("/accounts/{account}/oauth");
        let generation = |answer: &Value| answer.get("generation").and_then(Value::as_i64);
        let before = generation(&client.send(Method::GET, &path, Vec::new()).await?);
        let begun = client.send(Method::POST, &path, Vec::new()).await?;
        let text = |key: &str| begun.get(key).and_then(Value::as_str).unwrap_or_default();
        print(remote, &begun, |_| {
            format!("open this in a browser until {} and consent:\n{}", text("until"), text("url"))
        })?;
        let until = text("until").parse::<Timestamp>().ok();
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let now = client.send(Method::GET, &path, Vec::new()).await?;
            let is_connected = now.get("is_connected").and_then(Value::as_bool) == Some(true);
            if is_connected && generation(&now) != before {
                return print(remote, &now, |_| format!("account `{account}` is connected"));
            }
            if until.is_none_or(|until| until < SystemClock.now()) {
                return Err(Error::Refused("nobody has consented in time: begin again".to_owned()));
            }
        }
    })
}
