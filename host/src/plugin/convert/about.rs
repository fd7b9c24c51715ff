//! What an adapter says of itself, checked.

use std::collections::BTreeSet;

use super::{Checked, at_most};
use crate::{
    account::{Auth, Manifest, Oauth2, Setting, SettingType, TokenRequest},
    plugin::{bind, bindings::exports::patchbay::adapter::about as wit, egress},
};

const TEXT_BYTES_MAX: usize = 4096;
const NAME_BYTES_MAX: usize = 256;
const SETTINGS_MAX: usize = 100;
const EGRESS_MAX: usize = 100;
const CHOICES_MAX: usize = 1000;

pub(in crate::plugin) fn manifest(raw: wit::Manifest) -> Checked<Manifest> {
    let name = raw.name.parse().map_err(|error| format!("`name`: {error}"))?;
    for (field, text) in [("version", &raw.version), ("title", &raw.title), ("vendor", &raw.vendor)]
    {
        at_most(field, text, NAME_BYTES_MAX)?;
    }
    if !is_semantic(&raw.version) {
        return Err(format!("`version` is `{}`, no semantic version like `1.4.0`", raw.version));
    }
    count("settings", raw.settings.len(), SETTINGS_MAX)?;
    count("egress", raw.egress.len(), EGRESS_MAX)?;
    raw.egress.iter().try_for_each(|rule| at_most("egress", rule, TEXT_BYTES_MAX))?;
    if raw.rate_limit.is_some_and(|limit| !limit.is_finite() || limit <= 0.0) {
        return Err("`rate-limit` is not a positive number".to_owned());
    }
    let manifest = Manifest {
        name,
        version: raw.version,
        title: raw.title,
        vendor: raw.vendor,
        settings: settings(raw.settings)?,
        egress: raw.egress,
        auth: auth(raw.auth),
        rate_limit: raw.rate_limit,
    };
    if let Auth::Oauth2(oauth2) = &manifest.auth {
        egress::check_manifest(oauth2, &manifest)?;
    }
    Ok(manifest)
}

fn count(field: &str, found: usize, max: usize) -> Checked<()> {
    if found <= max {
        Ok(())
    } else {
        Err(format!("`{field}` has {found} entries, at most {max} are allowed"))
    }
}

/// Three numbers, and perhaps a pre-release or a build after them.
fn is_semantic(version: &str) -> bool {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| {
        !part.is_empty() && part.len() <= 10 && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    core.split('.').count() == 3 && core.split('.').all(is_number)
}

fn settings(raw: Vec<wit::Setting>) -> Checked<Vec<Setting>> {
    let mut keys = BTreeSet::new();
    raw.into_iter()
        .map(|raw| {
            let setting = setting(raw)?;
            if !keys.insert(setting.key.clone()) {
                return Err(format!("`settings` names `{}` twice", setting.key));
            }
            Ok(setting)
        })
        .collect()
}

fn setting(raw: wit::Setting) -> Checked<Setting> {
    let wit::Setting { key, title, help, type_, choices, required, secret, default_value } = raw;
    // The key stands in placeholders and in configuration files.
    let is_key =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if key.is_empty() || NAME_BYTES_MAX < key.len() || !key.bytes().all(is_key) {
        let shown: String = key.chars().take(64).collect();
        return Err(format!(
            "`settings` has the key `{shown}`: use lower case letters, digits, `-`, `_` and `.`"
        ));
    }
    at_most("settings.title", &title, NAME_BYTES_MAX)?;
    at_most("settings.help", &help, TEXT_BYTES_MAX)?;
    at_most(
        "settings.default-value",
        default_value.as_deref().unwrap_or_default(),
        TEXT_BYTES_MAX,
    )?;
    count("settings.choices", choices.len(), CHOICES_MAX)?;
    choices.iter().try_for_each(|choice| at_most("settings.choices", choice, NAME_BYTES_MAX))?;
    let r#type = match type_ {
        wit::SettingType::Text => SettingType::Text,
        wit::SettingType::Number => SettingType::Number,
        wit::SettingType::Flag => SettingType::Flag,
        wit::SettingType::Url => SettingType::Url,
        wit::SettingType::Choice => SettingType::Choice,
        wit::SettingType::Json => SettingType::Json,
    };
    let setting = Setting { key, title, help, r#type, choices, required, secret, default_value };
    check_default(&setting)?;
    Ok(setting)
}

fn check_default(setting: &Setting) -> Checked<()> {
    let Some(default) = &setting.default_value else { return Ok(()) };
    if setting.secret {
        return Err(format!(
            "`settings` gives the secret `{}` a default value: everybody could read it",
            setting.key
        ));
    }
    match bind::wrong_value(setting, default) {
        Some(fault) => {
            Err(format!("`settings` gives `{}` a wrong default value: {fault}", setting.key))
        }
        None => Ok(()),
    }
}

fn auth(raw: wit::Auth) -> Auth {
    match raw {
        wit::Auth::None => Auth::None,
        wit::Auth::Settings => Auth::Settings,
        wit::Auth::Oauth2(wit::Oauth2 {
            authorize_url,
            token_url,
            scopes,
            rotates_refresh_token,
            token_request,
        }) => Auth::Oauth2(Oauth2 {
            authorize_url,
            token_url,
            scopes,
            rotates_refresh_token,
            token_request: match token_request {
                wit::TokenRequest::Form => TokenRequest::Form,
                wit::TokenRequest::Json => TokenRequest::Json,
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    fn raw() -> wit::Manifest {
        wit::Manifest {
            name: "crm-test".to_owned(),
            version: "1.0.0".to_owned(),
            title: "Test".to_owned(),
            vendor: "Test".to_owned(),
            settings: Vec::new(),
            egress: Vec::new(),
            auth: wit::Auth::None,
            rate_limit: None,
        }
    }

    fn raw_setting(key: &str, secret: bool, default: Option<&str>) -> wit::Setting {
        wit::Setting {
            key: key.to_owned(),
            title: String::new(),
            help: String::new(),
            type_: wit::SettingType::Number,
            choices: Vec::new(),
            required: false,
            secret,
            default_value: default.map(str::to_owned),
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut wit::Manifest), expected: Option<&str>) {
        let mut raw = raw();
        change(&mut raw);
        match (manifest(raw), expected) {
            (Ok(_), None) => {}
            (Err(text), Some(expected)) => assert!(text.contains(expected), "{text}"),
            (other, expected) => panic!("expected {expected:?}, found {other:?}"),
        }
    }

    #[test]
    fn a_manifest_is_checked_field_by_field() {
        check(|_| {}, None);
        check(|raw| "1.0.0-rc.1+7".clone_into(&mut raw.version), None);
        check(|raw| "CRM".clone_into(&mut raw.name), Some("`name`"));
        check(|raw| "1.0".clone_into(&mut raw.version), Some("`version`"));
        check(|raw| raw.title = "t".repeat(256), None);
        check(|raw| raw.title = "t".repeat(257), Some("`title`"));
        check(|raw| raw.egress = vec![String::new(); 101], Some("`egress`"));
        check(|raw| raw.rate_limit = Some(f64::NAN), Some("`rate-limit`"));
    }

    #[test]
    fn a_manifest_with_client_credentials_names_their_settings() {
        let oauth2 = |raw: &mut wit::Manifest, authorize_url: Option<&str>, token_url: &str| {
            raw.auth = wit::Auth::Oauth2(wit::Oauth2 {
                authorize_url: authorize_url.map(str::to_owned),
                token_url: token_url.to_owned(),
                scopes: Vec::new(),
                rotates_refresh_token: false,
                token_request: wit::TokenRequest::Form,
            });
            raw.settings = vec![
                raw_setting("client-id", false, None),
                raw_setting("client-secret", true, None),
                raw_setting("api-url", false, None),
            ];
        };
        let whole = "https://api.example/token";
        check(|raw| oauth2(raw, None, whole), None);
        check(|raw| oauth2(raw, None, "setting:api-url/token"), None);
        check(|raw| oauth2(raw, None, "api.example/token"), Some("`auth.token-url`"));
        check(|raw| oauth2(raw, None, "setting:other/token"), Some("`other`"));
        check(|raw| oauth2(raw, None, "setting:client-secret/x"), Some("a secret one"));
        let without = |raw: &mut wit::Manifest, key: &str, consent| {
            oauth2(raw, consent, whole);
            raw.settings.retain(|setting| setting.key != key);
        };
        check(|raw| without(raw, "client-id", None), Some("needs `client-id`"));
        check(|raw| without(raw, "client-secret", None), Some("needs `client-id`"));
        check(|raw| without(raw, "client-secret", Some("https://api.example/login")), None);
        check(
            |raw| {
                oauth2(raw, None, whole);
                raw.settings.iter_mut().for_each(|setting| setting.secret = false);
            },
            Some("the secret `client-secret`"),
        );
    }

    #[test]
    fn settings_have_good_keys_once_and_defaults_of_their_type() {
        check(|raw| raw.settings = vec![raw_setting("a-1", false, Some("2"))], None);
        check(|raw| raw.settings = vec![raw_setting("A", false, None)], Some("the key `A`"));
        check(|raw| raw.settings = vec![raw_setting("a", false, None); 2], Some("twice"));
        check(|raw| raw.settings = vec![raw_setting("a", true, Some("2"))], Some("the secret `a`"));
        check(|raw| raw.settings = vec![raw_setting("a", false, Some("x"))], Some("not a number"));
    }

    /// Text as a stranger may write it: near to what is expected, or anything.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z][a-z0-9.-]{0,12}",
            "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(-[a-z.]{1,8})?",
            "(https?://|setting:|\\{)[a-z*\\[\\]:.0-9/?#@%{}-]{0,24}",
            ".*",
        ]
    }

    fn any_setting() -> impl Strategy<Value = wit::Setting> {
        let kinds = select(vec![
            wit::SettingType::Text,
            wit::SettingType::Number,
            wit::SettingType::Flag,
            wit::SettingType::Url,
            wit::SettingType::Choice,
            wit::SettingType::Json,
        ]);
        let keys = prop_oneof![
            select(vec!["client-id", "client-secret", "api-url"]).prop_map(str::to_owned),
            any_text(),
        ];
        let default = proptest::option::of(any_text());
        let choices = proptest::collection::vec(any_text(), 0..4);
        (keys, kinds, any_text(), choices, any::<(bool, bool)>(), default).prop_map(
            |(key, type_, help, choices, (required, secret), default_value)| wit::Setting {
                key,
                title: help.clone(),
                help,
                type_,
                choices,
                required,
                secret,
                default_value,
            },
        )
    }

    fn any_auth() -> impl Strategy<Value = wit::Auth> {
        let oauth2 = (proptest::option::of(any_text()), any_text(), any::<(bool, bool)>());
        let oauth2 = oauth2.prop_map(|(authorize_url, token_url, (rotates, is_json))| {
            wit::Auth::Oauth2(wit::Oauth2 {
                authorize_url,
                scopes: vec![token_url.clone()],
                token_url,
                rotates_refresh_token: rotates,
                token_request: if is_json {
                    wit::TokenRequest::Json
                } else {
                    wit::TokenRequest::Form
                },
            })
        });
        prop_oneof![Just(wit::Auth::None), Just(wit::Auth::Settings), oauth2]
    }

    proptest! {
        /// `cargo xtask fuzz` does not build the sandbox, so this is tried here.
        #[test]
        fn any_manifest_is_taken_or_refused_in_words(
            (name, version, title, vendor) in (any_text(), any_text(), any_text(), any_text()),
            settings in proptest::collection::vec(any_setting(), 0..6),
            egress in proptest::collection::vec(any_text(), 0..4),
            auth in any_auth(),
            rate_limit in proptest::option::of(any::<f64>()),
        ) {
            let raw =
                wit::Manifest { name, version, title, vendor, settings, egress, auth, rate_limit };
            // With a good head the rest is looked at too.
            let good = wit::Manifest { name: "crm-test".to_owned(), version: "1.0.0".to_owned(), ..raw.clone() };
            for raw in [raw, good] {
                let told = manifest(raw);
                prop_assert!(told.as_ref().is_ok_and(|it| it.settings.len() < 6) || told.is_err_and(|words| !words.is_empty()));
            }
        }
    }
}
