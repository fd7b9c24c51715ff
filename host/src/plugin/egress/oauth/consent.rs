//! The operator's consent: the authorization code flow with PKCE.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{NoToken, Oauth, ask::Wish, kept::Kept, renew::unavailable};
use crate::{
    base64,
    id::{Digest, random_token},
    plugin::egress::Door,
    secret::Secret,
    storage::Flow,
};

/// Time for an operator to consent.
const CONSENT_MAX: SignedDuration = SignedDuration::from_mins(10);

/// Consents of one account under way at the same time: the oldest goes.
const CONSENTS_MAX: u32 = 8;

/// A consent that was begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the operator consents.
    pub url: Secret<String>,
    pub until: Timestamp,
}

/// How an account stands with its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Whether an operator has to consent once.
    pub needs_consent: bool,
    /// Whether there is something to obtain tokens with.
    pub is_connected: bool,
    /// Counted up by every new token.
    pub generation: i64,
    pub good_until: Option<Timestamp>,
    /// Why there are no more tokens.
    pub refused: Option<String>,
}

/// Why no consent was begun or ended. The texts hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// The plugin or the settings do not provide for it.
    #[error("{0}")]
    NotOffered(String),
    /// The other side refuses, or is not what it was.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unavailable(String),
}

/// What the end of a consent needs of its beginning.
#[derive(Debug, Serialize, Deserialize)]
struct Proof {
    verifier: Secret<String>,
    redirect: String,
    client: String,
}

impl Oauth {
    pub(in crate::plugin) async fn begin_consent(
        &self,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Begun, ConsentError> {
        let (state, verifier) = (random_token(), random_token() + &random_token());
        let challenge = base64::unpadded(&Sha256::digest(&verifier), base64::FOR_URLS);
        let url = self.ask.consent_url(redirect, &state, &challenge)?;
        let until = now.checked_add(CONSENT_MAX).unwrap_or(Timestamp::MAX);
        let proof = Proof {
            verifier: Secret::new(verifier),
            redirect: redirect.to_owned(),
            client: self.ask.client().to_owned(),
        };
        let text = serde_json::to_string(&proof).expect("texts become JSON");
        let flow = Flow { account: self.account.clone(), text: Secret::new(text), until };
        let state = Digest::of(state.as_bytes());
        let begun = self.store.begin_flow(state, flow, now, CONSENTS_MAX).await;
        begun.map_err(|error| ConsentError::Unavailable(error.to_string()))?;
        Ok(Begun { url: Secret::new(url), until })
    }

    /// Obtains the first tokens with the code that the operator's consent has brought.
    pub(in crate::plugin) async fn end_consent(
        &self,
        door: &Door,
        flow: &Flow,
        code: &Secret<String>,
        now: Timestamp,
    ) -> Result<(), ConsentError> {
        let changed =
            || ConsentError::Refused("the account was changed meanwhile: begin again".to_owned());
        let proof: Proof = serde_json::from_str(flow.text.expose()).map_err(|_other| changed())?;
        if proof.client != self.ask.client() || flow.account != self.account {
            return Err(changed());
        }
        door.learn(code);
        let wish = Wish::Code { code, redirect: &proof.redirect, verifier: &proof.verifier };
        let token = self.fetch(door, &wish, now).await.map_err(|reason| of_token(&reason))?;
        let kept = Kept::after(None, self.ask.client(), &token);
        let kept = Kept { redirect: Some(proof.redirect), ..kept };
        let mut state = self.state.lock().await;
        let put = self.store.put_tokens(&self.account, kept.to_text()).await;
        put.map_err(|error| of_token(&unavailable(&error)))?;
        // The next call reads what is kept.
        *state = super::State::default();
        Ok(())
    }

    pub(in crate::plugin) async fn connection(&self) -> Result<Connection, ConsentError> {
        let kept = self.store.tokens_of(&self.account).await;
        let stored = kept.map_err(|error| ConsentError::Unavailable(error.to_string()))?;
        let generation = stored.as_ref().map_or(0, |stored| stored.generation);
        let kept = stored.map(|stored| Kept::read(&stored.text));
        let kept = kept.filter(|kept| kept.client == self.ask.client());
        let refused = kept.as_ref().and_then(|kept| kept.refused.as_ref());
        let refused = refused.filter(|(with, _)| *with == self.ask.credentials());
        let refused = refused.map(|(_, why)| why.clone());
        let needs_consent = self.ask.needs_consent();
        Ok(Connection {
            needs_consent,
            is_connected: refused.is_none() && (kept.is_some() || !needs_consent),
            generation,
            good_until: kept.and_then(|kept| kept.ends_at()),
            refused,
        })
    }
}

fn of_token(reason: &NoToken) -> ConsentError {
    match reason {
        NoToken::Refused(_) | NoToken::Denied(_) => ConsentError::Refused(reason.to_string()),
        NoToken::TooFast(_) | NoToken::Unreachable(_) => {
            ConsentError::Unavailable(reason.to_string())
        }
    }
}
