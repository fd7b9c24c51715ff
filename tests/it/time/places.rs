//! Timers of work that holds something: a place among the calls, a lease on a job.

use patchbay::storage::{Claim, Error, Share};
use patchbay_ledger::{Fault, Kind};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_a_free_place_as_long_as_it_may_take_itself() {
    let journey = Journey::with(|config| {
        config.limits.calls_per_account = 1.try_into().unwrap();
        config.limits.wall_ms = 5000.try_into().unwrap();
        config.egress.timeout_ms = 5000.try_into().unwrap();
    })
    .await;
    journey.ledger.set_fault(Some(Fault::Hang));
    // The first has the place until second 5, the second one from then on; the third, that came
    // in second 1, gives up in second 6.
    journey.chat(1).await;
    journey.called(1).await;
    journey.pass(Duration::from_secs(1)).await;
    let second = journey.chat(2).await;
    in_line(&journey, second).await;
    let third = journey.chat(3).await;
    in_line(&journey, third).await;
    journey.pass(Duration::from_secs(4) + MS).await;
    journey.called(2).await;
    journey.pass(Duration::from_secs(1) - 2 * MS).await;
    assert_eq!(journey.job(third).await.state, JobState::Leased, "it waits");

    journey.pass(2 * MS).await;
    let job = journey.attempted(third, 1).await;
    assert_eq!((job.state, job.attempts), (JobState::Pending, 0));
    assert_eq!(journey.outcomes(third).await, ["rate-limited"]);
    journey.called(2).await;
    journey.end().await;
}

/// Waits, without time passing, until the event's job waits for its first call.
async fn in_line(journey: &Journey, event: EventId) {
    journey.come("it runs", async || journey.job(event).await.state == JobState::Leased).await;
    for _ in 0..5 {
        journey.rest().await;
    }
}

/// Takes the one job that is due, as a host that dies would.
async fn take(journey: &Journey, lease: Duration) -> patchbay::storage::LeasedJob {
    let share =
        Share { integration: "jivo-to-ledger".parse().unwrap(), first: 1, again: 1, room: 1 };
    let now = journey.now();
    let until = now.checked_add(lease).unwrap();
    let claim = Claim { shares: vec![share], limit: 1, now, until };
    journey.host().state.stores.journal.lease(claim).await.unwrap().remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ran_out_is_taken_back_and_what_it_was_for_comes_too_late() {
    let journey = Journey::with(|config| config.worker.slots = 0).await;
    let event = journey.chat(1).await;
    let lost = take(&journey, Duration::from_mins(1)).await;
    let journal = &journey.host().state.stores.journal;
    journey.pass(Duration::from_mins(1)).await;
    assert_eq!(journey.job(event).await.state, JobState::Leased, "its end belongs to it");

    // Upkeep looks every five seconds.
    journey.pass(Duration::from_secs(5) + MS).await;
    let job = journey.attempted(event, 1).await;
    assert_eq!((job.state, job.attempts), (JobState::Pending, 1));
    assert_eq!(journey.outcomes(event).await, ["lost"]);
    assert_eq!(journey.metric("patchbay_leases_lost_total").await, 1);

    let next = take(&journey, Duration::from_mins(1)).await;
    assert!(lost.lease.fence < next.lease.fence && next.is_again);
    let late = journal.extend(lost.lease, journey.now()).await;
    assert!(matches!(late, Err(Error::LeaseLost)), "{late:?}");
    journal.extend(next.lease, journey.now()).await.unwrap();
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_attempt_makes_its_lease_longer_with_each_of_its_steps() {
    let journey = Journey::with(|config| {
        config.limits.wall_ms = 57_000.try_into().unwrap();
        config.egress.timeout_ms = 29_000.try_into().unwrap();
    })
    .await;
    let options = json!({ "deals": true, "tasks": true, "notes": true });
    let integration = json!({ "channel": "jivo", "crm": "ledger", "options": options });
    journey.host.put("/integrations/jivo-to-ledger", integration).await;
    let lease = Duration::from_secs(2 * 57 + 10);
    let step = Duration::from_secs(28);
    journey.ledger.set_latency(step);
    let event = journey.chat(1).await;
    let started = journey.now();
    let mut calls = 1;
    while journey.job(event).await.state == JobState::Leased || calls == 1 {
        journey.called(calls).await;
        journey.pass(step).await;
        calls += 1;
        journey
            .come("the next call, or the end", async || {
                journey.ledger.calls() == calls || journey.job(event).await.state == JobState::Done
            })
            .await;
    }
    let took = journey.now().duration_since(started);
    assert!(SignedDuration::try_from(lease).unwrap() < took, "longer than one lease: {took}");
    assert_eq!(journey.outcomes(event).await, ["done"]);
    assert_eq!(journey.metric("patchbay_leases_lost_total").await, 0);
    assert_eq!((journey.ledger.count(Kind::Contact), journey.ledger.count(Kind::Deal)), (1, 1));
    journey.end().await;
}
