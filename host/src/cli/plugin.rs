//! Plugins and their versions.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

mod shown;

use super::{
    Error, RemoteArgs,
    client::{ApiClient, refusal},
    pack::{self, PackArgs},
    remote::{block_on, print},
};
use crate::{
    base64,
    signature::{self, SignatureFile},
};

use shown::{difference, items, origin, plugin_lines, short, text, version_lines};

/// Stages of an upload, in their order, in words.
const STAGES: [(&str, &str); 7] = [
    ("read", "reading"),
    ("compile", "compiling"),
    ("start", "starting"),
    ("describe", "asking what it is"),
    ("conformance", "playing its cases"),
    ("measure", "measuring"),
    ("store", "storing"),
];

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// List the installed plugins.
    List {
        #[command(flatten)]
        remote: RemoteArgs,
        /// With who signed each, how it was made, and what of.
        #[arg(long, short)]
        verbose: bool,
    },
    /// Upload a version; accounts of its name use it from the next call on, unless it asks for more
    /// than the one before it and so waits for approval.
    Push {
        #[command(flatten)]
        remote: RemoteArgs,
        /// The component, a `.wasm` file.
        file: PathBuf,
        /// The signature that minisign made of it. Default: the file of its name and `.minisig`, if
        /// there is one.
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
        /// Keep the version and leave the active one active: for a shadow run first.
        #[arg(long)]
        keep: bool,
    },
    /// Write conformance cases into a component: a host plays them before it lets the plugin in.
    Pack(PackArgs),
    /// List the versions of a plugin that are kept, those used last first.
    Versions {
        #[command(flatten)]
        remote: RemoteArgs,
        /// The plugin, by name.
        plugin: String,
    },
    /// Make a version active that is kept.
    Activate {
        #[command(flatten)]
        remote: RemoteArgs,
        /// The plugin, by name.
        plugin: String,
        /// The digest of the version, or its first letters, six at least.
        #[arg(required_unless_present = "follow")]
        digest: Option<String>,
        /// Only for this account.
        #[arg(long)]
        account: Option<String>,
        /// Let the account go with all the others again.
        #[arg(long, requires = "account", conflicts_with = "digest")]
        follow: bool,
    },
    /// Say yes to what a waiting version asks for, and make it active.
    Approve(VersionArgs),
    /// Try a version on what was received: both versions side by side, and nothing is sent.
    Shadow {
        #[command(flatten)]
        args: VersionArgs,
        /// Last webhooks of each channel account.
        #[arg(long, default_value_t = 100)]
        events: u32,
    },
    /// Go one step back: to the version that was active before.
    Rollback {
        #[command(flatten)]
        remote: RemoteArgs,
        /// The plugin, by name.
        plugin: String,
        /// Only for this account.
        #[arg(long)]
        account: Option<String>,
    },
}

/// One version of a plugin.
#[derive(Debug, Args)]
pub(super) struct VersionArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// The plugin, by name.
    plugin: String,
    /// The digest of the version, or its first letters, six at least.
    digest: String,
    /// Only for this account.
    #[arg(long)]
    account: Option<String>,
}

pub(super) fn run(command: &PluginCommand) -> Result<(), Error> {
    match command {
        PluginCommand::List { remote, verbose } => list(remote, *verbose),
        PluginCommand::Push { remote, file, signature, keep } => {
            let signature = read_signature(file, signature.as_deref())?;
            push(remote, file, signature.as_deref(), *keep)
        }
        PluginCommand::Pack(args) => pack::run(args),
        PluginCommand::Versions { remote, plugin } => versions(remote, plugin),
        PluginCommand::Activate { remote, plugin, digest, account, follow: _ } => {
            let choice = json!({ "digest": digest, "account": account });
            change(remote, plugin, "activate", &choice)
        }
        PluginCommand::Approve(VersionArgs { remote, plugin, digest, account }) => {
            let choice = json!({ "digest": digest, "account": account });
            change(remote, plugin, "approve", &choice)
        }
        PluginCommand::Shadow { args, events } => shadow(args, *events),
        PluginCommand::Rollback { remote, plugin, account } => {
            change(remote, plugin, "rollback", &json!({ "account": account }))
        }
    }
}

fn list(remote: &RemoteArgs, verbose: bool) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let path = if verbose { "/plugins?verbose=true" } else { "/plugins" };
        let answer = client.send(Method::GET, path, Vec::new()).await?;
        print(remote, &answer, |answer| {
            let line = |plugin| {
                plugin_lines(plugin) + &if verbose { origin(plugin) } else { String::new() }
            };
            let lines: Vec<String> = items(answer).map(line).collect();
            if lines.is_empty() { "no plugin is installed".to_owned() } else { lines.join("\n") }
        })
    })
}

/// Reads it as far as can be seen without the key: what it is worth the host tells.
fn read_signature(file: &Path, given: Option<&Path>) -> Result<Option<String>, Error> {
    let read = match given {
        Some(given) => std::fs::read_to_string(given).map(Some),
        None => signature::beside(file),
    };
    let refused = |why: &dyn std::fmt::Display| {
        let whose = given.unwrap_or(file).display();
        Error::Refused(format!("the signature of `{whose}` cannot be used: {why}"))
    };
    let text = read.map_err(|error| refused(&error))?;
    let parsed = text.as_deref().map(SignatureFile::parse).transpose();
    parsed.map_err(|fault| refused(&fault))?;
    Ok(text)
}

fn push(
    remote: &RemoteArgs,
    file: &Path,
    signature: Option<&str>,
    keep: bool,
) -> Result<(), Error> {
    let bytes = std::fs::read(file)
        .map_err(|error| Error::Refused(format!("`{}` cannot be read: {error}", file.display())))?;
    block_on(async {
        let client = ApiClient::new(remote)?;
        let is_watched = io::stderr().is_terminal();
        let path = if keep { "/plugins?activate=false" } else { "/plugins" };
        let header = signature.map(|text| ("patchbay-signature", base64::encode(text.as_bytes())));
        let end = client.send_for_lines(path, header, bytes, |line| {
            if is_watched {
                // A bar that cannot be drawn is no reason to fail.
                drop(write!(io::stderr(), "{}", bar(line)));
            }
        });
        let end = end.await?;
        if let Some(problem) = end.get("problem") {
            let status = end.get("status").and_then(Value::as_u64).unwrap_or_default();
            let status = u16::try_from(status).ok().and_then(|it| StatusCode::from_u16(it).ok());
            return Err(refusal(status.unwrap_or(StatusCode::BAD_GATEWAY), problem));
        }
        // A host that knows no stages answers with the plugin alone.
        let plugin = end.get("plugin").unwrap_or(&end);
        print(remote, plugin, |plugin| {
            let line = plugin_lines(plugin);
            match text(plugin, "/state") {
                "waiting" => {
                    let asks = difference(plugin.get("difference"));
                    format!("waits for approval: {line}{asks}\n{}", approval(plugin))
                }
                "kept" => format!("kept: {line}"),
                _ => format!("installed: {line}"),
            }
        })
    })
}

/// How far an upload is, over what was there before; a cleared line at its end.
fn bar(line: &Value) -> String {
    let stage = line.get("stage").and_then(Value::as_str);
    let found = STAGES.iter().position(|(name, _)| Some(*name) == stage);
    let Some((done, (_, words))) = found.and_then(|at| Some((at, STAGES.get(at)?))) else {
        return "\r\x1b[K".to_owned();
    };
    let (full, empty) = ("=".repeat(done * 3), " ".repeat((STAGES.len() - done) * 3));
    let number = |key: &str| line.get(key).and_then(Value::as_u64);
    let count = number("case").zip(number("of"));
    let count = count.map(|(case, of)| format!(" ({case} of {of})")).unwrap_or_default();
    format!("\r\x1b[K[{full}>{empty}] {words}{count}")
}

fn approval(plugin: &Value) -> String {
    format!("`patchbay plugin approve {} {}`", text(plugin, "/manifest/name"), short(plugin))
}

fn versions(remote: &RemoteArgs, plugin: &str) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let path = format!("/plugins/{plugin}/versions");
        let answer = client.send(Method::GET, &path, Vec::new()).await?;
        print(remote, &answer, |answer| {
            items(answer).map(version_lines).collect::<Vec<_>>().join("\n")
        })
    })
}

fn change(remote: &RemoteArgs, plugin: &str, what: &str, choice: &Value) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let path = format!("/plugins/{plugin}/{what}");
        let answer = client.send(Method::POST, &path, choice.to_string().into_bytes()).await?;
        print(remote, &answer, |answer| {
            let account = text(answer, "/account");
            let whom = if account.is_empty() { String::new() } else { format!(" for {account}") };
            let now = match text(answer, "/digest").get(..12) {
                Some(digest) => digest.to_owned(),
                None => "what all the others have".to_owned(),
            };
            format!("{plugin} is now {now}{whom}{}", difference(answer.get("difference")))
        })
    })
}

fn shadow(args: &VersionArgs, events: u32) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(&args.remote)?;
        let path = format!("/plugins/{}/shadow", args.plugin);
        let trial = json!({ "digest": args.digest, "account": args.account, "events": events });
        let answer = client.send(Method::POST, &path, trial.to_string().into_bytes()).await?;
        print(&args.remote, &answer, shadow_lines)
    })
}

fn shadow_lines(shadow: &Value) -> String {
    let number = |key: &str| shadow.get(key).and_then(Value::as_u64).unwrap_or_default();
    let mut lines = vec![format!(
        "compared: {}; same: {}, different: {}, not steady: {}",
        number("events"),
        number("same"),
        number("differ"),
        number("unsteady")
    )];
    let list = |key: &str| shadow.get(key).and_then(Value::as_array).into_iter().flatten();
    for one in list("differences") {
        let event = one.get("event").and_then(Value::as_i64).unwrap_or_default();
        let part = |key: &str| one.get(key).map(Value::to_string).unwrap_or_default();
        lines.push(format!(
            "event {event} of {}, {}:\n  - {}\n  + {}",
            text(one, "/account"),
            text(one, "/function"),
            part("before"),
            part("after")
        ));
    }
    lines.extend(list("broken").map(|one| format!("account {} would not work", text(one, "/0"))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_grows_with_each_stage_and_goes_at_the_end() {
        let mut before = 0;
        for (name, words) in STAGES {
            let bar = bar(&json!({ "stage": name }));
            let full = bar.matches('=').count();
            assert!(bar.ends_with(words) && (name == "read" || before < full), "{bar}");
            before = full;
        }
        assert_eq!(bar(&json!({ "status": 201 })), "\r\x1b[K");
        let line = json!({ "stage": "conformance", "case": 3, "of": 12 });
        assert!(bar(&line).ends_with("] playing its cases (3 of 12)"), "{}", bar(&line));
    }
}
