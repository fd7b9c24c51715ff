//! The configuration file: types, defaults, and the checks before anything starts.
//!
//! Every key has a default; an empty file is a good one. Unknown keys are faults.

use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroU32, path::PathBuf};

use serde::Deserialize;

use crate::{
    account::{Grant, IntegrationOptions, Pool, Rate, Rules},
    id::{AccountId, IntegrationId, PluginName},
    network::Network,
};

mod check;
mod command;
mod database;
mod defaults;
mod faults;
mod reference;
mod trust;

pub use self::{
    check::read_secret,
    database::DatabaseUrl,
    defaults::reply_deadline_ms,
    faults::Fault,
    reference::reference,
    trust::{Profile, Trust, TrustedKey, TrustedKeys, Unsigned},
};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the host listens for webhooks, the API and the health checks.
    pub listen: SocketAddr,
    /// How the world reaches this host, for the webhook URLs it prints: `https://hooks.example.com`.
    /// Default: `http://` and `listen`.
    pub public_url: Option<String>,
    /// The folder of the database and of compiled plugins. Made if it is missing.
    pub data: PathBuf,
    /// A folder whose `.wasm` files are installed at every start, unless they are already.
    pub plugins: Option<PathBuf>,
    /// `production`, or `dev` where plugins are being written: unsigned ones are let in there, with a
    /// warning.
    pub profile: Profile,
    pub trust: Trust,
    pub access: Access,
    pub tls: Tls,
    pub intake: Intake,
    pub worker: Worker,
    pub retry: Retry,
    pub retention: Retention,
    pub versions: Versions,
    pub limits: Limits,
    pub egress: Egress,
    #[serde(deserialize_with = "database::url_or_table")]
    pub storage: Storage,
    pub sealing: Sealing,
    pub log: Log,
    /// Accounts kept in the file: set at every start, over what the API set.
    #[serde(rename = "account")]
    pub accounts: Vec<AccountEntry>,
    /// Pools of managers kept in the file, likewise.
    #[serde(rename = "pool")]
    pub pools: Vec<Pool>,
    /// Integrations kept in the file, likewise.
    #[serde(rename = "integration")]
    pub integrations: Vec<IntegrationEntry>,
}

/// One account of the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountEntry {
    pub id: AccountId,
    pub plugin: PluginName,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Secret settings by reference: `{ env = "NAME" }`, `{ file = "PATH" }` or
    /// `{ command = ["PROGRAM", "ARGUMENT"] }`.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretRef>,
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Longest wait for a reply, in milliseconds; 0 answers with the fallback at once.
    #[serde(default = "defaults::reply_deadline_ms")]
    pub reply_deadline_ms: u32,
    /// How fast it may send requests, over what its plugin knows.
    pub rate: Option<Rate>,
    /// How fast its webhook URL takes webhooks, over the default.
    pub webhook_rate: Option<Rate>,
    /// From where its webhook URL takes webhooks; empty for everywhere.
    #[serde(default)]
    pub allow_from: Vec<Network>,
    /// Where a secret may go, by its key: `{ api-key = ["https://crm.example.com"] }`. One that is
    /// not named goes to whatever is granted as one exact origin.
    #[serde(default)]
    pub secret_origins: BTreeMap<String, Vec<String>>,
}

/// Where a secret is read from at start.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretRef {
    Env(String),
    File(PathBuf),
    /// What a program prints: its name and its arguments, run without a shell.
    Command(Vec<String>),
}

/// One integration of the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrationEntry {
    pub id: IntegrationId,
    pub channel: AccountId,
    pub crm: AccountId,
    #[serde(default = "defaults::enabled")]
    pub enabled: bool,
    #[serde(default)]
    pub options: IntegrationOptions,
    #[serde(default)]
    pub rules: Rules,
}

/// Who may connect, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Connections open at the same time. More are told 503 and closed.
    pub connections_max: NonZeroU32,
    /// Longest time for the head of a request to arrive, in seconds.
    pub head_s: NonZeroU32,
    /// How long a connection may wait for its next request, in seconds: longer than a proxy in front
    /// of the host keeps its own, or a webhook may meet a connection that is just being closed.
    pub idle_s: NonZeroU32,
    /// Proxies in front of the host, as in `["10.0.0.0/8"]`: only what they say of a sender's address
    /// is believed. Default: none.
    pub trusted_proxies: Networks,
    /// The header in which they say it: `x-forwarded-for` or `forwarded`. The other one is not read.
    pub proxy_header: ProxyHeader,
    /// Whether `/metrics` and `/openapi.json` need an API token with the scope `read`.
    pub private_pages: bool,
    /// How long the audit log is kept, in days; at most its newest million lines are.
    pub audit_days: NonZeroU32,
}

/// Networks, none of them by default.
pub type Networks = Vec<Network>;

/// Where a proxy says for whom it asks.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    XForwardedFor,
    Forwarded,
}

/// TLS in this process. Without it a proxy in front of the host ends TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The file of the certificate and those that lead to its authority, in PEM. Read again when it
    /// changes.
    pub cert: Option<PathBuf>,
    /// The file of its private key, in PEM.
    pub key: Option<PathBuf>,
}

/// What happens at the door.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intake {
    /// Largest webhook body, in bytes. A larger one is answered with 413.
    pub body_bytes_max: usize,
    /// Largest sum of a webhook's path, query, header names and values, in bytes. More is answered
    /// with 431.
    pub header_bytes_max: usize,
    /// Webhooks worked on at the same time. More are answered with 503.
    pub in_flight_max: u32,
    /// Webhooks that one URL takes in a second, where its account says nothing else. More are
    /// answered with 429. Each host counts its own.
    pub url_per_second: NonZeroU32,
    /// Webhooks that one URL takes at once after a rest.
    pub url_burst: NonZeroU32,
    /// How long an event is known by its adapter's key, in seconds: a repeat makes nothing new.
    pub dedup_window_s: NonZeroU32,
    /// The same for an event without a key, which is known by its content: people do say the same
    /// thing twice.
    pub content_dedup_window_s: NonZeroU32,
}

/// The loop that runs jobs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// Jobs run at the same time; 0 takes webhooks in and runs none.
    pub slots: u32,
    /// Jobs of one CRM account at the same time, so that a slow one leaves room for the others.
    pub account_slots: NonZeroU32,
    /// Retries and replays at the same time, so that they leave room for first attempts.
    pub again_slots: NonZeroU32,
    /// Longest time between two looks at the queue, in milliseconds; wake-ups come sooner.
    pub poll_ms: NonZeroU32,
    /// Longest time for running jobs to end after a stop, in seconds.
    pub grace_s: u32,
}

/// How often, and how far apart, a job is attempted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Attempts before a job is a dead letter.
    pub attempts_max: NonZeroU32,
    /// Delay after the first failed attempt, in milliseconds; it doubles each time.
    pub base_ms: NonZeroU32,
    /// Longest delay, in seconds.
    pub cap_s: NonZeroU32,
    /// Failures in a row after which a CRM account is left alone for a while.
    pub breaker_failures: NonZeroU32,
    /// The first such while, in milliseconds; it doubles while the CRM stays down.
    pub breaker_base_ms: NonZeroU32,
    /// Longest such while, in seconds.
    pub breaker_cap_s: NonZeroU32,
}

/// How long what was received is kept. Work that has not ended always is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Webhooks with all that came of them, in days.
    pub journal_days: NonZeroU32,
    /// The attempts of jobs that have ended, in days.
    pub traces_days: NonZeroU32,
    /// Size of the database in bytes, beyond which the oldest go sooner; 0 for no such limit.
    pub bytes_max: u64,
}

/// Versions of plugins, and the watch over a new one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Versions {
    /// Versions of each plugin that are kept: those used last, and always those that are active.
    pub kept: NonZeroU32,
    /// How long a version is watched once it is active, in seconds; 0 for no watch.
    pub watch_s: u32,
    /// Failed calls before a watched version is taken back.
    pub watch_failures: NonZeroU32,
    /// Share of its last 128 calls that must have failed as well, in percent.
    pub watch_percent: NonZeroU32,
}

/// What one call of a plugin may use. Each limit holds for one call unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Time on the processor, with the host's work for the guest and without waiting, in
    /// milliseconds.
    pub cpu_ms: NonZeroU32,
    /// The same for the pure functions `receive`, `reply`, `describe` and the mappings.
    pub pure_cpu_ms: NonZeroU32,
    /// Time by the clock, host calls counted, in milliseconds.
    pub wall_ms: NonZeroU32,
    /// Linear memory, in bytes.
    pub memory_bytes: usize,
    /// Elements of all tables.
    pub table_elements: usize,
    /// Handles to host resources.
    pub handles: usize,
    /// Bytes that may cross the border in one host call or one result.
    pub hostcall_bytes: usize,
    /// Calls of `http.fetch`.
    pub http_calls: u32,
    /// One request of `http.fetch`, in bytes.
    pub http_request_bytes: usize,
    /// One response of `http.fetch`, in bytes.
    pub http_response_bytes: usize,
    /// Calls of `kv`.
    pub kv_calls: u32,
    /// One value of `kv`, in bytes.
    pub kv_value_bytes: usize,
    /// All of an account's `kv`, in bytes.
    pub kv_account_bytes: u64,
    /// Calls of `vault`.
    pub vault_calls: u32,
    /// Lines of `log` and of standard output and error.
    pub log_lines: u32,
    /// One such line, in bytes.
    pub log_line_bytes: usize,
    /// Calls of one plugin at the same time.
    pub calls_per_plugin: NonZeroU32,
    /// Calls of one account at the same time.
    pub calls_per_account: NonZeroU32,
    /// Processor time of all calls of one plugin, in percent of all processors. What is not used
    /// is saved up for two seconds.
    pub cpu_percent_per_plugin: NonZeroU32,
    /// The same for all calls of one account.
    pub cpu_percent_per_account: NonZeroU32,
    /// Linear memory of all calls of one plugin at the same time, in bytes.
    pub memory_bytes_per_plugin: usize,
    /// The same for one account.
    pub memory_bytes_per_account: usize,
    /// Calls of all plugins at the same time. The pool of instances is a quarter larger.
    pub calls: NonZeroU32,
    /// Traps in a row that open a plugin's breaker.
    pub breaker_traps: NonZeroU32,
    /// Time a plugin's breaker stays open, in milliseconds.
    pub breaker_ms: NonZeroU32,
    /// Largest plugin, in bytes.
    pub plugin_bytes: usize,
    /// Time to compile a plugin, in milliseconds.
    pub compile_ms: NonZeroU32,
    /// Memory to compile a plugin, in bytes.
    pub compile_memory_bytes: u64,
    /// Time for all conformance cases that a plugin carries, in milliseconds.
    pub conformance_ms: NonZeroU32,
}

/// The way out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// Time for one request and its whole response, in milliseconds.
    pub timeout_ms: NonZeroU32,
    /// Time for name resolution, connection and TLS, in milliseconds.
    pub connect_ms: NonZeroU32,
    /// Idle connections kept for each account and host.
    pub idle_connections: usize,
    /// Time an idle connection is kept, in seconds.
    pub idle_s: u32,
}

/// The database. `storage = "postgres://…"` is short for a table with that URL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// The PostgreSQL database that several hosts share: `postgres://user:password@host/database`,
    /// or `{ env = "NAME" }` or `{ file = "PATH" }`. Default: a file in the data folder.
    pub url: Option<DatabaseUrl>,
    /// Writes waiting for the disk. More are refused with 503.
    pub queue_max: usize,
    /// Writes joined into one durable commit.
    pub batch_max: usize,
    /// Readers beside the one writer of the embedded database.
    pub readers: NonZeroU32,
    /// Connections of this host to PostgreSQL, beside four of its own for webhooks and news.
    pub connections: NonZeroU32,
    /// Rejected webhooks kept for each account.
    pub rejected_max: u32,
}

/// How secrets are kept in the database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sealing {
    /// The key that secrets are sealed with, 32 bytes in hex or base64: `{ file = "PATH" }`,
    /// `{ env = "NAME" }` or `{ command = ["PROGRAM", "ARGUMENT"] }`. Several keys stand one below
    /// the other: the first one seals, the others only open. Default: the file `sealing.key` in the
    /// data folder, made at the first start. Hosts on one database need the same key.
    pub key: Option<SecretRef>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: LogLevel,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[cfg(test)]
mod tests;
