//! The turnstile before the way out: an account's requests keep to its rate, on all hosts together.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{sync::Mutex, time};

use crate::{
    account::{Account, Manifest, Rate},
    clock::Clock,
    id::AccountId,
    storage::{self, Turns},
};

/// Longest wait for a turn: a job that waits longer shall not hold an instance meanwhile.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// One account's turnstile.
pub(super) struct Turnstile {
    turns: Arc<dyn Turns>,
    clock: Arc<dyn Clock>,
    account: AccountId,
    rate: Option<Rate>,
    /// Looking and taking are two steps: on this host nobody comes between them.
    order: Mutex<()>,
}

/// Why a request may not go out now.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTurn {
    /// The next turn is later than the caller can wait. It was not taken.
    #[error("the account's next turn is in {} ms", .0.as_millis())]
    TooFar(Duration),
    #[error("turns cannot be taken now")]
    Unavailable(#[from] storage::Error),
}

impl Turnstile {
    pub(super) fn new(
        turns: Arc<dyn Turns>,
        clock: Arc<dyn Clock>,
        manifest: &Manifest,
        account: &Account,
    ) -> Self {
        let rate = account.rate_with(manifest);
        Self { turns, clock, account: account.id.clone(), rate, order: Mutex::default() }
    }

    /// Waits for the account's next turn where it comes within `patience`.
    pub(super) async fn pass(&self, patience: Duration) -> Result<(), NoTurn> {
        let Some(rate) = self.rate else { return Ok(()) };
        let wait = self.take(rate, patience).await?;
        // Another host may have come between looking and taking.
        if patience < wait {
            return Err(NoTurn::TooFar(wait));
        }
        time::sleep(wait).await;
        Ok(())
    }

    /// How long it is to the turn that was taken.
    async fn take(&self, rate: Rate, patience: Duration) -> Result<Duration, NoTurn> {
        let _order = self.order.lock().await;
        let now = self.clock.now();
        let wait = between(now, self.turns.peek(&self.account, rate, now).await?);
        if patience < wait {
            return Err(NoTurn::TooFar(wait));
        }
        Ok(between(now, self.turns.take(&self.account, rate, now).await?))
    }
}

fn between(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

impl fmt::Debug for Turnstile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turnstile").field("rate", &self.rate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {

    use tokio::time::Instant;

    use super::*;
    use crate::{account::Auth, clock::ManualClock, config, storage::sqlite::Sqlite};

    struct Stage {
        turns: Arc<dyn Turns>,
        clock: Arc<ManualClock>,
        _folder: tempfile::TempDir,
    }

    impl Stage {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("patchbay.db");
            let database = Sqlite::open(&path, &config::Storage::default()).unwrap();
            Self {
                turns: database.stores().turns,
                clock: Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)),
                _folder: folder,
            }
        }

        fn turnstile(&self, id: &str, known: Option<f64>, set: Option<Rate>) -> Turnstile {
            let turns = Arc::clone(&self.turns);
            let clock = Arc::clone(&self.clock);
            Turnstile::new(turns, clock, &manifest(known), &account(id, set))
        }
    }

    fn manifest(rate_limit: Option<f64>) -> Manifest {
        Manifest {
            name: "crm-test".parse().unwrap(),
            version: "1.0.0".to_owned(),
            title: String::new(),
            vendor: String::new(),
            settings: Vec::new(),
            egress: Vec::new(),
            auth: Auth::None,
            rate_limit,
        }
    }

    fn account(id: &str, rate: Option<Rate>) -> Account {
        Account { rate, ..Account::new(id.parse().unwrap(), "crm-test".parse().unwrap()) }
    }

    fn rate(per_second: f64, burst: u32) -> Rate {
        Rate { per_second, burst }
    }

    /// How long a request had to wait, or how far the next turn is.
    async fn pass(stage: &Stage, turnstile: &Turnstile) -> Result<u128, u128> {
        let started = Instant::now();
        let passed = turnstile.pass(PATIENCE).await;
        let waited = started.elapsed();
        stage.clock.advance(waited);
        match passed {
            Ok(()) => Ok(waited.as_millis()),
            Err(NoTurn::TooFar(wait)) => {
                assert_eq!(waited, Duration::ZERO, "a refusal comes at once");
                Err(wait.as_millis())
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_waited_for() {
        let stage = Stage::new();
        let turnstile = stage.turnstile("shop", None, Some(rate(2.0, 2)));
        let mut waits = Vec::new();
        for _ in 0..5 {
            waits.push(pass(&stage, &turnstile).await.unwrap());
        }
        assert_eq!(waits, [0, 0, 500, 500, 500]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_too_far_away_is_refused_at_once_and_not_taken() {
        let stage = Stage::new();
        let slow = stage.turnstile("shop", None, Some(rate(0.05, 1)));
        assert_eq!(pass(&stage, &slow).await, Ok(0));
        assert_eq!(pass(&stage, &slow).await, Ok(20_000), "exactly as long as the patience");
        let slower = stage.turnstile("mall", None, Some(rate(0.04, 1)));
        assert_eq!(pass(&stage, &slower).await, Ok(0));
        assert_eq!(pass(&stage, &slower).await, Err(25_000));
        assert_eq!(pass(&stage, &slower).await, Err(25_000), "the first refusal took no turn");
        stage.clock.advance(Duration::from_secs(6));
        assert_eq!(pass(&stage, &slower).await, Ok(19_000));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_less_time_waits_less() {
        let stage = Stage::new();
        let turnstile = stage.turnstile("shop", None, Some(rate(1.0, 1)));
        turnstile.pass(Duration::ZERO).await.unwrap();
        let refused = turnstile.pass(Duration::from_millis(999)).await.unwrap_err();
        assert!(matches!(refused, NoTurn::TooFar(wait) if wait == Duration::from_secs(1)));
        turnstile.pass(Duration::from_secs(1)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn two_accounts_do_not_share_their_turns() {
        let stage = Stage::new();
        let one = stage.turnstile("shop", Some(0.04), None);
        let other = stage.turnstile("mall", Some(0.04), None);
        assert_eq!(pass(&stage, &one).await, Ok(0));
        assert_eq!(pass(&stage, &other).await, Ok(0));
        let same = stage.turnstile("shop", Some(0.04), None);
        assert_eq!(pass(&stage, &same).await, Err(25_000), "bound again, the account is the same");
    }

    #[tokio::test(start_paused = true)]
    async fn the_operators_rate_wins_over_the_manifests() {
        let stage = Stage::new();
        let manifests = stage.turnstile("one", Some(2.5), None);
        assert_eq!(manifests.rate, Some(rate(2.5, 1)));
        assert_eq!(stage.turnstile("two", Some(0.5), None).rate, Some(rate(0.5, 1)));
        assert_eq!(
            stage.turnstile("three", Some(2.5), Some(rate(7.0, 1))).rate,
            Some(rate(7.0, 1))
        );
        let free = stage.turnstile("four", None, None);
        for _ in 0..100 {
            assert_eq!(pass(&stage, &free).await, Ok(0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_at_the_same_time_take_turns_in_order_and_waste_none() {
        let stage = Stage::new();
        let turnstile = Arc::new(stage.turnstile("shop", None, Some(rate(1.0, 1))));
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..25 {
            let turnstile = Arc::clone(&turnstile);
            calls.spawn(async move { turnstile.pass(PATIENCE).await.is_ok() });
        }
        let passed = calls.join_all().await.into_iter().filter(|passed| *passed).count();
        assert_eq!(passed, 21, "at 0 to 20 seconds");
        let refused = turnstile.pass(Duration::ZERO).await.unwrap_err();
        assert!(matches!(refused, NoTurn::TooFar(wait) if wait == Duration::from_secs(21)));
    }
}
