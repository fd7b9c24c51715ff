//! New tokens: one host at a time asks for them, and keeps them before anybody uses them.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{
    super::{Door, FetchError},
    NoToken, Oauth, State, Token, answer,
    ask::Wish,
    kept::Kept,
};
use crate::storage::{self, KeptTokens};

/// Largest answer of a token endpoint, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What a host's turn lasts beyond the longest request: for its tokens to be kept.
const TURN_MARGIN: Duration = Duration::from_secs(15);

/// Between two looks at what another host does in its turn.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Oauth {
    /// The token that is kept for all hosts, or a new one.
    pub(super) async fn next(
        &self,
        door: &Door,
        state: &mut State,
        now: Timestamp,
    ) -> Result<Arc<Token>, NoToken> {
        let started = Instant::now();
        loop {
            let now = after(now, started.elapsed());
            let kept = self.store.tokens_of(&self.account).await.map_err(|it| unavailable(&it))?;
            if let Some(token) = self.usable(door, state, kept.as_ref(), now) {
                return Ok(token);
            }
            let until = after(now, door.timeout + TURN_MARGIN);
            let turn = self.store.take_turn(&self.account, &self.owner, now, until).await;
            if let Some(kept) = turn.map_err(|error| unavailable(&error))? {
                return self.in_turn(door, state, kept, now).await;
            }
            if door.timeout <= started.elapsed() {
                return Err(NoToken::Unreachable("another host is obtaining one".to_owned()));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// What is kept, if it is of this client and good.
    fn usable(
        &self,
        door: &Door,
        state: &State,
        kept: Option<&KeptTokens>,
        now: Timestamp,
    ) -> Option<Arc<Token>> {
        let kept = Kept::read(&kept?.text);
        let is_own = kept.client == self.ask.client();
        let token = kept.token(state.refused.as_ref(), now).filter(|_| is_own)?;
        // Before anybody can send it: what comes back is scrubbed of it.
        door.learn(&token.value);
        Some(Arc::new(token))
    }

    async fn in_turn(
        &self,
        door: &Door,
        state: &mut State,
        kept: Option<KeptTokens>,
        now: Timestamp,
    ) -> Result<Arc<Token>, NoToken> {
        // Another host may have had its turn since it was looked at.
        if let Some(token) = self.usable(door, state, kept.as_ref(), now) {
            self.give_back().await;
            return Ok(token);
        }
        let generation = kept.as_ref().map_or(0, |kept| kept.generation);
        let before = kept.map(|kept| Kept::read(&kept.text));
        let before = before.filter(|before| before.client == self.ask.client());
        let unsaved = state.unsaved.take().filter(|(follows, _)| *follows == generation);
        let next = match unsaved {
            Some((_, next)) => next,
            None => match self.obtain(door, before.as_ref(), now).await {
                Ok(token) => Kept::after(before.as_ref(), self.ask.client(), &token),
                Err(failure) => return Err(self.failed(before, failure).await),
            },
        };
        if let Err(error) = self.store.keep_tokens(&self.account, &self.owner, next.to_text()).await
        {
            // What they replace may be worthless by now: they are kept at the next try.
            state.unsaved = Some((generation, next));
            return Err(unavailable(&error));
        }
        // Some endpoints give the token again that was refused: it goes out once more, and the next
        // refusal is the adapter's to tell, which pauses the account.
        let token = next.token(None, now).ok_or_else(|| {
            NoToken::Unreachable("the token endpoint gave a token that is over".to_owned())
        })?;
        door.learn(&token.value);
        Ok(Arc::new(token))
    }

    async fn obtain(
        &self,
        door: &Door,
        before: Option<&Kept>,
        now: Timestamp,
    ) -> Result<Token, NoToken> {
        let wish =
            if self.ask.needs_consent() { self.refreshing(door, before)? } else { Wish::Client };
        self.fetch(door, &wish, now).await
    }

    fn refreshing<'k>(&self, door: &Door, before: Option<&'k Kept>) -> Result<Wish<'k>, NoToken> {
        let connect = || format!("run `patchbay account connect {}`", self.account);
        let Some(before) = before else {
            return Err(NoToken::Refused(format!("the account is not connected: {}", connect())));
        };
        if let Some((with, why)) = &before.refused
            && *with == self.ask.credentials()
        {
            return Err(NoToken::Refused(why.clone()));
        }
        let Some(refresh) = &before.refresh else {
            return Err(NoToken::Refused(format!(
                "the account's token is over and came without a refresh token: {}",
                connect()
            )));
        };
        // Its endpoint may quote it.
        door.learn(refresh);
        Ok(Wish::Refresh { token: refresh, redirect: before.redirect.as_deref() })
    }

    /// Asks the token endpoint.
    pub(super) async fn fetch(
        &self,
        door: &Door,
        wish: &Wish<'_>,
        now: Timestamp,
    ) -> Result<Token, NoToken> {
        let request = self.ask.request(door, wish)?;
        let answer = door.fetch_token(request, ANSWER_BYTES_MAX).await.map_err(|error| {
            match error {
                FetchError::Denied(text) => NoToken::Denied(text),
                // The answer was lost, and with it a token that nobody will use.
                other => NoToken::Unreachable(format!("the token endpoint: {other}")),
            }
        })?;
        let scrub = |text: &str| door.scrub(text);
        answer::read(&answer, now, &scrub).map_err(|failure| failure.map_text(|text| scrub(&text)))
    }

    /// Credentials that are dead are kept as such: no host asks with them again.
    async fn failed(&self, before: Option<Kept>, failure: NoToken) -> NoToken {
        let failure = match failure {
            NoToken::Refused(why) if self.ask.needs_consent() && before.is_some() => {
                let is_known = before.as_ref().is_some_and(|kept| kept.refused.is_some());
                let remedy = format!("run `patchbay account connect {}`", self.account);
                let is_told = is_known || why.contains(&remedy);
                NoToken::Refused(if is_told { why } else { format!("{why}: {remedy}") })
            }
            failure => failure,
        };
        if let (NoToken::Refused(why), Some(before)) = (&failure, before)
            && self.ask.needs_consent()
        {
            let refused = Some((self.ask.credentials(), why.clone()));
            let text = Kept { refused, ..before }.to_text();
            if let Err(error) = self.store.keep_tokens(&self.account, &self.owner, text).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(account.id = %self.account, error, "that tokens are refused could not be kept");
            }
            return failure;
        }
        self.give_back().await;
        failure
    }

    async fn give_back(&self) {
        if let Err(error) = self.store.end_turn(&self.account, &self.owner).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(account.id = %self.account, error, "the turn for tokens ends by its time");
        }
    }
}

/// By whole seconds: what passed before the first look is nothing.
fn after(now: Timestamp, elapsed: Duration) -> Timestamp {
    let seconds = i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX);
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

pub(super) fn unavailable(error: &storage::Error) -> NoToken {
    NoToken::Unreachable(format!("the host's store: {error}"))
}
