//! A plugin bound to one account: the settings checked against the manifest, and the way out.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use url::Url;

use super::{egress::Door, quota::Capacity, turnstile::Turnstile};
use crate::{
    account::{Account, Manifest, Setting, SettingType},
    card::Problem,
    clock::Clock,
    secret::Secret,
    storage::Kv,
};

/// What the calls for one account share.
pub(super) struct Bound {
    pub(super) account: Arc<Account>,
    pub(super) door: Door,
    pub(super) kv: Arc<dyn Kv>,
    pub(super) capacity: Capacity,
    pub(super) turnstile: Turnstile,
    pub(super) clock: Arc<dyn Clock>,
    /// Why the host obtained no token, for whoever pauses the account.
    pub(super) refusal: Mutex<Option<String>>,
}

impl Bound {
    pub(super) fn refuse(&self, why: String) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    pub(super) fn take_refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn account_name(&self) -> &str {
        self.account.id.as_str()
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("account", &self.account.id).finish_non_exhaustive()
    }
}

/// Every fault of an account's settings, by the plugin's own list.
pub(super) fn problems(manifest: &Manifest, account: &Account) -> Vec<Problem> {
    let unknown = account.settings.keys().chain(account.secrets.keys());
    let unknown =
        unknown.filter(|key| manifest.settings.iter().all(|setting| setting.key != **key));
    let mut problems: Vec<_> = unknown
        .map(|key| {
            problem(key, format!("unknown: `{}` has {}", manifest.name, known_keys(manifest)))
        })
        .collect();
    problems.extend(manifest.settings.iter().filter_map(|setting| fault(setting, account)));
    problems
}

/// Both lists; of a field that both name, what the first one says.
pub(super) fn joined(mut problems: Vec<Problem>, mut more: Vec<Problem>) -> Vec<Problem> {
    more.retain(|one| problems.iter().all(|known| known.field != one.field));
    problems.append(&mut more);
    problems
}

fn known_keys(manifest: &Manifest) -> String {
    if manifest.settings.is_empty() {
        return "no settings".to_owned();
    }
    let keys: Vec<_> =
        manifest.settings.iter().map(|setting| format!("`{}`", setting.key)).collect();
    keys.join(", ")
}

fn fault(setting: &Setting, account: &Account) -> Option<Problem> {
    let plain = account.settings.get(&setting.key);
    let secret = account.secrets.get(&setting.key).map(Secret::expose);
    if setting.secret && plain.is_some() {
        return Some(problem(&setting.key, "is secret: set it under `secrets`".to_owned()));
    }
    if !setting.secret && secret.is_some() {
        return Some(problem(&setting.key, "is not secret: set it under `settings`".to_owned()));
    }
    match plain.or(secret) {
        // An empty value is none: consoles and environment variables make them by accident.
        None if setting.required && setting.default_value.is_none() => {
            Some(problem(&setting.key, "is required".to_owned()))
        }
        None => None,
        Some(value) if value.is_empty() && setting.required => {
            Some(problem(&setting.key, "is empty".to_owned()))
        }
        Some(value) => wrong_value(setting, value).map(|message| problem(&setting.key, message)),
    }
}

fn problem(key: &str, message: String) -> Problem {
    Problem { field: Some(key.to_owned()), message }
}

/// What is wrong with a value, without the value where it is secret.
pub(super) fn wrong_value(setting: &Setting, value: &str) -> Option<String> {
    let shown = if setting.secret { "the value".to_owned() } else { format!("`{value}`") };
    match setting.r#type {
        SettingType::Text => None,
        SettingType::Number => {
            let is_good = value.parse::<f64>().is_ok_and(f64::is_finite);
            (!is_good).then(|| format!("{shown} is not a number"))
        }
        SettingType::Flag => (!matches!(value, "true" | "false"))
            .then(|| format!("{shown} is neither `true` nor `false`")),
        SettingType::Url => {
            let is_good = Url::parse(value)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            (!is_good).then(|| format!("{shown} is not an absolute http or https URL"))
        }
        SettingType::Choice => {
            let is_good = setting.choices.iter().any(|choice| choice == value);
            (!is_good).then(|| format!("{shown} is none of `{}`", setting.choices.join("`, `")))
        }
        SettingType::Json => serde_json::from_str::<serde::de::IgnoredAny>(value)
            .err()
            .map(|error| format!("{shown} is not JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Auth;

    fn setting(key: &str, r#type: SettingType, required: bool, secret: bool) -> Setting {
        Setting {
            key: key.to_owned(),
            title: key.to_owned(),
            help: String::new(),
            r#type,
            choices: vec!["eu".to_owned(), "us".to_owned()],
            required,
            secret,
            default_value: None,
        }
    }

    fn account(settings: &[(&str, &str)], secrets: &[(&str, &str)]) -> Account {
        let owned = |pair: &(&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
        Account {
            settings: settings.iter().map(owned).collect(),
            secrets: secrets
                .iter()
                .map(owned)
                .map(|(key, value)| (key, Secret::new(value)))
                .collect(),
            reply_deadline_ms: 2500,
            ..Account::new("shop".parse().unwrap(), "crm-test".parse().unwrap())
        }
    }

    #[track_caller]
    fn check(setting: Setting, account: &Account, expected: &[&str]) {
        let manifest = Manifest {
            name: "crm-test".parse().unwrap(),
            version: "1.0.0".to_owned(),
            title: String::new(),
            vendor: String::new(),
            settings: vec![setting],
            egress: Vec::new(),
            auth: Auth::None,
            rate_limit: None,
        };
        let problems = problems(&manifest, account);
        let texts: Vec<_> = problems
            .iter()
            .map(|p| format!("{}: {}", p.field.as_deref().unwrap(), p.message))
            .collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn every_fault_of_an_account_is_named_with_its_key() {
        let url = |required| setting("base-url", SettingType::Url, required, false);
        check(url(true), &account(&[("base-url", "https://odoo.example")], &[]), &[]);
        check(url(false), &account(&[], &[]), &[]);
        check(url(true), &account(&[], &[]), &["base-url: is required"]);
        check(url(true), &account(&[("base-url", "")], &[]), &["base-url: is empty"]);
        check(
            url(true),
            &account(&[("base-url", "odoo.example")], &[]),
            &["base-url: `odoo.example` is not an absolute http or https URL"],
        );
        check(
            url(false),
            &account(&[("base_url", "x")], &[]),
            &["base_url: unknown: `crm-test` has `base-url`"],
        );
    }

    #[test]
    fn secrets_and_plain_settings_do_not_change_places() {
        let key = || setting("api-key", SettingType::Number, true, true);
        check(
            key(),
            &account(&[("api-key", "1")], &[]),
            &["api-key: is secret: set it under `secrets`"],
        );
        check(key(), &account(&[], &[("api-key", "1")]), &[]);
        // The value is not in the text.
        check(
            key(),
            &account(&[], &[("api-key", "hunter2")]),
            &["api-key: the value is not a number"],
        );
        let plain = setting("site", SettingType::Text, false, false);
        check(
            plain,
            &account(&[], &[("site", "x")]),
            &["site: is not secret: set it under `settings`"],
        );
    }

    #[test]
    fn values_are_checked_by_type() {
        let check_value = |r#type, value: &str| {
            wrong_value(&setting("key", r#type, false, false), value).is_none()
        };
        assert!(
            check_value(SettingType::Number, "2.5") && !check_value(SettingType::Number, "inf")
        );
        assert!(check_value(SettingType::Flag, "true") && !check_value(SettingType::Flag, "yes"));
        assert!(check_value(SettingType::Choice, "eu") && !check_value(SettingType::Choice, "de"));
        assert!(check_value(SettingType::Json, "{}") && !check_value(SettingType::Json, "{"));
    }
}
