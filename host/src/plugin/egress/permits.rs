//! Where one account may go: what the manifest asks, cut down to what the operator granted.

use url::Url;

use super::{FetchError, connector::Reach};
use crate::{
    account::{Account, Manifest},
    capability::{Ask, InvalidRule, Rule},
    card::Problem,
};

/// The rules of one account.
#[derive(Debug)]
pub(super) struct Permits {
    asked: Vec<Rule>,
    granted: Vec<(Rule, Reach)>,
}

impl Permits {
    /// Reads all rules; every fault becomes one of `problems`.
    pub(super) fn read(
        manifest: &Manifest,
        account: &Account,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut asked = Vec::new();
        for (index, text) in manifest.egress.iter().enumerate() {
            match asked_rule(text, index, manifest, account) {
                Ok(rule) => asked.extend(rule),
                Err(problem) => problems.push(problem),
            }
        }
        let mut granted = Vec::new();
        for (index, grant) in account.grants.iter().enumerate() {
            let reach = if grant.private { Reach::Private } else { Reach::Public };
            match grant.allow.parse() {
                Ok(rule) => granted.push((rule, reach)),
                Err(error) => problems.push(fault(format!("grants[{index}].allow"), &error)),
            }
        }
        Self { asked, granted }
    }

    pub(super) fn check(&self, url: &Url) -> Result<Reach, FetchError> {
        let is_asked = self.asked.iter().any(|rule| rule.allows(url));
        let granted = self.granted.iter().filter(|(rule, _)| rule.allows(url));
        // One origin is always reached in one way, whatever the order of its grants.
        let reach = granted.map(|(_, reach)| *reach).max_by_key(|reach| *reach == Reach::Private);
        match reach {
            Some(reach) if is_asked => Ok(reach),
            Some(_) => {
                Err(FetchError::Denied(format!("{} is granted, but {}", origin(url), unasked(url))))
            }
            None if is_asked => {
                Err(FetchError::Denied(format!("not granted; to allow it: {}", grant_for(url))))
            }
            None => Err(FetchError::Denied(format!(
                "not granted; to allow it: {}; and {}",
                grant_for(url),
                unasked(url)
            ))),
        }
    }
}

/// The answer to a host whose addresses are not public.
pub(super) fn private_denied(url: &Url) -> FetchError {
    let origin = serde_json::Value::from(origin(url));
    FetchError::Denied(format!(
        "the address is not public; to allow it: {{\"allow\": {origin}, \"private\": true}}"
    ))
}

fn grant_for(url: &Url) -> String {
    format!("{{\"allow\": {}}}", serde_json::Value::from(origin(url)))
}

fn unasked(url: &Url) -> String {
    format!("the plugin's manifest does not ask for `{}` in `egress`", origin(url))
}

fn origin(url: &Url) -> String {
    Rule::of_origin(url).map(|rule| rule.to_string()).unwrap_or_default()
}

/// `None` where the place is that of an optional setting without a value: nothing is asked for then.
fn asked_rule(
    text: &str,
    index: usize,
    manifest: &Manifest,
    account: &Account,
) -> Result<Option<Rule>, Problem> {
    let ask = text.parse::<Ask>().map_err(|error| fault(format!("egress[{index}]"), &error))?;
    let key = match ask {
        Ask::Place(rule) => return Ok(Some(rule)),
        Ask::Setting(key) => key,
    };
    let declared = manifest.settings.iter().find(|setting| setting.key == key);
    let is_optional =
        declared.is_some_and(|it| !it.required && it.default_value.is_none() && !it.secret);
    if is_optional && !account.settings.contains_key(&key) && !account.secrets.contains_key(&key) {
        return Ok(None);
    }
    url_setting(&key, text, manifest, account).map(|(_value, origin)| Some(origin))
}

/// The URL under a setting and its origin; `text` is what the manifest says of it.
pub(super) fn url_setting(
    key: &str,
    text: &str,
    manifest: &Manifest,
    account: &Account,
) -> Result<(String, Rule), Problem> {
    let problem = |message: String| Problem { field: Some(key.to_owned()), message };
    if account.secrets.contains_key(key) {
        return Err(problem(format!(
            "`{text}` in the manifest needs a setting that is not secret"
        )));
    }
    let default = || {
        let setting = manifest.settings.iter().find(|setting| setting.key == key)?;
        setting.default_value.as_ref()
    };
    let value = account.settings.get(key).or_else(default);
    let value = value.ok_or_else(|| {
        problem("is not set; the plugin needs a URL here to know its host".to_owned())
    })?;
    let url = Url::parse(value).ok();
    let rule = url.as_ref().and_then(Rule::of_origin);
    let rule = rule
        .ok_or_else(|| problem("is not a URL; write it as `https://crm.example.com`".to_owned()))?;
    Ok((value.clone(), rule))
}

fn fault(field: String, error: &InvalidRule) -> Problem {
    Problem { field: Some(field), message: error.to_string() }
}
