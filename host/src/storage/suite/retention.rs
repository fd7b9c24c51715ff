//! Retention: what has ended goes with all that came of it, the rest stays.

use super::*;

on_every_backend!(
    a_webhook_goes_with_all_that_came_of_it,
    a_webhook_received_at_the_time_given_is_kept,
    work_that_has_not_ended_is_kept_with_its_lane,
    a_dead_letter_that_stops_its_lane_is_kept,
    an_unread_webhook_is_kept,
    a_lane_goes_with_its_last_job,
    a_conversation_whose_lane_has_gone_begins_anew,
    an_original_takes_its_repeats_along,
    traces_of_ended_jobs_go_by_their_own_age,
    rejected_webhooks_that_went_make_room_under_the_cap,
    one_call_removes_a_bounded_piece,
    nothing_goes_without_need,
    a_clock_that_was_set_back_does_not_keep_what_is_old,
);

fn keep(journal: i64, traces: i64) -> Keep {
    Keep { journal_since: at(journal), traces_since: at(traces), bytes_max: None, rows_max: 10_000 }
}

async fn expire(stores: &Stores, keep: Keep) -> Expired {
    stores.journal.expire(keep).await.unwrap()
}

async fn webhooks(stores: &Stores) -> Vec<WebhookView> {
    stores.journal.webhooks(None, all()).await.unwrap().items
}

/// One event in a lane of its own, whose job has ended with a step and an attempt.
async fn ended(stores: &Stores, second: i64, next: Next) -> EventId {
    let event = accept_of(stores, second, &format!("chat-{second}"), &[7], &[FIRST]).await;
    let job = lease_one(stores, second).await;
    let step = Step {
        name: "contact".to_owned(),
        idempotency_key: "i".to_owned(),
        state: StepState::Done,
        result: None,
    };
    stores.journal.record_step(job.lease, step).await.unwrap();
    let settlement = Settlement { started_at: at(second), ..settlement(next) };
    stores.journal.settle(job.lease, settlement, at(second)).await.unwrap();
    event
}

async fn a_webhook_goes_with_all_that_came_of_it(stores: &Stores) {
    let done = ended(stores, 0, Next::Done).await;
    let dead = ended(stores, 1, Next::Dead).await;
    accept(stores, webhook(2, NewReading::Answered)).await;
    let expired = expire(stores, keep(10, 0)).await;
    assert_eq!(expired, Expired { requests: 3, attempts: 2, lanes: 2, is_more: false });
    assert_eq!(webhooks(stores).await, []);
    for event in [done, dead] {
        assert!(stores.journal.event(event).await.unwrap().is_none());
        assert_eq!(stores.journal.jobs_of(event).await.unwrap(), []);
    }
    assert_eq!(stores.journal.dead_letters(None, all()).await.unwrap().items, []);
    assert_eq!(stores.journal.depth().await.unwrap(), Depth::default());
    let again = accept_of(stores, 0, "chat-0", &[7], &[FIRST]).await;
    assert_eq!(lease_one(stores, 20).await.event_id, again, "its dedup key went, too");
}

async fn a_webhook_received_at_the_time_given_is_kept(stores: &Stores) {
    ended(stores, 4, Next::Done).await;
    let kept = ended(stores, 5, Next::Done).await;
    assert_eq!(expire(stores, keep(5, 0)).await.requests, 1);
    let left = webhooks(stores).await;
    assert_eq!((left.len(), left[0].events[0].id), (1, kept));
    assert_eq!(stores.journal.event(kept).await.unwrap().unwrap().attempts.len(), 1);
}

async fn work_that_has_not_ended_is_kept_with_its_lane(stores: &Stores) {
    let retried = accept_of(stores, 0, "retried", &[], &[FIRST]).await;
    settle(stores, &lease_one(stores, 0).await, Next::ReadyAt(at(50)), 0).await;
    let half = accept_of(stores, 1, "half", &[], &[FIRST, SECOND]).await;
    let jobs = lease(stores, 10, 1).await;
    settle(stores, &jobs[0], Next::Done, 1).await;
    ended(stores, 2, Next::Done).await;
    let waiting = accept_of(stores, 3, "waiting", &[], &[FIRST]).await;

    let expired = expire(stores, keep(100, 0)).await;
    assert_eq!((expired.requests, expired.lanes), (1, 1));
    let left: Vec<_> = webhooks(stores).await.iter().map(|view| view.events[0].id).collect();
    assert_eq!(left, [waiting, half, retried]);
    settle(stores, &jobs[1], Next::Done, 4).await;
    assert_eq!(lease_one(stores, 49).await.event_id, waiting);
    let again = lease_one(stores, 50).await;
    assert_eq!((again.event_id, again.attempt), (retried, 2));
    assert_eq!(expire(stores, keep(100, 0)).await.requests, 1, "half has ended now");
}

async fn a_dead_letter_that_stops_its_lane_is_kept(stores: &Stores) {
    accept_of(stores, 0, "stops", &[], &[FIRST]).await;
    let job = lease_one(stores, 0).await;
    let dead = Settlement { stops_lane: true, ..settlement(Next::Dead) };
    stores.journal.settle(job.lease, dead, at(0)).await.unwrap();
    assert_eq!(expire(stores, keep(100, 0)).await.requests, 0);
    let stuck = stores.journal.stuck_lanes(None, all()).await.unwrap().items;
    assert_eq!(stuck.len(), 1);
    stores.journal.resume_lane(stuck[0].lane, at(1)).await.unwrap();
    let expired = expire(stores, keep(100, 0)).await;
    assert_eq!((expired.requests, expired.lanes), (1, 1));
}

async fn an_unread_webhook_is_kept(stores: &Stores) {
    let id = accept(stores, webhook(0, unread_reading())).await.request;
    assert_eq!(expire(stores, keep(100, 100)).await, Expired::default());
    stores.journal.reread(id, plugin(), NewReading::Answered, at(1)).await.unwrap();
    assert_eq!(expire(stores, keep(100, 100)).await.requests, 1);
}

async fn a_lane_goes_with_its_last_job(stores: &Stores) {
    for second in [0, 10] {
        accept_of(stores, second, "chat-1", &[], &[FIRST]).await;
        settle(stores, &lease_one(stores, second).await, Next::Done, second).await;
    }
    let first = expire(stores, keep(5, 0)).await;
    assert_eq!((first.requests, first.lanes), (1, 0));
    let second = expire(stores, keep(15, 0)).await;
    assert_eq!((second.requests, second.lanes), (1, 1));
}

async fn a_conversation_whose_lane_has_gone_begins_anew(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[7], &[FIRST]).await;
    settle(stores, &lease_one(stores, 0).await, Next::Done, 0).await;
    expire(stores, keep(5, 0)).await;
    let mut expected = Vec::new();
    for second in [6, 7] {
        expected.push(accept_of(stores, second, "chat-1", &[7], &[FIRST]).await);
    }
    for event in expected {
        let job = lease_one(stores, 8).await;
        assert_eq!(job.event_id, event);
        settle(stores, &job, Next::Done, 8).await;
    }
}

async fn an_original_takes_its_repeats_along(stores: &Stores) {
    let events = || NewReading::Events(vec![new_event("k", "chat-1", &[FIRST])]);
    accept(stores, webhook(0, events())).await;
    let repeat = accept(stores, webhook(10, events())).await.request;
    settle(stores, &lease_one(stores, 10).await, Next::Done, 10).await;
    assert_eq!(expire(stores, keep(5, 0)).await.requests, 1);
    let left = webhooks(stores).await;
    assert_eq!((left.len(), left[0].request), (1, repeat), "the webhook has its own age");
    assert_eq!(left[0].events, []);
    assert_eq!(expire(stores, keep(15, 0)).await.requests, 1);
}

async fn traces_of_ended_jobs_go_by_their_own_age(stores: &Stores) {
    let old = ended(stores, 4, Next::Done).await;
    let young = ended(stores, 5, Next::Dead).await;
    let retried = accept_of(stores, 0, "retried", &[], &[FIRST]).await;
    settle(stores, &lease_one(stores, 5).await, Next::ReadyAt(at(50)), 5).await;
    let expired = expire(stores, keep(0, 5)).await;
    assert_eq!(expired, Expired { requests: 0, attempts: 1, lanes: 0, is_more: false });
    let attempts = async |event| stores.journal.event(event).await.unwrap().unwrap().attempts.len();
    assert_eq!(attempts(old).await, 0);
    assert_eq!(attempts(young).await, 1, "started at the time given");
    assert_eq!(attempts(retried).await, 1, "started before, and not at its end");
    assert_eq!(only_job(stores, old).await.steps.len(), 1, "steps go with the webhook");
}

/// The suite's cap is three.
async fn rejected_webhooks_that_went_make_room_under_the_cap(stores: &Stores) {
    let rejected = || NewReading::Rejected { status: 401, reason: "bad signature".to_owned() };
    for second in 0..3 {
        accept(stores, webhook(second, rejected())).await;
    }
    assert_eq!(expire(stores, keep(2, 0)).await.requests, 2);
    for second in 10..12 {
        accept(stores, webhook(second, rejected())).await;
    }
    assert_eq!(webhooks(stores).await.len(), 3, "none was removed");
    accept(stores, webhook(12, rejected())).await;
    assert_eq!(webhooks(stores).await.len(), 3, "the cap still holds");
}

async fn one_call_removes_a_bounded_piece(stores: &Stores) {
    for second in 0..6 {
        ended(stores, second, Next::Done).await;
    }
    let bounded = Keep { rows_max: 10, ..keep(100, 0) };
    let first = expire(stores, bounded).await;
    assert!(first.is_more && first.requests < 6, "{first:?}");
    let mut removed = first.requests;
    for _ in 0..6 {
        let expired = expire(stores, bounded).await;
        removed += expired.requests;
        if !expired.is_more {
            break;
        }
    }
    assert_eq!(removed, 6);
    assert_eq!(expire(stores, bounded).await, Expired::default());

    for second in 10..13 {
        ended(stores, second, Next::Done).await;
    }
    let traces = Keep { rows_max: 2, ..keep(0, 100) };
    let first = expire(stores, traces).await;
    assert_eq!((first.attempts, first.is_more), (2, true));
    assert_eq!(expire(stores, traces).await.attempts, 1);
}

async fn nothing_goes_without_need(stores: &Stores) {
    assert_eq!(expire(stores, keep(100, 100)).await, Expired::default());
    ended(stores, 5, Next::Done).await;
    let roomy = Keep { bytes_max: Some(u64::MAX), ..keep(5, 5) };
    assert_eq!(expire(stores, roomy).await, Expired::default());
    assert_eq!(webhooks(stores).await.len(), 1);
}

async fn a_clock_that_was_set_back_does_not_keep_what_is_old(stores: &Stores) {
    let later = accept(stores, webhook(500, NewReading::Answered)).await.request;
    accept(stores, webhook(0, NewReading::Answered)).await;
    assert_eq!(expire(stores, keep(10, 0)).await.requests, 1);
    let left: Vec<_> = webhooks(stores).await.iter().map(|view| view.request).collect();
    assert_eq!(left, [later]);
}
