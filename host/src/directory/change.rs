//! A change of an account: what is asked for, against what there is.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Error, Snapshot, invalid};
use crate::{
    account::{Account, AccountState, FormerSecret, Grant, Rate, Role},
    card::Problem,
    config,
    id::{AccountId, PluginName, random_token},
    network::Network,
    secret::Secret,
};

/// Longest wait for a reply that an account may ask for, in milliseconds: no vendor waits longer.
const REPLY_DEADLINE_MS_MAX: u32 = 60_000;

/// Networks that one account may name: each is compared at each webhook.
const ALLOW_FROM_MAX: usize = 200;

/// What is to be set on an account; `None` keeps what it has, or sets the default.
#[derive(Debug, Clone)]
pub struct AccountChange {
    pub id: AccountId,
    pub plugin: PluginName,
    pub title: Option<String>,
    pub settings: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, Secret<String>>,
    /// Whether secrets that are not named keep their values.
    pub keeps_secrets: bool,
    pub grants: Vec<Grant>,
    pub state: Option<AccountState>,
    /// Whether any change sets a paused account to work again.
    pub resumes: bool,
    pub reply_deadline_ms: Option<u32>,
    pub rate: Option<Rate>,
    pub webhook_rate: Option<Rate>,
    pub allow_from: Option<Vec<Network>>,
    /// Where each secret may go; `None` keeps what was said.
    pub secret_origins: Option<BTreeMap<String, Vec<String>>>,
    /// How long the values that are replaced still count for webhooks; `None` for no longer.
    pub former_until: Option<Timestamp>,
}

/// The account as it shall be, or why it cannot be so.
pub(super) fn changed(snapshot: &Snapshot, change: AccountChange) -> Result<Account, Error> {
    let before = snapshot.accounts.get(&change.id).map(|entry| entry.account.as_ref());
    if let Some(before) = before.filter(|before| before.plugin != change.plugin) {
        return Err(Error::OtherPlugin { id: change.id, plugin: before.plugin.clone() });
    }
    let deadline = change.reply_deadline_ms.or(before.map(|account| account.reply_deadline_ms));
    let reply_deadline_ms = deadline.unwrap_or_else(config::reply_deadline_ms);
    if REPLY_DEADLINE_MS_MAX < reply_deadline_ms {
        let message = format!("{reply_deadline_ms} is above {REPLY_DEADLINE_MS_MAX}");
        return Err(invalid("reply_deadline_ms", message));
    }
    for (field, rate) in [("rate", change.rate), ("webhook_rate", change.webhook_rate)] {
        if let Some(problem) = rate.and_then(|rate| wrong_rate(field, rate)) {
            return Err(Error::Invalid(vec![problem]));
        }
    }
    let former_secrets = before.map(|before| former_secrets(before, &change)).unwrap_or_default();
    let allow_from = change.allow_from.or_else(|| before.map(|account| account.allow_from.clone()));
    if let Some(count) = allow_from.as_ref().map(Vec::len).filter(|len| ALLOW_FROM_MAX < *len) {
        let message = format!("{count} networks are more than {ALLOW_FROM_MAX}");
        return Err(invalid("allow_from", message));
    }
    let kept = before.filter(|_| change.keeps_secrets);
    let mut secrets = kept.map(|account| account.secrets.clone()).unwrap_or_default();
    secrets.extend(change.secrets);
    let plugin = snapshot.plugins.get(&change.plugin);
    let is_channel = plugin.is_some_and(|plugin| plugin.has(Role::Channel));
    let token = before.and_then(|account| account.webhook_token.clone());
    let title = change.title.or_else(|| before.map(|account| account.title.clone()));
    let state = change.state.or_else(|| before.map(|account| account.state.clone()));
    Ok(Account {
        id: change.id,
        plugin: change.plugin,
        title: title.unwrap_or_default(),
        settings: change.settings,
        secrets,
        grants: change.grants,
        state: state.unwrap_or(AccountState::Active),
        reply_deadline_ms,
        webhook_token: token.or_else(|| is_channel.then(|| Secret::new(random_token()))),
        rate: change.rate.or(before.and_then(|account| account.rate)),
        webhook_rate: change.webhook_rate.or(before.and_then(|account| account.webhook_rate)),
        allow_from: allow_from.unwrap_or_default(),
        replaced_token: before.and_then(|account| account.replaced_token.clone()),
        secret_origins: change
            .secret_origins
            .or_else(|| before.map(|account| account.secret_origins.clone()))
            .unwrap_or_default(),
        former_secrets,
    })
}

/// What the account's secrets were, where that shall still count. A secret that is given anew has
/// one former value at most.
fn former_secrets(before: &Account, change: &AccountChange) -> BTreeMap<String, FormerSecret> {
    let mut former = before.former_secrets.clone();
    let changed =
        |(key, value): &(&String, &Secret<String>)| before.secrets.get(*key) != Some(value);
    for (key, _) in change.secrets.iter().filter(changed) {
        let value = before.secrets.get(key).cloned();
        match value.zip(change.former_until) {
            Some((value, until)) => {
                former.insert(key.clone(), FormerSecret { value, until });
            }
            None => drop(former.remove(key)),
        }
    }
    former
}

/// Bounds of a rate. Below the lower one a call of several requests would spend its time waiting.
fn wrong_rate(field: &str, rate: Rate) -> Option<Problem> {
    let problem =
        |part: &str, message: String| Problem { field: Some(format!("{field}.{part}")), message };
    if !(0.2..=1e6).contains(&rate.per_second) {
        let message = format!("{} must be between 0.2 and 1,000,000", rate.per_second);
        return Some(problem("per_second", message));
    }
    (rate.burst == 0 || 1_000_000 < rate.burst)
        .then(|| problem("burst", format!("{} must be between 1 and 1,000,000", rate.burst)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(per_second: f64, burst: u32, expected: Option<&str>) {
        let problem = wrong_rate("rate", Rate { per_second, burst });
        assert_eq!(problem.and_then(|problem| problem.field).as_deref(), expected);
    }

    #[test]
    fn a_rate_is_checked_at_its_edges() {
        check(0.2, 1, None);
        check(1e6, 1_000_000, None);
        for per_second in [0.199, 1_000_001.0, f64::NAN, f64::INFINITY, -1.0] {
            check(per_second, 1, Some("rate.per_second"));
        }
        check(1.0, 0, Some("rate.burst"));
        check(1.0, 1_000_001, Some("rate.burst"));
    }
}
