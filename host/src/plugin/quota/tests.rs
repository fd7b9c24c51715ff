//! Shares of processors and memory: paid, saved up, held back and given back.

use std::future::pending;

use super::*;
use crate::plugin::cpu::{sleep, work};

const SECOND: Duration = Duration::from_secs(1);

/// Half a processor and 100 bytes.
fn quota() -> Arc<Quota> {
    Arc::new(Quota { processors: 50, ..Quota::new(50, 100) })
}

fn payers(account: &Arc<Quota>, plugin: &Arc<Quota>) -> Payers {
    let named = |whose, quota| Some((whose, Arc::clone(quota)));
    Payers([named(Sharer::Account, account), named(Sharer::Plugin, plugin)])
}

impl Quota {
    /// Something ran, in no time.
    fn charge(&self, ran: Duration) {
        self.settle(Instant::now(), ran, false);
    }

    /// How long it is until a call may begin.
    fn wait(&self) -> Duration {
        let admitted = self.admit(Instant::now());
        if admitted.is_ok() {
            self.give_deposit_back();
        }
        admitted.err().unwrap_or_default()
    }

    /// What is not paid for yet, in time of the share.
    fn debt(&self) -> Duration {
        let clear = self.clear_ns.load(Ordering::Relaxed);
        Duration::from_nanos(clear.saturating_sub(self.moment(Instant::now())))
    }
}

/// What was held back, by cause.
fn held_back(bill: &mut Bill<'_>) -> Vec<(&'static str, u64)> {
    bill.refused().into_counts()
}

#[tokio::test(start_paused = true)]
async fn a_share_is_saved_up_for_two_seconds_and_flows_back_with_the_time() {
    let quota = quota();
    quota.charge(SECOND);
    assert_eq!(quota.wait(), Duration::ZERO, "two seconds of half a processor are one second");
    quota.charge(Duration::from_millis(1));
    assert_eq!(quota.wait(), Duration::from_millis(2));
    time::advance(Duration::from_millis(1)).await;
    assert_eq!(quota.wait(), Duration::from_millis(1));
    time::advance(Duration::from_millis(1)).await;
    assert_eq!(quota.wait(), Duration::ZERO);
    time::advance(SECOND * 3600).await;
    quota.charge(SECOND + Duration::from_millis(1));
    assert_eq!(quota.wait(), Duration::from_millis(2), "more is not saved up");
    assert_eq!(quota.ran(), SECOND * 2 + Duration::from_millis(2));
}

#[tokio::test(start_paused = true)]
async fn of_many_that_wait_one_goes_on_at_a_time() {
    let quota = quota();
    quota.charge(SECOND);
    quota.admit(Instant::now()).unwrap();
    assert_eq!(quota.wait(), DEPOSIT * 2, "half a processor pays it in twice the time");
    quota.settle(Instant::now(), Duration::ZERO, true);
    assert_eq!(quota.wait(), Duration::ZERO, "what was not used comes back");
}

#[tokio::test(start_paused = true)]
async fn a_call_begins_when_both_shares_have_room_and_says_whose_has_none() {
    let (account, plugin) = (quota(), quota());
    let payers = payers(&account, &plugin);
    plugin.charge(SECOND * 2);
    let mut call = Bill::new(&payers);
    let begun = Instant::now();
    let soon = begun + SECOND * 2;
    assert_eq!(call.admit(soon - Duration::from_millis(1)).await, Err(Sharer::Plugin));
    assert_eq!(begun.elapsed(), Duration::ZERO, "it does not wait in vain");
    assert_eq!(held_back(&mut call), [("cpu-of-plugin", 1)]);
    assert_eq!(account.debt(), Duration::ZERO, "nor keeps its deposit");
    assert_eq!(call.admit(soon).await, Ok(()));
    assert_eq!(begun.elapsed(), SECOND * 2);
    account.charge(SECOND * 2);
    assert_eq!(Bill::new(&payers).admit(Instant::now()).await, Err(Sharer::Account));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_abandoned_gets_its_deposit_back() {
    let (account, plugin) = (quota(), quota());
    let payers = payers(&account, &plugin);
    let mut call = Bill::new(&payers);
    call.admit(Instant::now()).await.unwrap();
    assert_eq!((account.debt(), plugin.debt()), (DEPOSIT * 2, DEPOSIT * 2));
    drop(call);
    assert_eq!((account.debt(), plugin.debt()), (Duration::ZERO, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn what_the_thread_ran_is_billed_and_what_it_waited_is_not() {
    let (account, plugin) = (quota(), quota());
    let payers = payers(&account, &plugin);
    let mut call = Bill::new(&payers);
    call.admit(Instant::now()).await.unwrap();
    let answer = call.run(true, async {
        work(Duration::from_millis(3));
        time::sleep(SECOND).await;
        work(Duration::from_millis(3));
        7
    });
    assert_eq!(answer.await, 7);
    for quota in [account, plugin] {
        assert!(Duration::from_millis(6) <= quota.ran(), "{:?}", quota.ran());
        assert!(quota.ran() < SECOND, "{:?}", quota.ran());
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_call_is_timed_by_the_wall_clock_until_it_lets_others_go_before_it() {
    let account = quota();
    let payers = Payers([Some((Sharer::Account, Arc::clone(&account))), None]);
    let piece = Duration::from_millis(20);
    let mut call = Bill::new(&payers);
    call.admit(Instant::now()).await.unwrap();
    let steps = async {
        sleep(piece);
        tokio::task::yield_now().await;
        sleep(piece * 4);
    };
    call.run(false, steps).await;
    assert!(piece <= account.ran() && account.ran() < piece * 4, "{:?}", account.ran());
}

#[tokio::test(start_paused = true)]
async fn a_call_pauses_between_two_steps_while_its_share_is_used_up() {
    let (account, plugin) = (quota(), quota());
    let payers = payers(&account, &plugin);
    for (may_pause, paused) in [(true, SECOND * 2), (false, Duration::ZERO)] {
        let mut call = Bill::new(&payers);
        call.admit(Instant::now()).await.unwrap();
        let begun = Instant::now();
        let steps = async {
            account.charge(SECOND * 2);
            tokio::task::yield_now().await;
            begun.elapsed()
        };
        let pause = call.run(may_pause, steps).await;
        // The deposit and what the steps themselves cost come on top.
        assert!(paused <= pause && pause < paused + SECOND, "{may_pause} {pause:?}");
        assert_eq!(held_back(&mut call).is_empty(), !may_pause);
        time::advance(SECOND * 60).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_pauses_can_be_cut_short() {
    let (account, plugin) = (quota(), quota());
    let payers = payers(&account, &plugin);
    let mut call = Bill::new(&payers);
    call.admit(Instant::now()).await.unwrap();
    let run = call.run(true, async {
        account.charge(SECOND * 60);
        tokio::task::yield_now().await;
        pending::<()>().await;
    });
    assert!(time::timeout(SECOND, run).await.is_err());
}

#[test]
fn memory_is_taken_up_to_the_last_byte_and_given_back_by_all() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let (account, plugin) = (quota(), quota());
    let other = payers(&quota(), &plugin);
    let payers = payers(&account, &plugin);
    assert_eq!(other.take_memory(40), Ok(()));
    assert_eq!(payers.take_memory(61), Err(Sharer::Plugin));
    assert_eq!(payers.take_memory(60), Ok(()), "the account gave back what the plugin refused");
    assert_eq!(payers.take_memory(1), Err(Sharer::Plugin));
    other.give_memory_back(40);
    assert_eq!(payers.take_memory(41), Err(Sharer::Account));
    assert_eq!(payers.take_memory(40), Ok(()));
    assert_eq!(payers.take_memory(usize::MAX), Err(Sharer::Account), "and nothing overflows");
}

#[test]
fn a_changed_account_and_a_new_version_keep_their_debts() {
    let quotas = Quotas::default();
    let limits = Limits::default();
    let (shop, mall): (AccountId, AccountId) = ("shop".parse().unwrap(), "mall".parse().unwrap());
    let name: PluginName = "crm-test".parse().unwrap();
    let before = quotas.of_account(&shop, &limits);
    assert!(Arc::ptr_eq(&before, &quotas.of_account(&shop, &limits)));
    assert!(!Arc::ptr_eq(&before, &quotas.of_account(&mall, &limits)));
    drop(before);
    quotas.of_account(&mall, &limits);
    assert_eq!(quotas.accounts.lock().unwrap().len(), 1, "deleted accounts are forgotten");
    let plugin = quotas.of_plugin(&name, &limits);
    plugin.charge(SECOND);
    drop(plugin);
    assert_eq!(quotas.of_plugin(&name, &limits).ran(), SECOND);
    assert_eq!(quotas.ran(), [(name, SECOND)]);
}
