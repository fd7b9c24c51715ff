//! A new webhook token for an account, while the one before it still works for a time.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Directory, Error, invalid};
use crate::{
    account::{Account, ReplacedToken},
    id::{AccountId, Digest, random_token},
    secret::Secret,
    storage,
};

/// The digests of the tokens that lead to the account, each with its end.
pub(super) fn tokens(account: &Account) -> impl Iterator<Item = (Digest, Option<Timestamp>)> + '_ {
    let digest = |token: &Secret<String>| Digest::of(token.expose().as_bytes());
    let now = account.webhook_token.iter().map(move |token| (digest(token), None));
    let replaced = account.replaced_token.iter();
    now.chain(replaced.map(move |replaced| (digest(&replaced.token), Some(replaced.until))))
}

impl Directory {
    /// Gives a channel account a new webhook token. The one that it has works until then, and the
    /// one before that no longer.
    pub async fn replace_webhook_token(
        self: &Arc<Self>,
        id: AccountId,
        until: Timestamp,
    ) -> Result<(), Error> {
        let directory = Arc::clone(self);
        self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            let put = match directory.put_new_token(&id, until).await {
                // Another host has set the account since it was read here.
                Err(Error::Storage(storage::Error::Changed(_))) => {
                    directory.reload().await?;
                    directory.put_new_token(&id, until).await
                }
                put => put,
            };
            put?;
            directory.reload().await
        })
        .await
    }

    async fn put_new_token(&self, id: &AccountId, until: Timestamp) -> Result<(), Error> {
        let snapshot = self.snapshot();
        let before = snapshot.accounts.get(id).map(|entry| entry.account.as_ref());
        let pair = before.and_then(|before| Some((before, before.webhook_token.clone()?)));
        let Some((before, token)) = pair else {
            return Err(invalid("id", format!("account `{id}` has no webhook URL")));
        };
        let account = Account {
            webhook_token: Some(Secret::new(random_token())),
            replaced_token: Some(ReplacedToken { token, until }),
            ..before.clone()
        };
        Ok(self.stores.registry.put_account(Some(before), account).await?)
    }
}
