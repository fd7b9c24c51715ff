//! Accounts whose credentials were refused: they rest until somebody gives them others.

use std::sync::Arc;

use tracing::{debug, error};

use super::{Directory, Entry, Error};
use crate::{
    account::{Account, AccountState},
    id::AccountId,
    storage,
};

impl Directory {
    /// Pauses an account for which the host itself obtained no token: it knows better than the
    /// adapter, to which the CRM is only out of reach. Returns why, with the remedy.
    pub async fn pause_if_refused(self: &Arc<Self>, entry: &Entry) -> Option<String> {
        let reason = entry.adapter.as_ref().ok()?.take_refusal()?;
        self.pause_for(&entry.account, reason.clone()).await;
        Some(reason)
    }

    /// Pauses an account, or says in the log why not.
    pub async fn pause_for(self: &Arc<Self>, tried: &Account, reason: String) {
        let id = &tried.id;
        match self.pause(tried, reason).await {
            Ok(true) => {
                error!(account.id = %id, "the credentials were refused: the account is paused");
            }
            Ok(false) => {
                debug!(account.id = %id, "credentials were refused that the account no longer has");
            }
            Err(fault) => {
                let fault = &fault as &dyn std::error::Error;
                error!(account.id = %id, error = fault, "the account could not be paused");
            }
        }
    }

    /// Pauses an account whose credentials were refused: its jobs wait until it is active again.
    ///
    /// Returns false, and pauses nothing, when the account is no longer the one that was `tried`:
    /// the credentials that were refused are not those that it has now.
    pub async fn pause(self: &Arc<Self>, tried: &Account, reason: String) -> Result<bool, Error> {
        let (directory, tried) = (Arc::clone(self), tried.clone());
        self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            let snapshot = directory.snapshot();
            let now = snapshot.accounts.get(&tried.id).map(|entry| &entry.account);
            if tried.state != AccountState::Active || now.is_none_or(|now| **now != tried) {
                return Ok(false);
            }
            let account = Account { state: AccountState::Paused(reason), ..tried.clone() };
            let paused = directory.stores.registry.put_account(Some(&tried), account).await;
            directory.reload().await?;
            match paused {
                Ok(()) => Ok(true),
                // Another host has mended it meanwhile.
                Err(storage::Error::Changed(_)) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Sets an account that was paused to work again. Its credentials are new.
    pub async fn resume(self: &Arc<Self>, id: &AccountId) -> Result<(), Error> {
        let (directory, id) = (Arc::clone(self), id.clone());
        self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            let snapshot = directory.snapshot();
            let paused = snapshot.accounts.get(&id).map(|entry| &entry.account);
            let Some(paused) = paused.filter(|it| it.state != AccountState::Active) else {
                return Ok(());
            };
            let account = Account { state: AccountState::Active, ..Account::clone(paused) };
            let stored = directory.stores.registry.put_account(Some(paused), account).await;
            directory.reload().await?;
            Ok(stored?)
        })
        .await
    }
}
