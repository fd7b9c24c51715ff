//! Where an account asks for its tokens, and with what.

use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::{
    super::{Door, Outgoing, permits},
    NoToken,
    consent::ConsentError,
    kept::fingerprint,
};
use crate::{
    account::{Account, Manifest, Oauth2, TokenRequest},
    card::Problem,
    secret::Secret,
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
    /// Where an operator consents; `None` with the client's own credentials.
    authorize_url: Option<String>,
    client_id: String,
    client: String,
    credentials: String,
}

/// What tokens are asked for with.
#[derive(Debug)]
pub(super) enum Wish<'w> {
    /// The client's own credentials.
    Client,
    Refresh {
        token: &'w Secret<String>,
        redirect: Option<&'w str>,
    },
    Code {
        code: &'w Secret<String>,
        redirect: &'w str,
        verifier: &'w Secret<String>,
    },
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
    /// `None` where the account does without tokens of the host's.
    pub(super) fn read(
        oauth2: &Oauth2,
        manifest: &Manifest,
        account: &Account,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let value = |key| value_of(key, manifest, account).unwrap_or_default();
        let (id, secret) = (value(CLIENT_ID), value(CLIENT_SECRET));
        let needs_consent = oauth2.authorize_url.is_some();
        if needs_consent && id.is_empty() && !is_required(CLIENT_ID, manifest) {
            return None;
        }
        if !needs_consent {
            problems.extend(missing_credentials(manifest, account));
        }
        let mut url = |it| url(it, manifest, account).map_err(|problem| problems.push(problem));
        let token_url = url(("auth.token-url", &oauth2.token_url));
        let authorize_url = oauth2.authorize_url.as_ref();
        let authorize_url = authorize_url.map(|text| url(("auth.authorize-url", text))).transpose();
        let (token_url, authorize_url) = (token_url.ok()?, authorize_url.ok()?);
        let scopes = oauth2.scopes.join(" ");
        let client = if needs_consent {
            fingerprint(&["consent", &token_url, &id])
        } else {
            fingerprint(&["client", &token_url, &id, &secret, &scopes])
        };
        Some(Self {
            url: token_url,
            token_request: oauth2.token_request,
            scopes,
            authorize_url,
            credentials: fingerprint(&[&client, &secret]),
            client_id: id,
            client,
        })
    }

    /// Whether an operator has to consent once.
    pub(super) fn needs_consent(&self) -> bool {
        self.authorize_url.is_some()
    }

    /// A name for whom tokens are given to.
    pub(super) fn client(&self) -> &str {
        &self.client
    }

    /// The same with what they prove themselves by.
    pub(super) fn credentials(&self) -> String {
        self.credentials.clone()
    }

    /// Where an operator is sent to consent.
    pub(super) fn consent_url(
        &self,
        redirect: &str,
        state: &str,
        challenge: &str,
    ) -> Result<String, ConsentError> {
        let url = self.authorize_url.as_ref().ok_or_else(|| {
            let text = "the plugin needs no consent: the account has credentials of its own";
            ConsentError::NotOffered(text.to_owned())
        })?;
        if self.client_id.is_empty() {
            let text = format!("`{CLIENT_ID}` is not set on the account");
            return Err(ConsentError::NotOffered(text));
        }
        let mut url =
            Url::parse(url).map_err(|error| ConsentError::NotOffered(error.to_string()))?;
        let mut members = vec![
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", redirect),
            ("state", state),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ];
        if !self.scopes.is_empty() {
            members.push(("scope", &self.scopes));
        }
        url.query_pairs_mut().extend_pairs(members);
        Ok(url.into())
    }

    /// The request, with placeholders for the settings that are secret.
    pub(super) fn request(&self, door: &Door, wish: &Wish<'_>) -> Result<Outgoing, NoToken> {
        let setting = |key: &str| door.setting(key).filter(|value| !value.is_empty());
        let unset = |key: &str| NoToken::Refused(format!("`{key}` is not set on the account"));
        let id = setting(CLIENT_ID).ok_or_else(|| unset(CLIENT_ID))?;
        let secret = setting(CLIENT_SECRET);
        let mut members = vec![("grant_type", wish.grant_type()), ("client_id", id.as_str())];
        match (&secret, wish) {
            (Some(secret), _) => members.push(("client_secret", secret)),
            (None, Wish::Client) => return Err(unset(CLIENT_SECRET)),
            // A public client proves itself by the code and its verifier.
            (None, Wish::Refresh { .. } | Wish::Code { .. }) => {}
        }
        match wish {
            Wish::Client if self.scopes.is_empty() => {}
            Wish::Client => members.push(("scope", &self.scopes)),
            Wish::Refresh { token, redirect } => {
                members.push(("refresh_token", token.expose()));
                members.extend(redirect.map(|redirect| ("redirect_uri", redirect)));
            }
            Wish::Code { code, redirect, verifier } => members.extend([
                ("code", code.expose().as_str()),
                ("redirect_uri", redirect),
                ("code_verifier", verifier.expose()),
            ]),
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

impl Wish<'_> {
    fn grant_type(&self) -> &'static str {
        match self {
            Self::Client => "client_credentials",
            Self::Refresh { .. } => "refresh_token",
            Self::Code { .. } => "authorization_code",
        }
    }
}

/// An endpoint of this account; `text` is what the manifest says of it under `field`.
fn url(
    (field, text): (&str, &str),
    manifest: &Manifest,
    account: &Account,
) -> Result<String, Problem> {
    let read = TokenUrl::read(text);
    let problem = |message| Problem { field: Some(field.to_owned()), message };
    match read.map_err(problem)? {
        TokenUrl::Whole(url) => Ok(url.to_owned()),
        TokenUrl::Setting { key, path } => {
            let (value, origin) = permits::url_setting(key, text, manifest, account)?;
            Ok(if path.is_empty() { value } else { format!("{origin}{path}") })
        }
    }
}

fn is_required(key: &str, manifest: &Manifest) -> bool {
    manifest.settings.iter().any(|own| own.key == key && own.required)
}

/// What the account, or the manifest, has under a key; an empty value is none.
fn value_of(key: &str, manifest: &Manifest, account: &Account) -> Option<String> {
    let setting = manifest.settings.iter().find(|setting| setting.key == key);
    let default = setting.and_then(|setting| setting.default_value.as_ref());
    let secret = account.secrets.get(key).map(Secret::expose);
    let value = account.settings.get(key).or(secret).or(default);
    value.filter(|value| !value.is_empty()).cloned()
}

/// Both or none, where the manifest requires neither: an account may do without its peer's API.
fn missing_credentials(manifest: &Manifest, account: &Account) -> Vec<Problem> {
    let is_set = |key: &str| value_of(key, manifest, account).is_some();
    let keys = [CLIENT_ID, CLIENT_SECRET];
    if !keys.iter().any(|key| is_required(key, manifest) || is_set(key)) {
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
