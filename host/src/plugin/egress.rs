//! The one way out of the sandbox: granted hosts only, secrets put in on the way.
//!
//! Redirects are not followed, proxies not used, cookies not kept, bodies not decompressed.

mod address;
mod answers;
mod connector;
mod denials;
mod exchange;
mod failure;
mod message;
mod oauth;
mod permits;
mod request;
mod response;
mod settings;
mod tape;
#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, client::Resumption, crypto::ring};
use url::{Host, Url};

pub(super) use self::{
    answers::Answering,
    oauth::{NoToken, Oauth, Token, check_manifest},
    tape::{Exchange, Tape},
};
pub use self::{
    answers::Answers,
    denials::{DENIALS_MAX, DenialLog},
    message::{FetchError, Incoming, Outgoing},
    oauth::{Begun, Connection, ConsentError},
};
use self::{
    answers::Peer,
    connector::{Connector, Lookup, Reach},
    denials::Denied,
    failure::text_of,
    permits::Permits,
    settings::{plain_settings, secret_problems},
};
use super::secrets::Secrets;
use crate::{
    account::{Account, Manifest},
    card::Problem,
    clock::Clock,
    config,
    id::AccountId,
    secret::Secret,
    storage::Tokens,
};

/// Headers of a request, and of a response.
const HEADERS_MAX: usize = 128;

/// Names and values of a response's headers, in bytes.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// Room around the headers in a response's head: status line, colons and line ends.
const HEAD_SLACK_BYTES: usize = 8 << 10;

/// TLS sessions that one account may resume.
const TLS_SESSIONS_MAX: usize = 64;

/// Tokens of one account that are looked for in what comes back: a late answer may hold an old one.
const TOKENS_SCRUBBED: usize = 8;

/// What all accounts share: limits, and the certificates that are trusted.
pub struct Egress {
    config: config::Egress,
    request_bytes_max: usize,
    response_bytes_max: usize,
    tls: ClientConfig,
    lookup: Lookup,
    denials: Arc<DenialLog>,
    tokens: Arc<dyn Tokens>,
}

/// One account's way out: its rules, its connections, its secrets.
pub struct Door {
    account: AccountId,
    denials: Arc<DenialLog>,
    permits: Permits,
    settings: Vec<(String, String)>,
    secrets: Secrets,
    /// What the guest's own requests may carry, where that is not all.
    for_guests: Option<Secrets>,
    scrubber: RwLock<Scrubber>,
    oauth: Option<Oauth>,
    /// What answers in the place of the network, where nothing may go out.
    peer: Option<Arc<dyn Peer>>,
    public: HttpClient,
    /// Apart from `public`, so that a connection opened under a private grant serves nothing else.
    private: HttpClient,
    /// Likewise, for addresses that are granted as such.
    exact: HttpClient,
    timeout: Duration,
    request_bytes_max: usize,
    response_bytes_max: usize,
}

/// What is taken out of everything that comes back.
struct Scrubber {
    secrets: Arc<Secrets>,
    /// The newest first.
    tokens: Vec<Secret<String>>,
}

type HttpClient = Client<Connector, Full<Bytes>>;

impl Egress {
    /// Denials are noted at the time of `clock`.
    pub fn new(
        egress: &config::Egress,
        limits: &config::Limits,
        clock: Arc<dyn Clock>,
        tokens: Arc<dyn Tokens>,
    ) -> Self {
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
            denials: Arc::new(DenialLog::new(clock)),
            tokens,
        }
    }

    /// What accounts were denied.
    pub fn denials(&self) -> &Arc<DenialLog> {
        &self.denials
    }

    /// Opens an account's way out, or tells everything that is wrong with its rules and secrets.
    pub fn door(&self, manifest: &Manifest, account: &Account) -> Result<Door, Vec<Problem>> {
        let mut problems = Vec::new();
        let permits = Permits::read(manifest, account, &mut problems);
        problems.extend(secret_problems(manifest, account));
        let oauth = Oauth::read(manifest, account, &self.tokens, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut tls = self.tls.clone();
        // The clone shares the trusted certificates; sessions are never shared between accounts.
        tls.resumption = Resumption::in_memory_sessions(TLS_SESSIONS_MAX);
        let tls = Arc::new(tls);
        let secrets = Secrets::new(account.secrets.iter());
        let former: Vec<_> = account.former_secrets.values().map(|it| it.value.clone()).collect();
        let scrubbed = Arc::new(secrets.and_tokens(&former));
        let for_guests = oauth.as_ref().map(|_| Oauth::for_guests(&secrets));
        Ok(Door {
            account: account.id.clone(),
            denials: Arc::clone(&self.denials),
            permits,
            settings: plain_settings(manifest, account),
            secrets,
            for_guests,
            scrubber: RwLock::new(Scrubber { secrets: scrubbed, tokens: former }),
            oauth,
            peer: None,
            public: self.client(Reach::Public, &tls),
            private: self.client(Reach::Private, &tls),
            exact: self.client(Reach::Exact, &tls),
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

    /// Takes the account's secrets and its tokens out of a text.
    pub fn scrub(&self, text: &str) -> String {
        self.scrubber().scrub(text)
    }

    /// The same for the first `bytes_max` bytes, however large a guest has made the text.
    pub(super) fn scrub_up_to(&self, text: &str, bytes_max: usize) -> String {
        self.scrubber().scrub_up_to(text, bytes_max)
    }

    /// How the account comes by its tokens, where the host obtains them.
    pub(super) fn oauth(&self) -> Option<&Oauth> {
        self.oauth.as_ref().filter(|_| self.peer.is_none())
    }

    /// Whether a request may go where it wants to; all else is seen when it is sent.
    pub(super) fn check(&self, request: &Outgoing) -> Result<(), FetchError> {
        let url = request::read_url(&request.url, &self.secrets)?;
        self.reach(&url, &request.method).map(drop)
    }

    fn reach(&self, url: &Url, method: &str) -> Result<Reach, FetchError> {
        let reach = self.permits.check(url, method);
        let reach = reach.map_err(|denied| self.denied(url, method, denied))?;
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => None,
        };
        match address.filter(|address| !reach.allows(*address)) {
            Some(refused) => Err(self.denied(url, method, permits::address_denied(url, refused))),
            None => Ok(reach),
        }
    }

    /// Notes a denial for the operator, and tells the guest.
    fn denied(&self, url: &Url, method: &str, denied: Denied) -> FetchError {
        if self.peer.is_none() {
            self.denials.note(&self.account, url, method, &denied);
        }
        FetchError::Denied(denied.message)
    }

    /// From now on this token is taken out of whatever comes back.
    fn learn(&self, token: &Secret<String>) {
        let mut scrubber = self.scrubber.write().unwrap_or_else(PoisonError::into_inner);
        scrubber.tokens.retain(|known| known != token);
        scrubber.tokens.insert(0, token.clone());
        scrubber.tokens.truncate(TOKENS_SCRUBBED);
        scrubber.secrets = Arc::new(self.secrets.and_tokens(&scrubber.tokens));
    }

    fn scrubber(&self) -> Arc<Secrets> {
        Arc::clone(&self.scrubber.read().unwrap_or_else(PoisonError::into_inner).secrets)
    }
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
