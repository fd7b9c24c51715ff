//! What accounts were denied, until it is kept for their operators.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;
use url::Url;

use super::{permits::origin, request::METHODS};
use crate::{account::Grant, clock::Clock, id::AccountId, storage::Denial};

/// Denials of one account that are kept: the newest.
pub const DENIALS_MAX: u32 = 100;

/// Denials of all accounts that wait to be kept; more are not noted.
const WAITING_MAX: usize = 5000;

/// A longer one is cut: no name of a host is so long.
const ORIGIN_BYTES_MAX: usize = 300;

/// What was missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    NotGranted,
    NotAsked,
    Method,
    Address,
    Secret,
}

/// One denial, and the grant that would allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denied {
    pub(super) reason: Reason,
    pub(super) message: String,
    pub(super) grant: Option<Grant>,
}

impl Reason {
    fn word(self) -> &'static str {
        match self {
            Self::NotGranted => "not-granted",
            Self::NotAsked => "not-asked",
            Self::Method => "method",
            Self::Address => "address",
            Self::Secret => "secret",
        }
    }
}

/// Account, origin, method and reason.
type Key = (AccountId, String, String, &'static str);

/// Counts denials without waiting for anything.
#[derive(Debug)]
pub struct DenialLog {
    clock: Arc<dyn Clock>,
    waiting: Mutex<BTreeMap<Key, Denial>>,
    noted: Notify,
}

impl DenialLog {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, waiting: Mutex::default(), noted: Notify::new() }
    }

    pub(super) fn note(&self, account: &AccountId, url: &Url, method: &str, denied: &Denied) {
        let known = METHODS.iter().find(|known| known.as_str() == method);
        let mut origin = origin(url);
        origin.truncate(origin.floor_char_boundary(ORIGIN_BYTES_MAX));
        let now = self.clock.now();
        let denial = Denial {
            account: account.clone(),
            origin,
            method: known.map_or("other", |method| method.as_str()).to_owned(),
            reason: denied.reason.word().to_owned(),
            message: denied.message.clone(),
            grant: denied.grant.clone(),
            first_at: now,
            last_at: now,
            count: 1,
        };
        let key =
            (account.clone(), denial.origin.clone(), denial.method.clone(), denied.reason.word());
        self.add(key, denial);
        self.noted.notify_one();
    }

    fn add(&self, key: Key, denial: Denial) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = waiting.get_mut(&key) {
            known.count = known.count.saturating_add(denial.count);
            known.first_at = known.first_at.min(denial.first_at);
            known.last_at = known.last_at.max(denial.last_at);
            return;
        }
        let own = waiting.range((key.0.clone(), String::new(), String::new(), "")..);
        let own = own.take_while(|(other, _)| other.0 == key.0).count();
        if own < usize::try_from(DENIALS_MAX).unwrap_or(usize::MAX) && waiting.len() < WAITING_MAX {
            waiting.insert(key, denial);
        }
    }

    /// Waits until there is something to keep.
    pub async fn noted(&self) {
        self.noted.notified().await;
    }

    /// What waits to be kept.
    pub fn take(&self) -> Vec<Denial> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn denied(reason: Reason) -> Denied {
        Denied { reason, message: "not granted".to_owned(), grant: None }
    }

    fn log() -> DenialLog {
        DenialLog::new(Arc::new(SystemClock))
    }

    #[test]
    fn the_same_denial_is_counted_and_kept_once() {
        let (log, account) = (log(), "crm".parse().unwrap());
        let url = Url::parse("https://a.example/x?key=1").unwrap();
        for method in ["GET", "GET", "POST", "FOO\r\n"] {
            log.note(&account, &url, method, &denied(Reason::NotGranted));
        }
        log.note(&account, &url, "GET", &denied(Reason::Secret));
        let told: Vec<_> =
            log.take().into_iter().map(|it| (it.origin, it.method, it.reason, it.count)).collect();
        let expected = [
            ("GET", "not-granted", 2),
            ("GET", "secret", 1),
            ("POST", "not-granted", 1),
            ("other", "not-granted", 1),
        ];
        let expected = expected.map(|(method, reason, count)| {
            ("https://a.example".to_owned(), method.to_owned(), reason.to_owned(), count)
        });
        assert_eq!(told, expected);
        assert!(log.take().is_empty());
    }

    #[test]
    fn one_account_fills_its_own_share_and_no_more() {
        let log = log();
        let (noisy, quiet) = ("noisy".parse().unwrap(), "quiet".parse().unwrap());
        for number in 0..200 {
            let url = Url::parse(&format!("https://h{number}.example/")).unwrap();
            log.note(&noisy, &url, "GET", &denied(Reason::NotGranted));
        }
        let lengthy = Url::parse(&format!("https://{}.example/", "a.".repeat(200))).unwrap();
        log.note(&quiet, &lengthy, "GET", &denied(Reason::NotGranted));
        let told = log.take();
        let of = |id: &AccountId| told.iter().filter(|it| it.account == *id).count();
        assert_eq!((of(&noisy), of(&quiet)), (100, 1));
        assert!(told.iter().all(|it| it.origin.len() <= ORIGIN_BYTES_MAX));
    }
}
