//! Where one account may go: what the manifest asks, cut down to what the operator granted.

use std::{collections::BTreeMap, net::IpAddr};

use url::Url;

use super::{
    address::{self, Kind},
    connector::Reach,
    denials::{Denied, Reason},
    request::METHODS,
};
use crate::{
    account::{Account, Grant, Manifest},
    capability::{Ask, InvalidRule, Rule},
    card::Problem,
};

/// The key of `secret_origins` that stands for the tokens that the host obtains.
pub(super) const TOKENS_KEY: &str = "oauth2";

/// The rules of one account.
#[derive(Debug)]
pub(super) struct Permits {
    asked: Vec<Rule>,
    granted: Vec<Granted>,
    /// Where secrets may go, by their keys, where the operator has said so.
    bound: BTreeMap<String, Vec<Rule>>,
}

#[derive(Debug)]
struct Granted {
    rule: Rule,
    reach: Reach,
    /// `None` for all.
    methods: Option<Vec<String>>,
}

impl Granted {
    fn allows_method(&self, method: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.iter().any(|own| own == method))
    }
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
            match read_grant(grant, index) {
                Ok(grant) => granted.push(grant),
                Err(problem) => problems.push(problem),
            }
        }
        let bound = read_bound(manifest, account, problems);
        Self { asked, granted, bound }
    }

    pub(super) fn check(&self, url: &Url, method: &str) -> Result<Reach, Denied> {
        let is_asked = self.asked.iter().any(|rule| rule.allows(url));
        let granted: Vec<&Granted> = self.granted.iter().filter(|it| it.rule.allows(url)).collect();
        let fitting = granted.iter().filter(|it| it.allows_method(method));
        // One origin is always reached in one way, whatever the order of its grants.
        let reach = fitting.map(|it| it.reach).max();
        match reach {
            Some(reach) if is_asked => Ok(reach),
            Some(_) => Err(Denied {
                reason: Reason::NotAsked,
                message: format!("{} is granted, but {}", origin(url), unasked(url)),
                grant: None,
            }),
            None if granted.is_empty() => Err(not_granted(url, is_asked)),
            None => Err(Denied {
                reason: Reason::Method,
                message: format!(
                    "{method} is not granted there; to allow it: {{\"allow\": {}, \"methods\": [\"{method}\"]}}",
                    quoted_origin(url)
                ),
                grant: Some(Grant {
                    private: granted.iter().any(|it| it.reach != Reach::Public),
                    methods: Some(vec![method.to_owned()]),
                    ..Grant::new(origin(url))
                }),
            }),
        }
    }

    /// Whether a secret may go to a place that was checked.
    ///
    /// Where the operator has not said so, it goes where one origin is granted, through TLS or
    /// within a private network: whoever has a name below a granted domain gets none.
    pub(super) fn lets_secret(&self, key: &str, url: &Url) -> bool {
        if let Some(rules) = self.bound.get(key) {
            return rules.iter().any(|rule| rule.allows(url));
        }
        let is_safe = |it: &&Granted| {
            it.rule.is_exact() && (it.rule.is_encrypted() || it.reach != Reach::Public)
        };
        self.granted.iter().filter(is_safe).any(|it| it.rule.allows(url))
    }
}

/// A secret that may not go to a place that is granted.
pub(super) fn secret_denied(key: &str, url: &Url) -> Denied {
    let what = if key == TOKENS_KEY {
        "the account's token".to_owned()
    } else {
        format!("secret `{key}`")
    };
    Denied {
        reason: Reason::Secret,
        message: format!(
            "{what} may not go there; to allow it set on the account: \
             {{\"secret_origins\": {{{}: [{}]}}}}",
            serde_json::Value::from(key),
            quoted_origin(url)
        ),
        grant: None,
    }
}

/// The answer to a host whose addresses are not public.
pub(super) fn address_denied(url: &Url, refused: IpAddr) -> Denied {
    let private = |allow: String| Grant { private: true, ..Grant::new(allow) };
    let (what, grant) = match address::kind(refused) {
        Kind::Sensitive => {
            let mut exact = url.clone();
            // Only an address in another spelling cannot be set, and needs no setting.
            let allow = exact.set_ip_host(refused).ok().map(|()| origin(&exact));
            let text = "the address is link-local, or another one that tells of the machine itself";
            (text, private(allow.unwrap_or_else(|| origin(url))))
        }
        Kind::Public | Kind::Private => ("the address is not public", private(origin(url))),
    };
    let allow = serde_json::Value::from(grant.allow.as_str());
    Denied {
        reason: Reason::Address,
        message: format!("{what}; to allow it: {{\"allow\": {allow}, \"private\": true}}"),
        grant: Some(grant),
    }
}

fn not_granted(url: &Url, is_asked: bool) -> Denied {
    let allow = format!("not granted; to allow it: {{\"allow\": {}}}", quoted_origin(url));
    let message = if is_asked { allow } else { format!("{allow}; and {}", unasked(url)) };
    Denied { reason: Reason::NotGranted, message, grant: Some(Grant::new(origin(url))) }
}

fn quoted_origin(url: &Url) -> serde_json::Value {
    origin(url).into()
}

fn unasked(url: &Url) -> String {
    format!("the plugin's manifest does not ask for `{}` in `egress`", origin(url))
}

pub(super) fn origin(url: &Url) -> String {
    Rule::of_origin(url).map(|rule| rule.to_string()).unwrap_or_default()
}

fn read_grant(grant: &Grant, index: usize) -> Result<Granted, Problem> {
    let rule: Rule =
        grant.allow.parse().map_err(|error| fault(format!("grants[{index}].allow"), &error))?;
    let unknown = grant
        .methods
        .iter()
        .flatten()
        .find(|own| METHODS.iter().all(|method| method.as_str() != own.as_str()));
    let is_empty = grant.methods.as_ref().is_some_and(Vec::is_empty);
    if unknown.is_some() || is_empty {
        let known: Vec<&str> = METHODS.iter().map(hyper::Method::as_str).collect();
        return Err(Problem {
            field: Some(format!("grants[{index}].methods")),
            message: format!("names none of {}; leave it out for all of them", known.join(", ")),
        });
    }
    let reach = match (grant.private, rule.is_address()) {
        (false, _) => Reach::Public,
        (true, false) => Reach::Private,
        (true, true) => Reach::Exact,
    };
    Ok(Granted { rule, reach, methods: grant.methods.clone() })
}

fn read_bound(
    manifest: &Manifest,
    account: &Account,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Vec<Rule>> {
    let mut bound = BTreeMap::new();
    for (key, texts) in &account.secret_origins {
        let is_secret =
            manifest.settings.iter().any(|setting| setting.secret && setting.key == *key);
        if !is_secret && key != TOKENS_KEY {
            problems.push(Problem {
                field: Some(format!("secret_origins.{key}")),
                message: format!("is no secret of `{}`", manifest.name),
            });
        }
        let mut rules = Vec::new();
        for text in texts {
            match text.parse() {
                Ok(rule) => rules.push(rule),
                Err(error) => problems.push(fault(format!("secret_origins.{key}"), &error)),
            }
        }
        bound.insert(key.clone(), rules);
    }
    bound
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
