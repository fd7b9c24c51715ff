//! Accounts: list, show, set, and a look at the cards of a CRM.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, Json, body::Body, extract::State};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    ApiError, AppState,
    auth::{Caller, Changed},
    body,
    page::{PageBody, Parameters, Segment},
};
use crate::{
    access::Scope,
    account::{Account, AccountState, Grant, Rate},
    card::{Card, ExternalId, Identifier, Problem},
    directory::{AccountChange, Entry},
    id::{AccountId, PluginName},
    network::Network,
    rules::phone,
    secret::Secret,
};

/// Longest time that a former value of a secret counts, in seconds: 30 days.
const OVERLAP_S_MAX: u32 = 30 * 24 * 3600;

/// An account as the API shows it: keys of secrets, never values.
#[derive(Debug, Serialize)]
pub(super) struct AccountBody {
    id: AccountId,
    plugin: PluginName,
    title: String,
    settings: BTreeMap<String, String>,
    secrets: Vec<String>,
    grants: Vec<Grant>,
    state: AccountState,
    reply_deadline_ms: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_rate: Option<Rate>,
    /// From where its URL takes webhooks; absent for everywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow_from: Vec<Network>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    secret_origins: BTreeMap<String, Vec<String>>,
    /// Until when values that secrets had before count for webhooks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    former_secrets: BTreeMap<String, Timestamp>,
    /// A secret: for those who may change the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<String>,
    /// Until when the URL before this one works, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_url_until: Option<Timestamp>,
    /// Why the account cannot work as it is set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
}

/// What an operator sets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountInput {
    plugin: PluginName,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    /// New values; a secret that is not named keeps its value.
    #[serde(default)]
    secrets: BTreeMap<String, Secret<String>>,
    #[serde(default)]
    grants: Vec<Grant>,
    #[serde(default)]
    reply_deadline_ms: Option<u32>,
    /// How fast the account may send requests; kept where it is not given.
    #[serde(default)]
    rate: Option<Rate>,
    /// How fast its URL takes webhooks; kept where it is not given.
    #[serde(default)]
    webhook_rate: Option<Rate>,
    /// From where its URL takes webhooks, empty for everywhere; kept where it is not given.
    #[serde(default)]
    allow_from: Option<Vec<Network>>,
    /// Where each secret may go; kept where it is not given.
    #[serde(default)]
    secret_origins: Option<BTreeMap<String, Vec<String>>>,
    /// How long the values that `secrets` replaces still count for webhooks, in seconds.
    #[serde(default)]
    overlap_s: u32,
    /// `active` sets a paused account to work again.
    #[serde(default)]
    state: Option<AccountState>,
}

/// Ways to ask for a client.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientQuery {
    pub(super) phone: Option<String>,
    pub(super) email: Option<String>,
    /// `system:id`
    pub(super) external: Option<String>,
    pub(super) card: Option<String>,
}

/// `GET /api/v1/accounts`
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
) -> Json<PageBody<AccountBody>> {
    let snapshot = state.directory.snapshot();
    Json(PageBody::whole(
        snapshot.accounts.values().map(|entry| show_entry(&state, &caller, entry)).collect(),
    ))
}

/// `GET /api/v1/accounts/{id}`
pub(super) async fn show(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Segment(id): Segment<String>,
) -> Result<Json<AccountBody>, ApiError> {
    Ok(Json(show_entry(&state, &caller, &entry(&state, &id)?)))
}

/// `PUT /api/v1/accounts/{id}`
pub(super) async fn set(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Segment(id): Segment<String>,
    input: Body,
) -> Result<(Extension<Changed>, Json<AccountBody>), ApiError> {
    let id: AccountId = id.parse().map_err(|error| field_problem("id", &error))?;
    let input: AccountInput = body::read_json(input).await?;
    let changed = Changed(named(&input));
    if OVERLAP_S_MAX < input.overlap_s {
        let message = format!("{} is above {OVERLAP_S_MAX}", input.overlap_s);
        return Err(field_problem("overlap_s", &message));
    }
    let overlap = SignedDuration::from_secs(input.overlap_s.into());
    let former_until = state.clock.now().checked_add(overlap).ok();
    let change = AccountChange {
        id: id.clone(),
        plugin: input.plugin,
        title: input.title,
        settings: input.settings,
        secrets: input.secrets,
        keeps_secrets: true,
        grants: input.grants,
        state: input.state,
        resumes: false,
        reply_deadline_ms: input.reply_deadline_ms,
        rate: input.rate,
        webhook_rate: input.webhook_rate,
        allow_from: input.allow_from,
        secret_origins: input.secret_origins,
        former_until: former_until.filter(|_| 0 < input.overlap_s),
    };
    state.directory.set_account(change).await?;
    tracing::info!(account.id = %id, "account set");
    // What could not be read for want of a setting may be readable now.
    state.reread.notify_one();
    state.waiters.wake_worker();
    let shown = show_entry(&state, &caller, &entry(&state, id.as_str())?);
    Ok((Extension(changed), Json(shown)))
}

/// `GET /api/v1/accounts/{id}/cards?phone=…&email=…&external=system:id&card=…`
pub(super) async fn cards(
    State(state): State<Arc<AppState>>,
    Segment(id): Segment<String>,
    Parameters(query): Parameters<ClientQuery>,
) -> Result<Json<PageBody<Card>>, ApiError> {
    let entry = entry(&state, &id)?;
    let wanted = identifiers(query)?;
    let adapter = entry.adapter.clone().map_err(ApiError::Invalid)?;
    let found = adapter.lookup_client(&wanted).await;
    // The adapter says that the CRM is down where the host obtained no token.
    let refused = state.directory.pause_if_refused(&entry).await;
    let cards = found.map_err(|error| ApiError::Crm(refused.unwrap_or(error.to_string())))?;
    Ok(Json(PageBody::whole(cards)))
}

/// The identifiers in their normal notation, one at least.
pub(super) fn identifiers(query: ClientQuery) -> Result<Vec<Identifier>, ApiError> {
    let mut wanted = Vec::new();
    // A `+` in a query is a space unless it was encoded, and no phone starts with a space.
    let phone = query
        .phone
        .map(|text| if text.starts_with(' ') { format!("+{}", text.trim()) } else { text });
    wanted.extend(phone.map(|text| Identifier::Phone(phone::e164(&text).unwrap_or(text))));
    wanted.extend(query.email.map(|text| Identifier::Email(text.trim().to_lowercase())));
    wanted.extend(query.card.map(Identifier::Card));
    if let Some(text) = query.external {
        let Some((system, id)) = text.split_once(':') else {
            return Err(field_problem("external", &"write it as `system:id`"));
        };
        wanted.push(Identifier::External(ExternalId {
            system: system.to_owned(),
            id: id.to_owned(),
        }));
    }
    if wanted.is_empty() {
        return Err(ApiError::BadInput(
            "ask with `phone`, `email`, `external` or `card`".to_owned(),
        ));
    }
    Ok(wanted)
}

pub(super) fn entry(state: &AppState, id: &str) -> Result<Entry, ApiError> {
    let found = id
        .parse::<AccountId>()
        .ok()
        .and_then(|id| state.directory.snapshot().accounts.get(&id).cloned());
    found.ok_or_else(|| ApiError::NotFound { what: "account", id: id.to_owned() })
}

/// What an input sets, for the audit log: keys, and what the account is let to reach.
fn named(input: &AccountInput) -> String {
    let keys = |keys: Vec<&str>| keys.join(", ");
    let settings = keys(input.settings.keys().map(String::as_str).collect());
    let secrets = keys(input.secrets.keys().map(String::as_str).collect());
    let grants = keys(input.grants.iter().map(|grant| grant.allow.as_str()).collect());
    let plugin = &input.plugin;
    let parts = [("settings", settings), ("secrets", secrets), ("grants", grants)];
    let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
    let text = parts.fold(format!("plugin: {plugin}"), |text, (part, names)| {
        format!("{text}; {part}: {names}")
    });
    text.chars().take(NAMED_CHARS_MAX).collect()
}

/// Longest detail of an account's change in the audit log, in characters.
const NAMED_CHARS_MAX: usize = 1000;

pub(super) fn show_entry(state: &AppState, caller: &Caller, entry: &Entry) -> AccountBody {
    let account = &entry.account;
    let former = account.former_secrets.iter();
    AccountBody {
        id: account.id.clone(),
        plugin: account.plugin.clone(),
        title: account.title.clone(),
        settings: account.settings.clone(),
        secrets: account.secrets.keys().cloned().collect(),
        grants: account.grants.clone(),
        state: account.state.clone(),
        reply_deadline_ms: account.reply_deadline_ms,
        rate: account.rate,
        webhook_rate: account.webhook_rate,
        allow_from: account.allow_from.clone(),
        secret_origins: account.secret_origins.clone(),
        former_secrets: former.map(|(key, it)| (key.clone(), it.until)).collect(),
        webhook_url: webhook_url(state, caller, account),
        replaced_url_until: replaced_until(account, state.clock.now()),
        problems: entry.adapter.as_ref().err().cloned().unwrap_or_default(),
    }
}

fn replaced_until(account: &Account, now: Timestamp) -> Option<Timestamp> {
    account.replaced_token.as_ref().map(|replaced| replaced.until).filter(|until| now < *until)
}

/// The URL of a channel account, for those who may change the account: it lets events in.
pub(super) fn webhook_url(state: &AppState, caller: &Caller, account: &Account) -> Option<String> {
    let token = account.webhook_token.as_ref().filter(|_| caller.may(Scope::Operate))?;
    Some(format!("{}/hooks/{}", state.base_url, token.expose()))
}

pub(super) fn field_problem(field: &str, message: &dyn std::fmt::Display) -> ApiError {
    ApiError::Invalid(vec![Problem { field: Some(field.to_owned()), message: message.to_string() }])
}
