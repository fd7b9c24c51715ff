//! The turnstile before the way out: an account's requests keep to its rate, on all hosts together.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::Mutex,
    time::{self, Instant},
};

use crate::{
    account::{Account, Manifest, Rate},
    clock::Clock,
    id::AccountId,
    storage::{self, Turns, interval},
};

/// Longest wait for a turn: a job that waits longer shall not hold an instance meanwhile.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Turns that one request may miss. On a machine that is always late it goes all the same.
const MISSED_MAX: u32 = 3;

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
    ///
    /// Who wakes up so late that the next one's turn is near has missed its own and takes another:
    /// after a machine stood still, what was due meanwhile does not go out at once.
    pub(super) async fn pass(&self, patience: Duration) -> Result<(), NoTurn> {
        let Some(rate) = self.rate else { return Ok(()) };
        let until = Instant::now() + patience;
        for _ in 0..MISSED_MAX {
            if self.wait(rate, until).await? < lateness(rate) {
                return Ok(());
            }
        }
        self.wait(rate, until).await.map(drop)
    }

    /// Takes a turn and waits for it. Returns how late it is then.
    async fn wait(&self, rate: Rate, until: Instant) -> Result<Duration, NoTurn> {
        let patience = until.saturating_duration_since(Instant::now());
        let turn = self.take(rate, patience).await?;
        let wait = between(self.clock.now(), turn);
        // Another host may have come between looking and taking.
        if patience < wait {
            return Err(NoTurn::TooFar(wait));
        }
        // A sleep of no time takes up to a millisecond: timers are as coarse as that.
        if !wait.is_zero() {
            time::sleep(wait).await;
        }
        Ok(between(turn, self.clock.now()))
    }

    /// When the turn is that was taken.
    async fn take(&self, rate: Rate, patience: Duration) -> Result<Timestamp, NoTurn> {
        let _order = self.order.lock().await;
        let now = self.clock.now();
        let wait = between(now, self.turns.peek(&self.account, rate, now).await?);
        if patience < wait {
            return Err(NoTurn::TooFar(wait));
        }
        Ok(self.turns.take(&self.account, rate, now).await?)
    }
}

/// So late, a turn is missed: half-way to the next one, or what storage and timers need anyway.
fn lateness(rate: Rate) -> Duration {
    const USUAL: Duration = Duration::from_millis(20);
    USUAL.max(interval(rate) / 2)
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

    #[test]
    fn a_turn_that_is_now_waits_for_no_timer() {
        // It has none: a sleep would panic.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let stage = Stage::new();
        let turnstile = stage.turnstile("shop", None, Some(rate(2.0, 2)));
        for _ in 0..2 {
            runtime.block_on(turnstile.pass(PATIENCE)).unwrap();
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

    /// How long the second request waits while the machine stands still for `late` beyond its turn.
    async fn waits_when_late(per_second: f64, late: Duration) -> Duration {
        let stage = Stage::new();
        let turnstile = stage.turnstile("shop", None, Some(rate(per_second, 1)));
        turnstile.pass(PATIENCE).await.unwrap();
        let begun = Instant::now();
        let stands_still = async {
            time::sleep(Duration::from_millis(1)).await;
            stage.clock.advance(interval(rate(per_second, 1)) + late);
        };
        let (passed, ()) = tokio::join!(turnstile.pass(PATIENCE), stands_still);
        passed.unwrap();
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_misses_a_turn_takes_another() {
        let ms = Duration::from_millis;
        assert_eq!(waits_when_late(2.0, ms(249)).await, ms(500));
        assert_eq!(waits_when_late(2.0, ms(250)).await, ms(500 + 250), "the next one's, at 1000");
        assert_eq!(waits_when_late(2.0, ms(3000)).await, ms(500), "there was none: at once");
        assert_eq!(waits_when_late(100.0, ms(19)).await, ms(10), "timers are late by themselves");
    }

    /// A clock that is an hour further whenever it is looked at.
    #[derive(Debug)]
    struct Hasty(ManualClock);

    impl Clock for Hasty {
        fn now(&self) -> Timestamp {
            self.0.advance(Duration::from_hours(1));
            self.0.now()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_always_late_goes_in_the_end() {
        let stage = Stage::new();
        let clock = Arc::new(Hasty(ManualClock::new(Timestamp::UNIX_EPOCH)));
        let account = account("shop", Some(rate(1.0, 1)));
        let turns = Arc::clone(&stage.turns);
        let turnstile = Turnstile::new(turns, clock, &manifest(None), &account);
        turnstile.pass(PATIENCE).await.unwrap();
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
