//! `kv`: the account's own small store.

use std::sync::Arc;

use crate::{
    plugin::{
        bind::Bound,
        bindings::patchbay::adapter::kv::{Change, Error, Host},
        state::CallState,
    },
    storage::{self, Committed},
};

const KEY_BYTES_MAX: usize = 512;
const CHANGES_MAX: usize = 64;
const KEYS_MAX: u32 = 1000;

impl CallState {
    /// Whose store it is, if one more call is allowed.
    fn kv_call(&mut self) -> Result<Arc<Bound>, Error> {
        self.memory.went_on();
        let bound = self.bound.as_ref().filter(|_| !self.export.is_pure).ok_or(Error::Denied)?;
        if self.limits.kv_calls <= self.used.kv {
            let max = self.limits.kv_calls;
            self.refused.note("kv-calls");
            return Err(Error::Unavailable(format!(
                "all {max} calls of `kv` are used (`limits.kv_calls`)"
            )));
        }
        self.used.kv += 1;
        Ok(Arc::clone(bound))
    }

    fn noted<T>(&mut self, answer: Result<T, Error>) -> Result<T, Error> {
        match &answer {
            Err(Error::Denied) => self.refused.note("kv-denied"),
            Err(Error::TooLarge(_)) => self.refused.note("kv-too-large"),
            Err(Error::Full) => self.refused.note("kv-full"),
            Ok(_) | Err(Error::Conflict | Error::Unavailable(_)) => {}
        }
        answer
    }

    async fn kv_get(&mut self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let bound = self.kv_call()?;
        check_key(key)?;
        let value = bound.kv.get(&bound.account.id, key).await;
        value.map_err(|error| unavailable(&error))
    }

    async fn kv_commit(&mut self, changes: Vec<Change>) -> Result<(), Error> {
        let bound = self.kv_call()?;
        if CHANGES_MAX < changes.len() {
            return Err(Error::TooLarge(format!(
                "{} changes, at most {CHANGES_MAX} are allowed",
                changes.len()
            )));
        }
        let changes = changes
            .into_iter()
            .map(|change| checked(change, self.limits.kv_value_bytes))
            .collect::<Result<_, _>>()?;
        let committed =
            bound.kv.commit(&bound.account.id, changes, self.limits.kv_account_bytes).await;
        match committed.map_err(|error| unavailable(&error))? {
            Committed::Yes => Ok(()),
            Committed::Conflict => Err(Error::Conflict),
            Committed::Full => Err(Error::Full),
        }
    }

    async fn kv_keys(
        &mut self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let bound = self.kv_call()?;
        [prefix, after.unwrap_or_default()].into_iter().try_for_each(check_key)?;
        let keys = bound.kv.keys(&bound.account.id, prefix, after, limit.min(KEYS_MAX)).await;
        keys.map_err(|error| unavailable(&error))
    }
}

impl Host for CallState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let answer = self.kv_get(&key).await;
        Ok(self.noted(answer))
    }

    async fn commit(&mut self, changes: Vec<Change>) -> wasmtime::Result<Result<(), Error>> {
        let answer = self.kv_commit(changes).await;
        Ok(self.noted(answer))
    }

    async fn keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        let answer = self.kv_keys(&prefix, after.as_deref(), limit).await;
        Ok(self.noted(answer))
    }
}

fn check_key(key: &str) -> Result<(), Error> {
    if KEY_BYTES_MAX < key.len() {
        return Err(Error::TooLarge(format!(
            "a key of {} bytes, at most {KEY_BYTES_MAX} are allowed",
            key.len()
        )));
    }
    Ok(())
}

fn check_value(value: &[u8], bytes_max: usize) -> Result<(), Error> {
    if bytes_max < value.len() {
        return Err(Error::TooLarge(format!(
            "a value of {} bytes, at most {bytes_max} are allowed",
            value.len()
        )));
    }
    Ok(())
}

fn checked(change: Change, value_bytes_max: usize) -> Result<storage::Change, Error> {
    let change = match change {
        Change::Set((key, value)) => storage::Change::Set(key, value),
        Change::Delete(key) => storage::Change::Delete(key),
        Change::Expect((key, value)) => storage::Change::Expect(key, value),
    };
    let (key, value) = match &change {
        storage::Change::Set(key, value) => (key, Some(value)),
        storage::Change::Expect(key, value) => (key, value.as_ref()),
        storage::Change::Delete(key) => (key, None),
    };
    check_key(key)?;
    check_value(value.map_or(&[], Vec::as_slice), value_bytes_max)?;
    Ok(change)
}

/// The guest learns that it failed; what failed is for our log.
fn unavailable(error: &storage::Error) -> Error {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the store of an account is unavailable"
    );
    Error::Unavailable("the host's store is unavailable".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_taken_up_to_the_last_byte() {
        let set = |key: usize, value: usize| Change::Set(("k".repeat(key), vec![0; value]));
        assert!(checked(set(512, 8), 8).is_ok());
        assert!(matches!(checked(set(513, 8), 8), Err(Error::TooLarge(_))));
        assert!(matches!(checked(set(512, 9), 8), Err(Error::TooLarge(_))));
        let expect = Change::Expect(("k".to_owned(), Some(vec![0; 9])));
        assert!(matches!(checked(expect, 8), Err(Error::TooLarge(_))));
    }
}
