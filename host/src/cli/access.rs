//! API tokens, the audit log, and new webhook URLs.

use clap::{Args, Subcommand, ValueEnum};
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Error, RemoteArgs,
    client::ApiClient,
    remote::{block_on, print},
};
use crate::clock::{Clock as _, SystemClock};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token, and print it once.
    Create(CreateArgs),
    /// List the tokens by name, those that have ended included.
    List {
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Let a token open nothing any more, on every host, at once.
    Revoke {
        #[command(flatten)]
        remote: RemoteArgs,
        /// The token, by name.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// What the audit log calls it; a name is never given twice.
    name: String,
    /// What it lets its holder do. May be given several times.
    #[arg(long = "scope", required = true)]
    scopes: Vec<ScopeArg>,
    /// Days until it expires; without this it never does.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: Option<u32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScopeArg {
    /// See what is configured and what was received, personal data included.
    Read,
    /// Configure accounts, integrations and pools, approve versions, put work back, and see.
    Operate,
    /// Upload plugins and choose their versions, and see nothing.
    Install,
    /// Everything, tokens and the audit log included.
    Admin,
}

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Lines, newest first.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Only lines before this number.
    #[arg(long)]
    before: Option<i64>,
}

#[derive(Debug, Args)]
pub(super) struct WebhookTokenArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// The channel account, by name.
    account: String,
    /// How long the URL of now goes on working, in seconds; 0 for not at all.
    #[arg(long, default_value_t = 86_400)]
    overlap_s: u32,
}

pub(super) fn tokens(command: &TokenCommand) -> Result<(), Error> {
    match command {
        TokenCommand::Create(args) => create(args),
        TokenCommand::List { remote } => list(remote),
        TokenCommand::Revoke { remote, name } => revoke(remote, name),
    }
}

fn create(args: &CreateArgs) -> Result<(), Error> {
    let scopes: Vec<String> = args.scopes.iter().map(|scope| word(*scope)).collect();
    let expires_at = args.days.map(|days| after_days(SystemClock.now(), days));
    let token = json!({ "name": args.name, "scopes": scopes, "expires_at": expires_at });
    block_on(async {
        let client = ApiClient::new(&args.remote)?;
        let body = token.to_string().into_bytes();
        let answer = client.send(Method::POST, "/tokens", body).await?;
        print(&args.remote, &answer, |answer| {
            let token = answer.get("token").and_then(Value::as_str).unwrap_or_default();
            format!("API token, shown only now: {token}\n{}", token_line(answer))
        })
    })
}

fn word(scope: ScopeArg) -> String {
    scope.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn after_days(now: Timestamp, days: u32) -> Timestamp {
    now.saturating_add(SignedDuration::from_hours(i64::from(days) * 24)).unwrap_or(Timestamp::MAX)
}

fn list(remote: &RemoteArgs) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let answer = client.send(Method::GET, "/tokens", Vec::new()).await?;
        print(remote, &answer, |answer| lines(answer, token_line))
    })
}

fn revoke(remote: &RemoteArgs, name: &str) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        client.send(Method::DELETE, &format!("/tokens/{name}"), Vec::new()).await?;
        print(remote, &json!({ "revoked": name }), |_| format!("revoked: {name}"))
    })
}

pub(super) fn audit(args: &AuditArgs) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(&args.remote)?;
        let before = args.before.map(|id| format!("&before={id}")).unwrap_or_default();
        let path = format!("/audit?limit={}{before}", args.limit);
        let answer = client.send(Method::GET, &path, Vec::new()).await?;
        print(&args.remote, &answer, |answer| lines(answer, change_line))
    })
}

pub(super) fn replace_webhook_token(args: &WebhookTokenArgs) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(&args.remote)?;
        let body = json!({ "overlap_s": args.overlap_s }).to_string().into_bytes();
        let path = format!("/accounts/{}/webhook-token", args.account);
        let answer = client.send(Method::POST, &path, body).await?;
        print(&args.remote, &answer, |answer| {
            let text = |key: &str| answer.get(key).and_then(Value::as_str);
            let url = text("webhook_url").unwrap_or_default();
            let before = match text("replaced_url_until") {
                Some(until) => format!("the one before works until {until}"),
                None => "the one before no longer works".to_owned(),
            };
            format!("new URL: {url}\n{before}")
        })
    })
}

fn lines(answer: &Value, line: impl Fn(&Value) -> String) -> String {
    let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    let lines: Vec<String> = items.map(line).collect();
    if lines.is_empty() { "there is none".to_owned() } else { lines.join("\n") }
}

fn token_line(token: &Value) -> String {
    let text = |key: &str| token.get(key).and_then(Value::as_str);
    let scopes = token.get("scopes").and_then(Value::as_array).into_iter().flatten();
    let scopes: Vec<&str> = scopes.filter_map(Value::as_str).collect();
    let end = match (text("revoked_at"), text("expires_at")) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("{}, until {at}", text("state").unwrap_or_default()),
        (None, None) => text("state").unwrap_or_default().to_owned(),
    };
    format!("{} ({}): {end}", text("name").unwrap_or_default(), scopes.join(", "))
}

fn change_line(change: &Value) -> String {
    let text = |key: &str| change.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| change.get(key).and_then(Value::as_i64);
    let status = number("status").map_or("cut off".to_owned(), |status| status.to_string());
    let from = match text("address") {
        "" => String::new(),
        address => format!(" from {address}"),
    };
    let (id, at, who, action) =
        (number("id").unwrap_or_default(), text("at"), text("who"), text("action"));
    let method = action.split(' ').next().unwrap_or_default();
    let line = format!("{id} {at} {who}{from}: {method} {}, {status}", text("subject"));
    match text("detail") {
        "" => line,
        detail => format!("{line}: {detail}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_with_its_scopes_and_its_end() {
        let token = |end: Value| {
            let mut token =
                json!({ "name": "ci", "scopes": ["read", "install"], "state": "valid" });
            token.as_object_mut().unwrap().extend(end.as_object().unwrap().clone());
            token_line(&token)
        };
        assert_eq!(token(json!({})), "ci (read, install): valid");
        assert_eq!(token(json!({ "expires_at": "T" })), "ci (read, install): valid, until T");
        assert_eq!(token(json!({ "revoked_at": "T" })), "ci (read, install): revoked T");
    }

    #[test]
    fn a_change_is_one_line() {
        let change = json!({
            "id": 7, "at": "T", "who": "ci", "address": "192.0.2.7", "action": "PUT /accounts/{id}",
            "subject": "accounts/crm", "status": 200, "detail": "plugin: crm-odoo",
        });
        let line = "7 T ci from 192.0.2.7: PUT accounts/crm, 200: plugin: crm-odoo";
        assert_eq!(change_line(&change), line);
    }

    #[test]
    fn days_are_whole_days() {
        let end = after_days(Timestamp::UNIX_EPOCH, 90);
        assert_eq!(end.to_string(), "1970-04-01T00:00:00Z");
    }
}
