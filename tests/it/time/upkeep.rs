//! Timers of what is done from time to time: retention, and the look for what must never be wrong.

use super::*;

const DAY: Duration = Duration::from_hours(24);
/// Between two rounds of retention.
const ROUND: Duration = Duration::from_mins(10);

#[tokio::test(start_paused = true)]
async fn attempts_go_after_their_days_and_then_the_webhook_with_all_the_rest() {
    let journey = Journey::with(|config| {
        config.retention.traces_days = 1.try_into().unwrap();
        config.retention.journal_days = 2.try_into().unwrap();
    })
    .await;
    let event = journey.chat(1).await;
    journey.attempted(event, 1).await;
    journey.pass(DAY).await;
    assert_eq!(journey.outcomes(event).await, ["done"], "a day old, and no older");
    journey.pass(ROUND + MS).await;
    journey.come("the attempt goes", async || journey.outcomes(event).await.is_empty()).await;
    assert_eq!(journey.job(event).await.state, JobState::Done, "the rest stays");

    journey.pass(DAY - ROUND - MS).await;
    assert!(journey.event(event).await.is_some(), "two days old, and no older");
    journey.pass(ROUND + MS).await;
    journey.come("the webhook goes", async || journey.event(event).await.is_none()).await;
    assert_eq!(journey.metric("patchbay_requests_expired_total").await, 1);
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn work_that_has_not_ended_is_kept_however_old_it_is() {
    let journey = Journey::with(|config| {
        config.worker.slots = 0;
        config.retention.traces_days = 1.try_into().unwrap();
        config.retention.journal_days = 1.try_into().unwrap();
    })
    .await;
    let event = journey.chat(1).await;
    for _ in 0..3 {
        journey.pass(100 * DAY).await;
    }
    assert_eq!(journey.job(event).await.state, JobState::Pending);
    journey.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_lost_its_work_has_it_back_within_the_minute() {
    let journey = Journey::with(|config| config.worker.slots = 0).await;
    journey.chat(1).await;
    // No operation leaves a lane so: that is why somebody else has to.
    let database = rusqlite::Connection::open(journey.host.folder().join("patchbay.db")).unwrap();
    database.execute("UPDATE lane SET state = 'idle'", ()).unwrap();
    let state = || -> String {
        database.query_row("SELECT state FROM lane", (), |row| row.get(0)).unwrap()
    };
    // The first look was at the start.
    journey.pass(Duration::from_secs(59)).await;
    assert_eq!(state(), "idle");
    journey.pass(Duration::from_secs(6)).await;
    journey.come("the lane is ready", async || state() == "ready").await;
    assert_eq!(journey.metric("patchbay_lanes_reconciled_total").await, 1);
    journey.end().await;
}
