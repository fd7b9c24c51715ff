//! The reference file, made from the doc comments and the defaults.

use std::fmt::Write as _;

use super::Config;

/// The reference file: every key with its meaning and its default, from the doc comments of the types.
pub fn reference() -> String {
    let source = include_str!("../config.rs");
    let mut text = String::from("# Every key of the configuration file, with its default.\n");
    let written = write_keys(source, &mut text);
    written.map(|()| text + ENTRIES).unwrap_or_default()
}

fn write_keys(source: &str, text: &mut String) -> std::fmt::Result {
    for (table, name) in TABLES {
        let marker = format!("pub struct {name} {{");
        let Some((_, rest)) = source.split_once(&marker) else { continue };
        let mut comments = Vec::new();
        let body = rest.split("\n}").next().unwrap_or_default();
        if !table.is_empty() {
            writeln!(text, "\n[{table}]")?;
        }
        for line in body.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("/// ") {
                comments.push(comment);
            } else if let Some((key, kind)) =
                line.strip_prefix("pub ").and_then(|line| line.split_once(": "))
            {
                write_key(table, key, kind, &std::mem::take(&mut comments), text)?;
            }
        }
    }
    Ok(())
}

fn write_key(
    table: &str,
    key: &str,
    kind: &str,
    comments: &[&str],
    text: &mut String,
) -> std::fmt::Result {
    let is_table = TABLES.iter().any(|(table, _)| !table.is_empty() && *table == key);
    if is_table || kind.starts_with("Vec<") {
        return Ok(());
    }
    for comment in comments {
        writeln!(text, "# {comment}")?;
    }
    match default_of(table, key) {
        Some(value) => writeln!(text, "{key} = {value}"),
        None => writeln!(text, "# {key} ="),
    }
}

/// Accounts, pools and integrations have no defaults; an example of each.
const ENTRIES: &str = "
# Accounts, pools and integrations kept in the file: set at every start, over what the API set.
# A secret is read from `env` or `file` at start; it never stands in this file.

# [[account]]
# id = \"crm\"
# plugin = \"crm-example\"
# title = \"The CRM of the head office\"
# settings = { base-url = \"https://crm.example.com\" }
# secrets = { api-key = { env = \"CRM_API_KEY\" } }
# grants = [{ allow = \"https://crm.example.com\", private = false }]
# reply_deadline_ms = 2500
# rate = { per_second = 2.0, burst = 50 }
# webhook_rate = { per_second = 100.0, burst = 200 }

# [[pool]]
# id = \"sales\"
# crm = \"crm\"
# # `round-robin`, `weighted` or `least-loaded`.
# strategy = \"weighted\"
# # By id or e-mail. Whoever is not active in the CRM is passed over.
# members = [{ manager = \"7\" }, { manager = \"ann@example.com\", weight = 2 }]

# [[integration]]
# id = \"shop-to-crm\"
# channel = \"shop\"
# crm = \"crm\"
# enabled = true
# # Off where they are left out: deals, tasks and notes.
# options = { on_dead_letter = \"continue\", deals = true, tasks = true, notes = false }
#
# [integration.rules]
# # An expression; an event for which it is not true is kept as filtered.
# filter = \"event.kind != 'message-received'\"
# # Whether the fields that the adapter read are used where no mapping names their key.
# own_fields = true
# # `only-empty`, `all` or `new-only`; a mapping may say otherwise for its field.
# update = \"only-empty\"
# phone = { country = \"UA\", digits = 12 }
# contact = { create = true }
# # Kinds of events that open a deal; empty for every enquiry.
# deal = { events = [] }
# task = { on_repeat = true, due_minutes = 1440, missed_call = { title = \"Call back\" } }
# # A note of the source of each enquiry; a note of each message, for channels whose end of a chat
# # brings none.
# note = { source = false, messages = false }
# # The first that there is; a card's own manager comes after the agent and before the pool.
# responsible = { agent = true, pool = \"sales\", default = \"7\" }
# lines = [{ title = \"Balance\", text = \"{{ card.fields.balance }}\" }]
# push = { tag = \"CRM\", card = false }
#
# [[integration.rules.mapping]]
# field = \"contact.phone\"
# value = \"{{ contact.variables.phone }}\"
# update = \"all\"
";

const TABLES: &[(&str, &str)] = &[
    ("", "Config"),
    ("intake", "Intake"),
    ("worker", "Worker"),
    ("retry", "Retry"),
    ("retention", "Retention"),
    ("limits", "Limits"),
    ("egress", "Egress"),
    ("storage", "Storage"),
    ("log", "Log"),
];

/// The default as the debug form of the default value tells it.
fn default_of(table: &str, key: &str) -> Option<String> {
    let config = Config::default();
    let debug = match table {
        "intake" => format!("{:#?}", config.intake),
        "worker" => format!("{:#?}", config.worker),
        "retry" => format!("{:#?}", config.retry),
        "retention" => format!("{:#?}", config.retention),
        "limits" => format!("{:#?}", config.limits),
        "egress" => format!("{:#?}", config.egress),
        "storage" => format!("{:#?}", config.storage),
        "log" => format!("{:#?}", config.log),
        _ => format!("{config:#?}"),
    };
    let prefix = format!("    {key}: ");
    let value = debug.lines().find_map(|line| line.strip_prefix(&prefix))?.trim_end_matches(',');
    match value {
        "None" => None,
        value if value.ends_with(['{', '[', '(']) || value.ends_with(']') => None,
        value if value.chars().all(|c| c.is_ascii_digit()) || value.starts_with('"') => {
            Some(value.to_owned())
        }
        value => Some(format!("\"{}\"", value.to_lowercase())),
    }
}
