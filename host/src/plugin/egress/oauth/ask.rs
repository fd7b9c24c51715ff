//! Where an account asks for its tokens, and with what.

use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::{
    super::{Door, Outgoing, permits},
    NoToken,
};
use crate::{
    account::{Account, Manifest, Oauth2, TokenRequest},
    card::Problem,
};

const CLIENT_ID: &str = "client-id";
pub(super) const CLIENT_SECRET: &str = "client-secret";

/// What is the same in every request of an account.
#[derive(Debug)]
pub(super) struct Ask {
    url: String,
    token_request: TokenRequest,
    /// Parted by spaces.
    scopes: String,
}

/// A `token-url` as manifests write it.
#[derive(Debug, PartialEq, Eq)]
enum TokenUrl<'t> {
    Whole(&'t str),
    /// The origin of a setting with this path; without a path the setting itself.
    Setting {
        key: &'t str,
        path: &'t str,
    },
}

impl<'t> TokenUrl<'t> {
    fn read(text: &'t str) -> Result<Self, String> {
        let wrong = |url: &str| {
            let is_good = Url::parse(url).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.fragment().is_none()
            });
            (!is_good).then(|| {
                format!("`{text}` is neither a URL like `https://example.com/token` nor `setting:KEY/path`")
            })
        };
        let Some(rest) = text.strip_prefix("setting:") else {
            return wrong(text).map_or(Ok(Self::Whole(text)), Err);
        };
        let (key, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        match wrong(&format!("https://example.com{path}")) {
            None if !key.is_empty() => Ok(Self::Setting { key, path }),
            fault => Err(fault.unwrap_or_else(|| format!("`{text}` names no setting"))),
        }
    }
}

/// What is wrong with a manifest that has the host obtain its tokens.
pub(in crate::plugin) fn check_manifest(
    oauth2: &Oauth2,
    manifest: &Manifest,
) -> Result<(), String> {
    let find = |key: &str| manifest.settings.iter().find(|setting| setting.key == key);
    match TokenUrl::read(&oauth2.token_url).map_err(|fault| format!("`auth.token-url`: {fault}"))? {
        TokenUrl::Setting { key, .. } if find(key).is_none_or(|setting| setting.secret) => {
            return Err(format!(
                "`auth.token-url` names `{key}`, which is no setting or a secret one"
            ));
        }
        TokenUrl::Setting { .. } | TokenUrl::Whole(_) => {}
    }
    if oauth2.authorize_url.is_some() {
        return Ok(());
    }
    let is_there = find(CLIENT_ID).is_some();
    if is_there && find(CLIENT_SECRET).is_some_and(|setting| setting.secret) {
        return Ok(());
    }
    Err(format!(
        "`auth` is `oauth2` without `authorize-url`: `settings` needs `{CLIENT_ID}` and the secret `{CLIENT_SECRET}`"
    ))
}

impl Ask {
    /// `None` where there is nothing to ask for with the client's own credentials.
    pub(super) fn read(
        oauth2: &Oauth2,
        manifest: &Manifest,
        account: &Account,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        if oauth2.authorize_url.is_some() {
            return None;
        }
        problems.extend(missing_credentials(manifest, account));
        match url(oauth2, manifest, account) {
            Ok(url) => Some(Self {
                url,
                token_request: oauth2.token_request,
                scopes: oauth2.scopes.join(" "),
            }),
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    }

    /// The request, with placeholders for what is secret.
    pub(super) fn request(&self, door: &Door) -> Result<Outgoing, NoToken> {
        let setting = |key: &str| {
            let value = door.setting(key).filter(|value| !value.is_empty());
            value.ok_or_else(|| NoToken::Refused(format!("`{key}` is not set on the account")))
        };
        let (id, secret) = (setting(CLIENT_ID)?, setting(CLIENT_SECRET)?);
        let mut members = vec![
            ("grant_type", "client_credentials"),
            ("client_id", id.as_str()),
            ("client_secret", secret.as_str()),
        ];
        if !self.scopes.is_empty() {
            members.push(("scope", &self.scopes));
        }
        let (kind, body) = match self.token_request {
            TokenRequest::Form => (
                "application/x-www-form-urlencoded",
                form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish(),
            ),
            TokenRequest::Json => {
                let members =
                    members.into_iter().map(|(key, value)| (key.to_owned(), value.into()));
                ("application/json", Value::Object(members.collect::<Map<_, _>>()).to_string())
            }
        };
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Ok(Outgoing {
            method: "POST".to_owned(),
            url: self.url.clone(),
            headers: vec![header("content-type", kind), header("accept", "application/json")],
            body: body.into_bytes(),
            timeout_ms: None,
        })
    }
}

/// The token endpoint of this account.
fn url(oauth2: &Oauth2, manifest: &Manifest, account: &Account) -> Result<String, Problem> {
    let read = TokenUrl::read(&oauth2.token_url);
    let problem = |message| Problem { field: Some("auth.token-url".to_owned()), message };
    match read.map_err(problem)? {
        TokenUrl::Whole(url) => Ok(url.to_owned()),
        TokenUrl::Setting { key, path } => {
            let (value, origin) = permits::url_setting(key, &oauth2.token_url, manifest, account)?;
            Ok(if path.is_empty() { value } else { format!("{origin}{path}") })
        }
    }
}

/// Both or none, where the manifest requires neither: an account may do without its peer's API.
fn missing_credentials(manifest: &Manifest, account: &Account) -> Vec<Problem> {
    let is_set = |key: &str| {
        let setting = manifest.settings.iter().find(|setting| setting.key == key);
        let default = setting.and_then(|setting| setting.default_value.as_deref());
        let plain = account.settings.get(key).map(String::as_str);
        let secret = account.secrets.get(key).map(|secret| secret.expose().as_str());
        plain.or(secret).or(default).is_some_and(|value| !value.is_empty())
    };
    let is_required =
        |key: &str| manifest.settings.iter().any(|own| own.key == key && own.required);
    let keys = [CLIENT_ID, CLIENT_SECRET];
    if !keys.iter().any(|key| is_required(key) || is_set(key)) {
        return Vec::new();
    }
    let missing = keys.into_iter().filter(|key| !is_set(key));
    let problem = |key: &str| Problem {
        field: Some(key.to_owned()),
        message: "is not set; the host needs it to obtain tokens".to_owned(),
    };
    missing.map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_url_is_whole_or_begins_with_a_setting() {
        let setting = |key, path| Ok(TokenUrl::Setting { key, path });
        for (text, expected) in [
            ("https://a.example/token?x=1", Ok(TokenUrl::Whole("https://a.example/token?x=1"))),
            ("setting:api-url/oauth/token", setting("api-url", "/oauth/token")),
            ("setting:token-url", setting("token-url", "")),
        ] {
            assert_eq!(TokenUrl::read(text), expected);
        }
        for bad in [
            "",
            "a.example/token",
            "ftp://a.example/",
            "https://user@a.example/",
            "https://a.example/#f",
            "setting:",
            "setting:/token",
            "setting:api-url/#f",
        ] {
            assert!(TokenUrl::read(bad).is_err(), "{bad}");
        }
    }
}
