//! Pools of managers who take turns.

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
pub(super) enum PoolCommand {
    /// List the pools with their members.
    List {
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Make a pool, or change what it is.
    Set(SetArgs),
    /// Remove a pool that no integration draws from.
    Remove {
        #[command(flatten)]
        remote: RemoteArgs,
        /// The pool, by name.
        pool: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// The pool, by name.
    pool: String,
    /// The whole pool as a TOML or JSON file: `crm`, `strategy`, `members`.
    #[arg(long, conflicts_with_all = ["crm", "strategy", "members"], required_unless_present = "crm")]
    file: Option<PathBuf>,
    /// The CRM account whose managers they are.
    #[arg(long, requires = "members")]
    crm: Option<String>,
    /// `round-robin`, `weighted` or `least-loaded`.
    #[arg(long, default_value = "round-robin")]
    strategy: String,
    /// A manager's id or e-mail, with a weight as in `ann@example.com=2`. May be given several times.
    #[arg(long = "member", requires = "crm")]
    members: Vec<String>,
}

pub(super) fn run(command: &PoolCommand) -> Result<(), Error> {
    match command {
        PoolCommand::List { remote } => list(remote),
        PoolCommand::Set(args) => set(args),
        PoolCommand::Remove { remote, pool } => remove(remote, pool),
    }
}

fn list(remote: &RemoteArgs) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let answer = client.send(Method::GET, "/pools", Vec::new()).await?;
        print(remote, &answer, |answer| {
            let pools = answer.get("items").and_then(Value::as_array).into_iter().flatten();
            let lines: Vec<String> = pools.map(line).collect();
            if lines.is_empty() { "there is no pool".to_owned() } else { lines.join("\n") }
        })
    })
}

fn set(args: &SetArgs) -> Result<(), Error> {
    let pool = if let Some(file) = &args.file {
        table::read(file)?
    } else {
        let members = args.members.iter().map(|text| member(text));
        let members = members.collect::<Result<Vec<_>, _>>()?;
        json!({ "crm": args.crm, "strategy": args.strategy, "members": members })
    };
    block_on(async {
        let client = ApiClient::new(&args.remote)?;
        let path = format!("/pools/{}", args.pool);
        let answer = client.send(Method::PUT, &path, pool.to_string().into_bytes()).await?;
        print(&args.remote, &answer, |answer| format!("set: {}", line(answer)))
    })
}

fn remove(remote: &RemoteArgs, pool: &str) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        client.send(Method::DELETE, &format!("/pools/{pool}"), Vec::new()).await?;
        print(remote, &json!({ "removed": pool }), |_| format!("removed: {pool}"))
    })
}

/// `id` or `id=weight`.
fn member(text: &str) -> Result<Value, Error> {
    match text.rsplit_once('=') {
        None => Ok(json!({ "manager": text })),
        Some((manager, weight)) => {
            let wrong =
                |_no_number| Error::Usage(format!("`{weight}` is no weight: write 1 to 100"));
            let weight: u32 = weight.parse().map_err(wrong)?;
            Ok(json!({ "manager": manager, "weight": weight }))
        }
    }
}

fn line(pool: &Value) -> String {
    let text = |key: &str| pool.get(key).and_then(Value::as_str).unwrap_or_default();
    let members = pool.get("members").and_then(Value::as_array).into_iter().flatten();
    let members: Vec<String> = members
        .map(|member| {
            let manager = member.get("manager").and_then(Value::as_str).unwrap_or_default();
            match member.get("weight").and_then(Value::as_u64) {
                Some(weight) if weight != 1 => format!("{manager} x {weight}"),
                _ => manager.to_owned(),
            }
        })
        .collect();
    let (id, crm, strategy) = (text("id"), text("crm"), text("strategy"));
    format!("{id} of {crm}, {strategy}: {}", members.join(", "))
}
