//! The one way out of the sandbox: granted hosts only, secrets put in on the way.
//!
//! Redirects are not followed, proxies not used, cookies not kept, bodies not decompressed.

mod address;
mod connector;
mod permits;
mod request;
mod response;
#[cfg(test)]
mod tests;

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::{
    client::legacy::{self, Client, connect::capture_connection},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, client::Resumption, crypto::ring};
use tokio::time;
use url::Url;

use self::{
    connector::{AddressRefused, Connector, Lookup, Reach},
    permits::Permits,
};
use super::secrets::{SECRET_BYTES_MIN, Secrets};
use crate::{
    account::{Account, Manifest},
    card::Problem,
    config,
    secret::Secret,
};

/// Headers of a request, and of a response.
const HEADERS_MAX: usize = 128;

/// Names and values of a response's headers, in bytes.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// Room around the headers in a response's head: status line, colons and line ends.
const HEAD_SLACK_BYTES: usize = 8 << 10;

/// TLS sessions that one account may resume.
const TLS_SESSIONS_MAX: usize = 64;

/// What all accounts share: limits, and the certificates that are trusted.
pub struct Egress {
    config: config::Egress,
    request_bytes_max: usize,
    response_bytes_max: usize,
    tls: ClientConfig,
    lookup: Lookup,
}

/// One account's way out: its rules, its connections, its secrets.
pub struct Door {
    permits: Permits,
    settings: Vec<(String, String)>,
    secrets: Secrets,
    public: HttpClient,
    /// Apart from `public`, so that a connection opened under a private grant serves nothing else.
    private: HttpClient,
    timeout: Duration,
    request_bytes_max: usize,
    response_bytes_max: usize,
}

type HttpClient = Client<Connector, Full<Bytes>>;

/// A request as the guest wrote it, with placeholders for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Shortens the limit of the configuration, never lengthens it.
    pub timeout_ms: Option<u32>,
}

/// A response as the guest sees it, with placeholders for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no response. The texts hold no secret and no filled URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not asked or not granted; the text names the grant that would allow it.
    #[error("denied: {0}")]
    Denied(String),
    #[error("invalid request: {0}")]
    Invalid(String),
    /// Surely nothing was sent.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The request, or a part of it, may have been sent.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// Nothing was sent.
    #[error("request too large: {0}")]
    RequestTooLarge(String),
    /// The request was sent.
    #[error("response too large: {0}")]
    ResponseTooLarge(String),
}

impl Egress {
    pub fn new(egress: &config::Egress, limits: &config::Limits) -> Self {
        let provider = Arc::new(ring::default_provider());
        let versions =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = versions.expect("the provider knows TLS 1.2 and 1.3");
        let mut tls = builder.with_webpki_roots().with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self {
            config: egress.clone(),
            request_bytes_max: limits.http_request_bytes,
            response_bytes_max: limits.http_response_bytes,
            tls,
            lookup: connector::system_lookup(),
        }
    }

    /// Opens an account's way out, or tells everything that is wrong with its rules and secrets.
    pub fn door(&self, manifest: &Manifest, account: &Account) -> Result<Door, Vec<Problem>> {
        let mut problems = Vec::new();
        let permits = Permits::read(manifest, account, &mut problems);
        problems.extend(secret_problems(manifest, account));
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut tls = self.tls.clone();
        // The clone shares the trusted certificates; sessions are never shared between accounts.
        tls.resumption = Resumption::in_memory_sessions(TLS_SESSIONS_MAX);
        let tls = Arc::new(tls);
        Ok(Door {
            permits,
            settings: plain_settings(manifest, account),
            secrets: Secrets::new(account.secrets.iter()),
            public: self.client(Reach::Public, &tls),
            private: self.client(Reach::Private, &tls),
            timeout: millis(self.config.timeout_ms.get()),
            request_bytes_max: self.request_bytes_max,
            response_bytes_max: self.response_bytes_max,
        })
    }

    fn client(&self, reach: Reach, tls: &Arc<ClientConfig>) -> HttpClient {
        let limit = millis(self.config.connect_ms.get());
        let connector = Connector::new(Arc::clone(&self.lookup), reach, limit, Arc::clone(tls));
        let is_kept = 0 < self.config.idle_s;
        Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(self.config.idle_s.into()))
            .pool_max_idle_per_host(if is_kept { self.config.idle_connections } else { 0 })
            .http1_max_headers(HEADERS_MAX)
            .http1_max_buf_size(HEADER_BYTES_MAX + HEAD_SLACK_BYTES)
            .http2_max_header_list_size(
                u32::try_from(HEADER_BYTES_MAX + HEAD_SLACK_BYTES).unwrap_or(u32::MAX),
            )
            .build(connector)
    }
}

impl Door {
    /// A plain value, the manifest's default, or the placeholder of a secret that is set.
    pub fn setting(&self, key: &str) -> Option<String> {
        let plain =
            || self.settings.iter().find(|(own, _)| own == key).map(|(_, value)| value.clone());
        self.secrets.placeholder(key).map(str::to_owned).or_else(plain)
    }

    /// The value of a secret setting, for the vault only.
    pub fn secret(&self, key: &str) -> Option<&Secret<String>> {
        self.secrets.value(key)
    }

    /// Takes the account's secrets out of a text.
    pub fn scrub(&self, text: &str) -> String {
        self.secrets.scrub(text)
    }

    /// Sends one request and reads its whole response.
    pub async fn fetch(&self, request: Outgoing) -> Result<Incoming, FetchError> {
        let url = request::read_url(&request.url, &self.secrets)?;
        // Before any secret is put in.
        let reach = self.permits.check(&url)?;
        let limit = request.timeout_ms.map_or(self.timeout, |own| self.timeout.min(millis(own)));
        let mut request = request::build(request, &url, &self.secrets, self.request_bytes_max)?;
        let client = match reach {
            Reach::Public => &self.public,
            Reach::Private => &self.private,
        };
        let connection = capture_connection(&mut request);
        let exchange = async {
            let response =
                client.request(request).await.map_err(|error| self.failure(&url, &error))?;
            response::read(response, &self.secrets, self.response_bytes_max).await
        };
        match time::timeout(limit, exchange).await {
            Ok(result) => result,
            // Hyper notes the connection in the step before it hands the request over to it.
            Err(_elapsed) if connection.connection_metadata().is_none() => Err(
                FetchError::Unreachable(format!("no connection within {} ms", limit.as_millis())),
            ),
            Err(_elapsed) => Err(FetchError::Interrupted(format!(
                "no whole response within {} ms",
                limit.as_millis()
            ))),
        }
    }

    fn failure(&self, url: &Url, error: &legacy::Error) -> FetchError {
        if causes(error).any(<dyn Error>::is::<AddressRefused>) {
            return permits::private_denied(url);
        }
        let is_large = |cause: &(dyn Error + 'static)| {
            cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large)
        };
        if causes(error).any(is_large) {
            return response::headers_too_large();
        }
        let text = self.scrub(&text_of(error));
        if error.is_connect() {
            FetchError::Unreachable(text)
        } else {
            FetchError::Interrupted(text)
        }
    }
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
}

fn text_of(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.join(": ")
}

fn secret_problems(manifest: &Manifest, account: &Account) -> Vec<Problem> {
    let short = account.secrets.iter().filter(|(_, value)| value.expose().len() < SECRET_BYTES_MIN);
    let short = short.map(|(key, _)| Problem {
        field: Some(key.clone()),
        message: format!("a secret has at least {SECRET_BYTES_MIN} bytes: a shorter one cannot be kept out of logs"),
    });
    let open = manifest
        .settings
        .iter()
        .filter(|own| own.secret && account.settings.contains_key(&own.key));
    let open = open.map(|setting| Problem {
        field: Some(setting.key.clone()),
        message: "is a secret: give it under `secrets`, not under `settings`".to_owned(),
    });
    short.chain(open).collect()
}

/// The account's own values, then the manifest's defaults: the first of a key counts.
fn plain_settings(manifest: &Manifest, account: &Account) -> Vec<(String, String)> {
    let own = account.settings.iter().map(|(key, value)| (key.clone(), value.clone()));
    let open = manifest.settings.iter().filter(|setting| !setting.secret);
    let defaults =
        open.filter_map(|setting| Some((setting.key.clone(), setting.default_value.clone()?)));
    own.chain(defaults).collect()
}

fn millis(count: u32) -> Duration {
    Duration::from_millis(count.into())
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").field("config", &self.config).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("permits", &self.permits).finish_non_exhaustive()
    }
}
