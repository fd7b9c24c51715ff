//! Timers between the host and a CRM: backoff, holds, waits that the CRM asks for, rates, leases.

use patchbay_ledger::{Fault, Kind};

use super::*;

#[tokio::test(start_paused = true)]
async fn each_delay_doubles_up_to_the_cap_with_jitter_and_then_the_job_is_a_dead_letter() {
    let journey = Journey::with(|config| {
        config.retry.cap_s = 3.try_into().unwrap();
        config.retry.attempts_max = 5.try_into().unwrap();
    })
    .await;
    journey.ledger.set_fault(Some(Fault::Status(503)));
    let event = journey.chat(1).await;
    for (attempt, least_s) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
        let job = journey.attempted(event, attempt).await;
        assert_eq!((job.state, job.attempts), (JobState::Pending, u32::try_from(attempt).unwrap()));
        let wait = journey.until(job.run_at.unwrap());
        let least = Duration::from_secs(least_s);
        assert!((least..2 * least).contains(&wait), "{wait:?} after attempt {attempt}");

        journey.pass(wait - MS).await;
        assert_eq!(journey.outcomes(event).await.len(), attempt, "not before its time");
        journey.pass(MS + LATE).await;
    }
    assert_eq!(journey.attempted(event, 5).await.state, JobState::Dead);
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_crm_that_is_down_is_left_alone_and_then_asked_once() {
    let journey = Journey::with(|config| {
        config.retry.base_ms = 1.try_into().unwrap();
        config.retry.breaker_failures = 3.try_into().unwrap();
        config.retry.breaker_base_ms = 60_000.try_into().unwrap();
        config.retry.breaker_cap_s = 1000.try_into().unwrap();
    })
    .await;
    journey.ledger.set_fault(Some(Fault::Status(503)));
    for client in 1..=5 {
        journey.chat(client).await;
    }
    // Those that ran at the same time may fail after the one that made it shut.
    for _ in 0..20 {
        journey.pass(LATE).await;
        journey.idle().await;
    }
    let calls = journey.ledger.calls();
    assert!((3..=5).contains(&calls), "{calls} calls");

    journey.pass(Duration::from_secs(58)).await;
    journey.called(calls).await;
    journey.pass(Duration::from_secs(62)).await;
    journey.called(calls + 1).await;
    journey.pass(Duration::from_secs(119)).await;
    journey.called(calls + 1).await;

    journey.ledger.set_fault(None);
    journey.pass(Duration::from_secs(122)).await;
    journey.come("all is done", async || journey.ledger.count(Kind::Contact) == 5).await;
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_crm_that_asks_to_wait_is_not_asked_before_by_any_job() {
    let journey = Journey::begin().await;
    journey.ledger.fault_at(1, Fault::TooManyRequests { retry_after_s: 30 });
    let event = journey.chat(1).await;
    let asked_at = journey.now();
    let job = journey.attempted(event, 1).await;
    assert_eq!((job.state, job.attempts), (JobState::Pending, 0), "it does not count");
    let wait = journey.until(job.run_at.unwrap());
    assert!(Duration::from_secs(30) <= wait && wait < Duration::from_secs(31), "{wait:?}");
    let other = journey.chat(2).await;

    journey
        .pass(Duration::from_secs(30) - MS - journey.now().duration_since(asked_at).unsigned_abs())
        .await;
    journey.called(1).await;
    assert_eq!(journey.job(other).await.state, JobState::Pending);

    journey.pass(MS + LATE).await;
    assert_eq!(journey.attempted(other, 1).await.state, JobState::Done, "it may go at once");
    journey.pass(Duration::from_secs(1)).await;
    assert_eq!(journey.attempted(event, 2).await.state, JobState::Done);
    assert_eq!(journey.outcomes(event).await, ["rate-limited", "done"]);
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn requests_leave_at_the_accounts_rate() {
    let journey = Journey::begin().await;
    let mut account = crate::harness::ledger_account(&journey.ledger);
    account["rate"] = json!({ "per_second": 0.5, "burst": 1 });
    journey.host.put("/accounts/ledger", account).await;
    let event = journey.chat(1).await;
    journey.called(1).await;
    journey.pass(Duration::from_secs(2) - MS).await;
    journey.called(1).await;
    journey.pass(MS).await;
    // The managers, one of whom may be the agent of the chat.
    journey.called(2).await;
    journey.pass(Duration::from_secs(2)).await;
    journey.called(3).await;
    assert_eq!(journey.attempted(event, 1).await.state, JobState::Done);
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_too_far_away_is_not_waited_for_in_the_sandbox() {
    // The second turn comes after five seconds, and a call has no more than four.
    let journey = Journey::with(|config| {
        let limits = &mut config.limits;
        for ms in [&mut limits.wall_ms, &mut config.egress.timeout_ms] {
            *ms = 4000.try_into().unwrap();
        }
        config.egress.connect_ms = 4000.try_into().unwrap();
    })
    .await;
    let mut account = crate::harness::ledger_account(&journey.ledger);
    account["rate"] = json!({ "per_second": 0.2, "burst": 1 });
    journey.host.put("/accounts/ledger", account).await;
    let event = journey.chat(1).await;
    let job = journey.attempted(event, 1).await;
    assert_eq!(journey.outcomes(event).await, ["rate-limited"], "at once");
    let wait = journey.until(job.run_at.unwrap());
    assert!(Duration::from_secs(5) <= wait && wait < Duration::from_secs(7), "{wait:?}");
    journey.called(1).await;
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_ends_at_its_timeout_and_the_work_goes_on_later() {
    let journey = Journey::begin().await;
    journey.ledger.fault_at(1, Fault::Hang);
    let event = journey.chat(1).await;
    journey.called(1).await;
    // The default of `egress.timeout_ms`.
    journey.pass(Duration::from_secs(10) - MS).await;
    assert_eq!(journey.job(event).await.state, JobState::Leased);
    journey.pass(2 * MS).await;
    let job = journey.attempted(event, 1).await;
    assert_eq!((job.state, job.attempts), (JobState::Pending, 1));
    journey.pass(journey.until(job.run_at.unwrap()) + LATE).await;
    assert_eq!(journey.attempted(event, 2).await.state, JobState::Done);
    journey.end().await;
}
