//! What a database of one host needs to share: nothing. Turns are counted in this process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;
use crate::{
    account::Rate,
    id::AccountId,
    storage::{News, Peers, Turns, turn},
};

/// One process holds the file, so its memory is the whole truth.
#[derive(Debug, Default)]
pub(super) struct OwnTurns(Mutex<HashMap<AccountId, Timestamp>>);

#[async_trait]
impl Turns for OwnTurns {
    async fn take(&self, account: &AccountId, rate: Rate, now: Timestamp) -> Result<Timestamp> {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, after) = turn(next.get(account).copied(), rate, now);
        next.insert(account.clone(), after);
        Ok(at)
    }

    async fn peek(&self, account: &AccountId, rate: Rate, now: Timestamp) -> Result<Timestamp> {
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(turn(next.get(account).copied(), rate, now).0)
    }
}

/// Nobody else opens the file.
#[derive(Debug)]
pub(super) struct Alone;

#[async_trait]
impl Peers for Alone {
    async fn news(&self) -> News {
        std::future::pending().await
    }
}
