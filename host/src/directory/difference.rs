//! What a version asks for beyond the one that is active, and which accounts it would break.

use serde::Serialize;
use url::Url;

use super::{Directory, Snapshot};
use crate::{
    account::{Account, Auth, Manifest, PluginRecord, Role, Setting},
    capability::Rule,
    card::Problem,
    id::{AccountId, Digest},
};

/// A version beside the one that is active.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The version that it is compared with.
    pub from: Digest,
    /// What it asks for, or offers, that the other does not.
    pub more: Vec<Trait>,
    /// What it no longer asks for or offers.
    pub less: Vec<Trait>,
    /// Accounts that work now and would not with it.
    pub breaks: Vec<Broken>,
}

/// One thing that a manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trait {
    pub kind: TraitKind,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraitKind {
    Host,
    /// A secret setting.
    Secret,
    /// A setting that must be given.
    RequiredSetting,
    Setting,
    /// How an account signs in.
    SignIn,
    /// Requests in a second to its peer.
    Pace,
    /// An interface of the contract.
    Interface,
}

impl TraitKind {
    /// Whether an operator has to say yes before a version has more of it.
    fn needs_approval(self) -> bool {
        match self {
            Self::Host | Self::Secret | Self::RequiredSetting | Self::SignIn | Self::Pace => true,
            Self::Setting | Self::Interface => false,
        }
    }
}

/// An account that a version would break.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Broken {
    pub account: AccountId,
    pub problems: Vec<Problem>,
}

impl Difference {
    /// Whether the version must not be active before an operator has said yes.
    pub fn needs_approval(&self) -> bool {
        self.more.iter().any(|one| one.kind.needs_approval()) || !self.breaks.is_empty()
    }
}

impl Directory {
    /// How a version differs from the one that is active: for one account, or for all that have no
    /// choice of their own. `None` where none is.
    pub(super) fn difference(
        &self,
        snapshot: &Snapshot,
        next: &PluginRecord,
        account: Option<&AccountId>,
    ) -> Option<Difference> {
        let before = match account.and_then(|id| snapshot.accounts.get(id)) {
            Some(entry) => snapshot.plugin_of(&entry.account)?,
            None => snapshot.plugins.get(&next.manifest.name)?,
        };
        let before = before.record();
        let (mut more, mut less) = (traits_beyond(next, before), traits_beyond(before, next));
        more.extend(faster(&before.manifest, &next.manifest));
        less.retain(|one| one.kind != TraitKind::RequiredSetting);
        let concerned = snapshot.accounts.values().filter(|entry| match account {
            Some(id) => entry.account.id == *id,
            None => {
                entry.account.plugin == next.manifest.name
                    && !snapshot.own.contains_key(&entry.account.id)
            }
        });
        let breaks = concerned.filter(|entry| entry.adapter.is_ok()).filter_map(|entry| {
            let mut problems = self.plugins.problems(&next.manifest, &entry.account);
            problems.extend(lost_role(snapshot, &entry.account, next));
            let account = entry.account.id.clone();
            (!problems.is_empty()).then_some(Broken { account, problems })
        });
        Some(Difference { from: before.digest, more, less, breaks: breaks.collect() })
    }
}

/// An account that is one end of an integration needs the interface of that end.
fn lost_role(snapshot: &Snapshot, account: &Account, next: &PluginRecord) -> Option<Problem> {
    let ends = snapshot.integrations.values().find_map(|it| {
        let is_end = |end: &AccountId, role| *end == account.id && !next.roles.contains(&role);
        (is_end(&it.channel, Role::Channel) || is_end(&it.crm, Role::Contacts)).then_some(&it.id)
    });
    ends.map(|integration| Problem {
        field: Some("plugin".to_owned()),
        message: format!("it lacks the interface that integration `{integration}` needs"),
    })
}

/// What the first says and the second does not.
fn traits_beyond(one: &PluginRecord, other: &PluginRecord) -> Vec<Trait> {
    let mut traits: Vec<Trait> = one
        .manifest
        .egress
        .iter()
        .filter(|text| !asks_for(&other.manifest, text))
        .map(|text| Trait { kind: TraitKind::Host, value: text.clone() })
        .collect();
    traits.extend(one.manifest.settings.iter().filter_map(|setting| {
        let known = other.manifest.settings.iter().find(|known| known.key == setting.key);
        let kind = new_setting(setting, known)?;
        Some(Trait { kind, value: setting.key.clone() })
    }));
    if one.manifest.auth != other.manifest.auth {
        let value = sign_in(&one.manifest.auth);
        traits.extend(value.map(|value| Trait { kind: TraitKind::SignIn, value }));
    }
    let roles = one.roles.iter().filter(|role| !other.roles.contains(role));
    traits.extend(roles.map(|role| Trait { kind: TraitKind::Interface, value: role_name(*role) }));
    traits
}

/// Whether the place is asked for already, by itself or within a wider rule.
fn asks_for(manifest: &Manifest, text: &str) -> bool {
    // A rule with `*` reads as a URL of the narrowest host that it stands for.
    let url = Url::parse(text).ok();
    manifest.egress.iter().any(|known| {
        let covers = |rule: Rule| url.as_ref().is_some_and(|url| rule.allows(url));
        known == text || known.parse::<Rule>().is_ok_and(covers)
    })
}

/// What is new of a setting, the weightiest first.
fn new_setting(setting: &Setting, known: Option<&Setting>) -> Option<TraitKind> {
    let must = |setting: &Setting| setting.required && setting.default_value.is_none();
    if setting.secret && known.is_none_or(|known| !known.secret) {
        return Some(TraitKind::Secret);
    }
    if must(setting) && known.is_none_or(|known| !must(known)) {
        return Some(TraitKind::RequiredSetting);
    }
    known.is_none().then_some(TraitKind::Setting)
}

fn sign_in(auth: &Auth) -> Option<String> {
    match auth {
        Auth::None => None,
        Auth::Settings => Some("settings".to_owned()),
        Auth::Oauth2(oauth) => {
            let authorize = oauth.authorize_url.as_deref().map(|url| format!(", sign in at {url}"));
            let scopes = oauth.scopes.join(" ");
            let authorize = authorize.unwrap_or_default();
            Some(format!("OAuth2: tokens of {}{authorize}, scopes `{scopes}`", oauth.token_url))
        }
    }
}

/// A pace above the one before; no pace is the fastest.
fn faster(before: &Manifest, next: &Manifest) -> Option<Trait> {
    let pace = |manifest: &Manifest| manifest.rate_limit.unwrap_or(f64::INFINITY);
    let value = next.rate_limit.map_or("no limit".to_owned(), |rate| format!("{rate} in a second"));
    (pace(before) < pace(next)).then_some(Trait { kind: TraitKind::Pace, value })
}

/// As in the contract and in JSON.
fn role_name(role: Role) -> String {
    let name = serde_json::to_value(role).ok();
    name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::account::SettingType;

    fn record(egress: &[&str], settings: Vec<Setting>) -> PluginRecord {
        PluginRecord {
            digest: Digest::of(b"plugin"),
            contract: "0.1.0".to_owned(),
            roles: vec![Role::Contacts],
            manifest: Manifest {
                name: "crm-test".parse().unwrap(),
                version: "1.0.0".to_owned(),
                title: String::new(),
                vendor: String::new(),
                settings,
                egress: egress.iter().map(|&text| text.to_owned()).collect(),
                auth: Auth::Settings,
                rate_limit: Some(2.0),
            },
            size_bytes: 1,
            installed_at: Timestamp::UNIX_EPOCH,
            cost: None,
            signature: None,
            origin: None,
            cases: None,
        }
    }

    fn setting(key: &str, required: bool, secret: bool) -> Setting {
        Setting {
            key: key.to_owned(),
            title: String::new(),
            help: String::new(),
            r#type: SettingType::Text,
            choices: Vec::new(),
            required,
            secret,
            default_value: None,
        }
    }

    #[track_caller]
    fn check(
        before: &PluginRecord,
        next: &PluginRecord,
        expected: &[(TraitKind, &str)],
        waits: bool,
    ) {
        let mut more = traits_beyond(next, before);
        more.extend(faster(&before.manifest, &next.manifest));
        let found: Vec<_> = more.iter().map(|one| (one.kind, one.value.as_str())).collect();
        assert_eq!(found, expected);
        let from = before.digest;
        let difference = Difference { from, more, less: Vec::new(), breaks: Vec::new() };
        assert_eq!(difference.needs_approval(), waits);
    }

    #[test]
    fn a_new_host_is_more_and_a_narrower_one_is_not() {
        let before = record(&["https://*.crm.example", "setting:base-url"], Vec::new());
        let next = |hosts: &[&str]| record(hosts, Vec::new());
        check(&before, &before, &[], false);
        check(&before, &next(&["https://api.crm.example", "https://*.eu.crm.example"]), &[], false);
        for host in
            ["https://crm.example", "http://api.crm.example", "https://*.example", "setting:url"]
        {
            check(&before, &next(&[host]), &[(TraitKind::Host, host)], true);
        }
    }

    #[test]
    fn a_secret_and_a_required_setting_wait_and_an_optional_one_does_not() {
        let before = record(&[], vec![setting("a", false, false)]);
        let next = |settings| record(&[], settings);
        let optional = next(vec![setting("a", false, false), setting("b", false, false)]);
        check(&before, &optional, &[(TraitKind::Setting, "b")], false);
        let secret = next(vec![setting("a", false, true)]);
        check(&before, &secret, &[(TraitKind::Secret, "a")], true);
        let required = next(vec![setting("a", true, false)]);
        check(&before, &required, &[(TraitKind::RequiredSetting, "a")], true);
        let mut given = setting("a", true, false);
        given.default_value = Some("x".to_owned());
        check(&before, &next(vec![given]), &[], false);
    }

    #[test]
    fn a_faster_pace_and_another_sign_in_wait() {
        let before = record(&[], Vec::new());
        let mut next = before.clone();
        next.manifest.rate_limit = Some(1.0);
        check(&before, &next, &[], false);
        next.manifest.rate_limit = Some(2.5);
        check(&before, &next, &[(TraitKind::Pace, "2.5 in a second")], true);
        next.manifest.rate_limit = None;
        check(&before, &next, &[(TraitKind::Pace, "no limit")], true);
        next = before.clone();
        next.manifest.auth = Auth::None;
        check(&before, &next, &[], false);
        check(&next, &before, &[(TraitKind::SignIn, "settings")], true);
        next.roles.push(Role::Deals);
        next.manifest.auth = Auth::Settings;
        check(&before, &next, &[(TraitKind::Interface, "deals")], false);
    }
}
