//! Bearer tokens that the host obtains for an account: no guest ever holds one.
//!
//! All hosts share the tokens of an account, sealed in the database: one of them at a time obtains
//! new ones, and they are kept before they are used. Of all calls of this host that need one, one
//! asks and the others wait for the same answer.

mod answer;
mod ask;
mod consent;
mod kept;
mod renew;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use hyper::header::HeaderValue;
use jiff::Timestamp;
use tokio::sync::Mutex;

pub(in crate::plugin) use self::ask::check_manifest;
pub use self::consent::{Begun, Connection, ConsentError};
use self::{
    ask::{Ask, CLIENT_SECRET},
    kept::Kept,
};
use super::{super::secrets::Secrets, Door};
use crate::{
    account::{Account, Auth, Manifest},
    card::Problem,
    id::{AccountId, random_token},
    secret::Secret,
    storage::Tokens,
};

/// How one account comes by its tokens.
pub(in crate::plugin) struct Oauth {
    ask: Ask,
    account: AccountId,
    store: Arc<dyn Tokens>,
    /// Who this is among all that obtain tokens for the account.
    owner: String,
    /// Requests for a token that have ended.
    ended: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    /// The token that the other side refused last.
    refused: Option<Secret<String>>,
    /// New tokens that could not be kept, and the generation that they follow.
    unsaved: Option<(i64, Kept)>,
    /// Why the last request brought none.
    failure: Option<NoToken>,
}

/// One bearer token.
pub(in crate::plugin) struct Token {
    value: Secret<String>,
    header: HeaderValue,
    /// `None` where its endpoint does not say: until it is refused.
    good_until: Option<Timestamp>,
    /// What the next one is obtained with, where its endpoint gives that.
    refresh: Option<Secret<String>>,
}

/// Why there is no token. The texts hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::plugin) enum NoToken {
    /// The operator has to act.
    #[error("the account gets no token: {0}")]
    Refused(String),
    /// Asked to wait, for so many seconds where it was said.
    #[error("the token endpoint asks to wait")]
    TooFast(Option<u64>),
    /// The account may not reach the token endpoint.
    #[error("the token endpoint is denied: {0}")]
    Denied(String),
    /// Later it may work.
    #[error("there is no token now: {0}")]
    Unreachable(String),
}

impl Oauth {
    /// What the manifest asks for, with the account's values; every fault becomes one of `problems`.
    /// `None` where the host has no tokens to obtain.
    pub(super) fn read(
        manifest: &Manifest,
        account: &Account,
        store: &Arc<dyn Tokens>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let Auth::Oauth2(oauth2) = &manifest.auth else { return None };
        let ask = Ask::read(oauth2, manifest, account, problems)?;
        Some(Self {
            ask,
            account: account.id.clone(),
            store: Arc::clone(store),
            owner: random_token(),
            ended: AtomicU64::new(0),
            state: Mutex::default(),
        })
    }

    /// What the account's own requests may carry: with the client's secret a guest could obtain a
    /// token that nobody would scrub.
    pub(super) fn for_guests(secrets: &Secrets) -> Secrets {
        secrets.without(CLIENT_SECRET)
    }

    /// A token that is good at `now`: the one that is kept, or a new one.
    pub(in crate::plugin) async fn token(
        &self,
        door: &Door,
        now: Timestamp,
    ) -> Result<Arc<Token>, NoToken> {
        let ended = self.ended.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(token) = state.token.as_ref().filter(|token| token.is_good(now)) {
            return Ok(Arc::clone(token));
        }
        // Who waited for a request that brought nothing does not ask again at once.
        let has_waited = ended != self.ended.load(Ordering::Acquire);
        if let Some(failure) = state.failure.as_ref().filter(|_| has_waited) {
            return Err(failure.clone());
        }
        let next = self.next(door, &mut state, now).await;
        self.ended.fetch_add(1, Ordering::Release);
        state.token = next.as_ref().ok().map(Arc::clone);
        state.failure = next.as_ref().err().cloned();
        next
    }

    /// Drops a token that was refused, unless another one has come meanwhile.
    pub(in crate::plugin) async fn forget(&self, refused: &Arc<Token>) {
        let mut state = self.state.lock().await;
        state.token.take_if(|token| Arc::ptr_eq(token, refused));
        state.refused = Some(refused.value.clone());
    }
}

impl Token {
    /// The value of the `authorization` header.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    fn is_good(&self, now: Timestamp) -> bool {
        self.good_until.is_none_or(|until| now < until)
    }
}

impl NoToken {
    fn map_text(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Refused(text) => Self::Refused(change(text)),
            Self::Denied(text) => Self::Denied(change(text)),
            Self::Unreachable(text) => Self::Unreachable(change(text)),
            Self::TooFast(wait_s) => Self::TooFast(wait_s),
        }
    }
}

impl std::fmt::Debug for Oauth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oauth").field("ask", &self.ask).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("good_until", &self.good_until).finish_non_exhaustive()
    }
}
