//! Tokens in memory, as the trait has them. Doors that share it are hosts on one database.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    id::{AccountId, Digest},
    secret::Secret,
    storage::{Error, Flow, KeptTokens, Result, Tokens},
};

#[derive(Debug, Default)]
pub(super) struct MemoryTokens {
    rows: Mutex<HashMap<AccountId, Row>>,
    flows: Mutex<HashMap<Digest, Flow>>,
    /// How many of the next attempts to keep tokens fail.
    pub(super) failures: Mutex<u32>,
}

#[derive(Debug, Default, Clone)]
struct Row {
    generation: i64,
    text: Option<Secret<String>>,
    turn: Option<(String, Timestamp)>,
}

impl Row {
    fn kept(&self) -> Option<KeptTokens> {
        let text = self.text.clone()?;
        Some(KeptTokens { generation: self.generation, text })
    }

    fn put(&mut self, text: Secret<String>) -> KeptTokens {
        *self = Self { generation: self.generation + 1, text: Some(text.clone()), turn: None };
        KeptTokens { generation: self.generation, text }
    }
}

impl MemoryTokens {
    fn row<T>(&self, account: &AccountId, look: impl FnOnce(&mut Row) -> T) -> T {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        look(rows.entry(account.clone()).or_default())
    }
}

#[async_trait]
impl Tokens for MemoryTokens {
    async fn tokens_of(&self, account: &AccountId) -> Result<Option<KeptTokens>> {
        Ok(self.row(account, |row| row.kept()))
    }

    async fn take_turn(
        &self,
        account: &AccountId,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Option<KeptTokens>>> {
        Ok(self.row(account, |row| {
            let is_taken =
                row.turn.as_ref().is_some_and(|(own, until)| own != owner && now < *until);
            (!is_taken).then(|| {
                row.turn = Some((owner.to_owned(), until));
                row.kept()
            })
        }))
    }

    async fn keep_tokens(
        &self,
        account: &AccountId,
        owner: &str,
        text: Secret<String>,
    ) -> Result<KeptTokens> {
        {
            let mut failures = self.failures.lock().unwrap();
            if 0 < *failures {
                *failures -= 1;
                return Err(Error::Unavailable("the disk is full".into()));
            }
        }
        self.row(account, |row| {
            let is_own = row.turn.as_ref().is_some_and(|(own, _)| own == owner);
            if is_own { Ok(row.put(text)) } else { Err(Error::LeaseLost) }
        })
    }

    async fn end_turn(&self, account: &AccountId, owner: &str) -> Result<()> {
        self.row(account, |row| row.turn.take_if(|(own, _)| own == owner));
        Ok(())
    }

    async fn put_tokens(&self, account: &AccountId, text: Secret<String>) -> Result<KeptTokens> {
        Ok(self.row(account, |row| row.put(text)))
    }

    async fn begin_flow(&self, state: Digest, flow: Flow, _: Timestamp, _: u32) -> Result<()> {
        self.flows.lock().unwrap().insert(state, flow);
        Ok(())
    }

    async fn end_flow(&self, state: Digest, now: Timestamp) -> Result<Option<Flow>> {
        let flow = self.flows.lock().unwrap().remove(&state);
        Ok(flow.filter(|flow| now < flow.until))
    }
}
