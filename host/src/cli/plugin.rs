//! Plugins and their versions.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Error, RemoteArgs,
    client::{ApiClient, refusal},
    pack::{self, PackArgs},
    remote::{block_on, print},
};

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
    },
    /// Upload a version; accounts of its name use it from the next call on, unless it asks for more
    /// than the one before it and so waits for approval.
    Push {
        #[command(flatten)]
        remote: RemoteArgs,
        /// The component, a `.wasm` file.
        file: PathBuf,
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
        PluginCommand::List { remote } => list(remote),
        PluginCommand::Push { remote, file, keep } => push(remote, file, *keep),
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

fn list(remote: &RemoteArgs) -> Result<(), Error> {
    block_on(async {
        let client = ApiClient::new(remote)?;
        let answer = client.send(Method::GET, "/plugins", Vec::new()).await?;
        print(remote, &answer, |answer| {
            let lines: Vec<String> = items(answer).map(plugin_lines).collect();
            if lines.is_empty() { "no plugin is installed".to_owned() } else { lines.join("\n") }
        })
    })
}

fn push(remote: &RemoteArgs, file: &Path, keep: bool) -> Result<(), Error> {
    let bytes = std::fs::read(file)
        .map_err(|error| Error::Refused(format!("`{}` cannot be read: {error}", file.display())))?;
    block_on(async {
        let client = ApiClient::new(remote)?;
        let is_watched = io::stderr().is_terminal();
        let path = if keep { "/plugins?activate=false" } else { "/plugins" };
        let end = client.send_for_lines(path, bytes, |line| {
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

fn items(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("items").and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn short(plugin: &Value) -> &str {
    let digest = text(plugin, "/digest");
    digest.get(..12).unwrap_or(digest)
}

fn plugin_lines(plugin: &Value) -> String {
    let roles = plugin.get("roles").and_then(Value::as_array);
    let roles: Vec<&str> = roles.into_iter().flatten().filter_map(Value::as_str).collect();
    let notice = text(plugin, "/notice/text");
    let notice = if notice.is_empty() { String::new() } else { format!("\n  {notice}") };
    format!(
        "{} {} ({}), contract {}{}, {}{notice}",
        text(plugin, "/manifest/name"),
        text(plugin, "/manifest/version"),
        roles.join(", "),
        text(plugin, "/contract"),
        cases(plugin),
        short(plugin)
    )
}

/// Nothing of a version that an earlier release let in.
fn cases(plugin: &Value) -> String {
    match plugin.get("cases").and_then(Value::as_u64) {
        None => String::new(),
        Some(0) => ", no conformance cases".to_owned(),
        Some(1) => ", 1 conformance case passed".to_owned(),
        Some(count) => format!(", {count} conformance cases passed"),
    }
}

fn version_lines(version: &Value) -> String {
    let accounts = version.get("accounts").and_then(Value::as_array);
    let accounts: Vec<&str> = accounts.into_iter().flatten().filter_map(Value::as_str).collect();
    let whom = match (version.get("for_all"), accounts.as_slice()) {
        (None, []) => String::new(),
        (Some(_), []) => " for all".to_owned(),
        (None, accounts) => format!(" for {}", accounts.join(", ")),
        (Some(_), accounts) => format!(" for all, and for {}", accounts.join(", ")),
    };
    let number = |path: &str| version.pointer(path).and_then(Value::as_u64);
    let cost = number("/cost/instantiate_us").zip(number("/cost/memory_bytes"));
    let cost = cost.map(|(instantiate_us, memory)| {
        let (size, memory) = (number("/size_bytes").unwrap_or_default() / 1024, memory / 1024);
        format!(", {size} KiB, starts in {instantiate_us} µs with {memory} KiB of memory")
    });
    let mut line = format!(
        "{} {}, installed {}, {}{whom}{}{}",
        short(version),
        text(version, "/manifest/version"),
        text(version, "/installed_at"),
        text(version, "/state"),
        cost.unwrap_or_default(),
        cases(version)
    );
    let notice = text(version, "/for_all/notice/text");
    if !notice.is_empty() {
        line.push_str("\n  ");
        line.push_str(notice);
    }
    line + &difference(version.get("difference"))
}

/// One line for each thing that differs.
fn difference(difference: Option<&Value>) -> String {
    let list = |key: &str| {
        let list = difference.and_then(|it| it.get(key)).and_then(Value::as_array);
        list.into_iter().flatten()
    };
    let each = |sign: char, key: &str| {
        let line = move |one: &Value| {
            format!("\n  {sign} {}: {}", text(one, "/kind"), text(one, "/value"))
        };
        list(key).map(line).collect::<String>()
    };
    let breaks = list("breaks").map(|broken| {
        let problems = broken.get("problems").and_then(Value::as_array).into_iter().flatten();
        let problems = problems
            .map(|problem| format!("{}: {}", text(problem, "/field"), text(problem, "/message")));
        let problems = problems.collect::<Vec<_>>().join("; ");
        format!("\n  ! account {} would not work: {problems}", text(broken, "/account"))
    });
    each('+', "more") + &each('-', "less") + &breaks.collect::<String>()
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

    #[test]
    fn a_version_says_how_many_cases_it_has_passed() {
        let told = |count: Value| cases(&json!({ "cases": count }));
        assert_eq!(told(json!(12)), ", 12 conformance cases passed");
        assert_eq!(told(json!(1)), ", 1 conformance case passed");
        assert_eq!(told(json!(0)), ", no conformance cases");
        assert_eq!(cases(&json!({})), "");
    }

    #[test]
    fn a_difference_is_told_line_by_line() {
        let told = difference(Some(&json!({
            "more": [{ "kind": "host", "value": "https://new.example" }],
            "less": [{ "kind": "setting", "value": "old" }],
            "breaks": [{
                "account": "shop",
                "problems": [{ "field": "key", "message": "is required" }],
            }],
        })));
        assert_eq!(
            told,
            "\n  + host: https://new.example\n  - setting: old\n  ! account shop would not work: key: is required"
        );
        assert_eq!(difference(None), "");
    }
}
