//! Plugins, accounts and integrations as the operator sees them. Plain data.

use std::{collections::BTreeMap, net::IpAddr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, Digest, IntegrationId, PluginName},
    network::Network,
    secret::Secret,
};

mod provenance;
mod rules;
mod version;

pub use self::provenance::{Origin, Part, Signature};
pub use self::rules::{
    ContactRule, DealRule, LineRule, Mapping, Member, NoteRule, PhoneRule, Pool, PushRule,
    ResponsibleRule, Rules, Strategy, TaskRule, Update, Wording,
};
pub use self::version::{Activation, Chooser, Notice, Standing, Step, Trail, Version};

/// What an adapter says of itself, as in `wit/types.wit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub name: PluginName,
    pub version: String,
    pub title: String,
    pub vendor: String,
    pub settings: Vec<Setting>,
    /// What the adapter asks to reach.
    pub egress: Vec<String>,
    pub auth: Auth,
    pub rate_limit: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub key: String,
    pub title: String,
    pub help: String,
    pub r#type: SettingType,
    pub choices: Vec<String>,
    pub required: bool,
    pub secret: bool,
    pub default_value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingType {
    Text,
    Number,
    Flag,
    Url,
    Choice,
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    None,
    Settings,
    Oauth2(Oauth2),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oauth2 {
    pub authorize_url: Option<String>,
    pub token_url: String,
    pub scopes: Vec<String>,
    pub rotates_refresh_token: bool,
    #[serde(default)]
    pub token_request: TokenRequest,
}

/// How a token endpoint wants its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenRequest {
    #[default]
    Form,
    Json,
}

/// An interface of the contract that an adapter exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Channel,
    ChannelPush,
    ChannelPage,
    Contacts,
    Deals,
    Tasks,
    Notes,
    Managers,
}

/// One plugin in the database, without its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginRecord {
    pub digest: Digest,
    /// The contract version it was built for: `0.1.0`.
    pub contract: String,
    pub roles: Vec<Role>,
    pub manifest: Manifest,
    pub size_bytes: u64,
    pub installed_at: Timestamp,
    /// What a call costs before it does anything; not measured by earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Who signed it; `None` where nobody did whom this host trusted then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// What it says of how it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Conformance cases that it carries and has passed; not played by earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<u32>,
}

impl PluginRecord {
    /// Without the list of its parts, which is long.
    #[must_use]
    pub fn in_short(mut self) -> Self {
        if let Some(origin) = &mut self.origin {
            origin.parts.clear();
        }
        self
    }
}

/// What was measured at the gate, on this machine at that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The median time to make a fresh instance, in microseconds.
    pub instantiate_us: u64,
    /// Most memory that `describe` held, in bytes.
    pub memory_bytes: u64,
}

/// One configured plugin.
///
/// The secrets serialise with their values, for storage only: `http` shows keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub plugin: PluginName,
    pub title: String,
    /// Settings that are not secret.
    pub settings: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, Secret<String>>,
    pub grants: Vec<Grant>,
    pub state: AccountState,
    /// Longest wait for a reply, in milliseconds; 0 answers with the fallback at once.
    pub reply_deadline_ms: u32,
    /// The secret part of the webhook URL, for channel accounts.
    pub webhook_token: Option<Secret<String>>,
    /// How fast it may send requests; `None` for what its plugin knows of its peer.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// How fast its webhook URL takes webhooks; `None` for the configured default.
    #[serde(default)]
    pub webhook_rate: Option<Rate>,
    /// From where its webhook URL takes webhooks; empty for everywhere.
    #[serde(default)]
    pub allow_from: Vec<Network>,
    /// The token that was replaced, for as long as its URL still works.
    #[serde(default)]
    pub replaced_token: Option<ReplacedToken>,
    /// Where a secret may go, by its key, as rules. One that is not named goes to whatever is
    /// granted as one exact origin. The tokens of the host have the key `oauth2`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_origins: BTreeMap<String, Vec<String>>,
    /// Values that secrets had before, while whoever signs with them may still do so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub former_secrets: BTreeMap<String, FormerSecret>,
}

/// A webhook token that another one has replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplacedToken {
    pub token: Secret<String>,
    /// Webhooks are taken before this time.
    pub until: Timestamp,
}

/// What a secret was, and how long it still counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerSecret {
    pub value: Secret<String>,
    pub until: Timestamp,
}

impl Account {
    /// An active account without settings, secrets and grants.
    pub fn new(id: AccountId, plugin: PluginName) -> Self {
        Self {
            id,
            plugin,
            title: String::new(),
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
            grants: Vec::new(),
            state: AccountState::Active,
            reply_deadline_ms: 0,
            webhook_token: None,
            rate: None,
            webhook_rate: None,
            allow_from: Vec::new(),
            replaced_token: None,
            secret_origins: BTreeMap::new(),
            former_secrets: BTreeMap::new(),
        }
    }

    /// Whether its webhook URL takes webhooks from this address.
    pub fn takes_from(&self, address: IpAddr) -> bool {
        self.allow_from.is_empty() || self.allow_from.iter().any(|from| from.contains(address))
    }

    /// Every secret of the account with the name of its place: what is stored is sealed by them.
    pub fn secrets_mut(&mut self) -> impl Iterator<Item = (String, &mut Secret<String>)> {
        let own = self.secrets.iter_mut().map(|(key, value)| (format!("secret:{key}"), value));
        let former = self.former_secrets.iter_mut();
        let former = former.map(|(key, it)| (format!("former-secret:{key}"), &mut it.value));
        let token = self.webhook_token.iter_mut().map(|it| ("webhook-token".to_owned(), it));
        let replaced = self.replaced_token.iter_mut();
        let replaced = replaced.map(|it| ("replaced-webhook-token".to_owned(), &mut it.token));
        own.chain(former).chain(token).chain(replaced)
    }

    /// How fast it may send requests: what the operator says, else what its plugin knows.
    ///
    /// A plugin's number is kept evenly, one after the other: a peer that counts the requests of each
    /// second never counts more.
    pub fn rate_with(&self, manifest: &Manifest) -> Option<Rate> {
        self.rate.or_else(|| {
            let per_second = manifest.rate_limit.filter(|rate| rate.is_finite() && 0.0 < *rate)?;
            Some(Rate { per_second, burst: 1 })
        })
    }
}

/// So many in a second, and so many at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// 0.2 or more; 0.5 is one in two seconds.
    pub per_second: f64,
    /// At least 1.
    pub burst: u32,
}

/// One place that the operator lets an account reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// A rule as in the manifest: `https://*.bitrix24.ru`, `http://10.0.0.5:8069`.
    pub allow: String,
    /// Lets the address be loopback or private; a link-local one only where `allow` names the
    /// address itself.
    #[serde(default)]
    pub private: bool,
    /// The methods that are granted; all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<String>>,
}

impl Grant {
    /// Lets an account reach public addresses of these origins.
    pub fn new(allow: impl Into<String>) -> Self {
        Self { allow: allow.into(), private: false, methods: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    Active,
    /// Jobs wait, none is lost; the reason is for the operator.
    Paused(String),
}

/// One channel account joined to one CRM account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    pub id: IntegrationId,
    pub channel: AccountId,
    pub crm: AccountId,
    pub enabled: bool,
    #[serde(default)]
    pub options: IntegrationOptions,
    /// How it does it.
    #[serde(default)]
    pub rules: Rules,
}

/// What an integration does beside keeping the card up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntegrationOptions {
    pub on_dead_letter: OnDeadLetter,
    /// Whether a client without an open deal gets one.
    pub deals: bool,
    /// Whether offline messages, missed calls and repeat enquiries become tasks.
    pub tasks: bool,
    /// Whether transcripts and finished calls become notes.
    pub notes: bool,
}

/// What a dead letter does to its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDeadLetter {
    /// The lane goes on with its next job.
    #[default]
    Continue,
    /// The lane stops until an operator replays the dead letter or lets the lane go on.
    Stop,
}
