//! Lanes: order, leases, retries, dead letters, replay, reaping.

use std::collections::HashSet;

use super::*;

on_every_backend!(
    jobs_of_a_lane_run_in_their_order,
    a_batch_holds_one_job_of_a_lane_and_the_oldest_lanes,
    a_lost_lease_can_neither_settle_nor_record,
    a_retry_holds_back_its_own_lane_only,
    an_attempt_that_does_not_count_leaves_the_number,
    a_dead_letter_lets_its_lane_go_on,
    a_replayed_job_goes_to_the_end_of_its_lane,
    only_a_dead_job_is_replayed,
    reaping_takes_back_what_ended_before_now,
    no_job_is_under_two_leases,
    paused_accounts_and_disabled_integrations_wait,
    the_next_due_lane_is_told,
);

async fn jobs_of_a_lane_run_in_their_order(stores: &Stores) {
    let mut expected = Vec::new();
    for key in ["k1", "k2", "k3"] {
        expected.push(accept_one(stores, 0, key, "chat-1").await);
    }
    let mut ran = Vec::new();
    for second in 1..=3 {
        let job = lease_one(stores, second).await;
        ran.push(job.event_id);
        assert!(lease(stores, 10, second).await.is_empty(), "a leased lane gives nothing more");
        settle(stores, &job, Next::Done, second).await;
        assert_eq!(only_job(stores, job.event_id).await.state, JobState::Done);
    }
    assert_eq!(ran, expected);
    assert!(lease(stores, 10, 9).await.is_empty());
    assert_eq!(stores.journal.next_due(&both()).await.unwrap(), None, "the lane rests");
    let later = accept_one(stores, 10, "k4", "chat-1").await;
    assert_eq!(lease_one(stores, 10).await.event_id, later, "and wakes again");
}

async fn a_batch_holds_one_job_of_a_lane_and_the_oldest_lanes(stores: &Stores) {
    for second in (0..4).rev() {
        for key in ["a", "b"] {
            accept_one(stores, second, &format!("{key}{second}"), &format!("chat-{second}")).await;
        }
    }
    let conversations = |jobs: &[LeasedJob]| -> Vec<String> {
        jobs.iter().map(|job| job.event.conversation.clone()).collect()
    };
    assert_eq!(conversations(&lease(stores, 2, 3).await), ["chat-0", "chat-1"]);
    assert_eq!(conversations(&lease(stores, 10, 2).await), ["chat-2"], "chat-3 is not due");
    assert_eq!(conversations(&lease(stores, 10, 3).await), ["chat-3"]);
    assert!(lease(stores, 0, 3).await.is_empty());
}

async fn a_lost_lease_can_neither_settle_nor_record(stores: &Stores) {
    let id = accept_one(stores, 0, "k", "chat-1").await;
    let old = lease_one(stores, 0).await;
    assert_eq!(stores.journal.reap(at(61)).await.unwrap(), 1);
    let new = lease_one(stores, 61).await;
    assert_eq!(new.lease.job, old.lease.job);
    assert!(new.lease.fence > old.lease.fence);

    let before = only_job(stores, id).await;
    let step = Step {
        name: "contact".to_owned(),
        idempotency_key: "i".to_owned(),
        state: StepState::Done,
        result: None,
    };
    let settled = stores.journal.settle(old.lease, settlement(Next::Done), at(62)).await;
    assert!(matches!(settled, Err(Error::LeaseLost)));
    let recorded = stores.journal.record_step(old.lease, step).await;
    assert!(matches!(recorded, Err(Error::LeaseLost)));
    assert_eq!(only_job(stores, id).await, before, "nothing has changed");
    assert_eq!(stores.journal.event(id).await.unwrap().unwrap().attempts.len(), 1);

    settle(stores, &new, Next::Done, 62).await;
    let again = stores.journal.settle(new.lease, settlement(Next::Done), at(63)).await;
    assert!(matches!(again, Err(Error::LeaseLost)), "a lease settles once");
}

async fn a_retry_holds_back_its_own_lane_only(stores: &Stores) {
    let stuck = accept_one(stores, 0, "k1", "chat-1").await;
    accept_one(stores, 0, "k2", "chat-1").await;
    let job = lease_one(stores, 0).await;
    settle(stores, &job, Next::ReadyAt(at(30)), 1).await;
    let view = only_job(stores, stuck).await;
    assert_eq!((view.state, view.attempts, view.run_at), (JobState::Pending, 1, Some(at(30))));
    assert_eq!(view.reason.as_deref(), Some("the peer answered 500"));

    let other = accept_one(stores, 2, "k3", "chat-2").await;
    assert_eq!(lease_one(stores, 29).await.event_id, other);
    let again = lease_one(stores, 30).await;
    assert_eq!((again.event_id, again.attempt), (stuck, 2), "the head first, at its time");
}

async fn an_attempt_that_does_not_count_leaves_the_number(stores: &Stores) {
    let id = accept_one(stores, 0, "k", "chat-1").await;
    let job = lease_one(stores, 0).await;
    let limited =
        Settlement { counts: false, outcome: "rate-limited", ..settlement(Next::ReadyAt(at(1))) };
    stores.journal.settle(job.lease, limited, at(0)).await.unwrap();
    assert_eq!(lease_one(stores, 1).await.attempt, 1);
    let attempts = stores.journal.event(id).await.unwrap().unwrap().attempts;
    assert_eq!(
        (attempts[0].outcome.as_str(), attempts[0].blame.as_deref()),
        ("rate-limited", Some("peer"))
    );
    assert_eq!((attempts[0].started_at, attempts[0].took_ms), (at(0), 12));
}

async fn a_dead_letter_lets_its_lane_go_on(stores: &Stores) {
    let dead = accept_one(stores, 0, "k1", "chat-1").await;
    let next = accept_one(stores, 0, "k2", "chat-1").await;
    settle(stores, &lease_one(stores, 0).await, Next::Dead, 7).await;
    assert_eq!(lease_one(stores, 7).await.event_id, next);
    let letters = stores.journal.dead_letters(None, all()).await.unwrap().items;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].event, letters[0].died_at, letters[0].attempts), (dead, at(7), 1));
    assert_eq!(letters[0].reason, "the peer answered 500");
    assert_eq!(stores.journal.depth().await.unwrap().dead_jobs, 1);
}

async fn a_replayed_job_goes_to_the_end_of_its_lane(stores: &Stores) {
    let first = accept_one(stores, 0, "k1", "chat-1").await;
    let job = lease_one(stores, 0).await;
    let step = Step {
        name: "contact".to_owned(),
        idempotency_key: "i".to_owned(),
        state: StepState::Done,
        result: Some("{\"id\":\"7\"}".to_owned()),
    };
    stores.journal.record_step(job.lease, step.clone()).await.unwrap();
    settle(stores, &job, Next::Dead, 1).await;
    let second = accept_one(stores, 2, "k2", "chat-1").await;
    assert!(stores.journal.replay(job.lease.job, at(3)).await.unwrap());
    assert_eq!(stores.journal.depth().await.unwrap().dead_jobs, 0);

    let running = lease_one(stores, 3).await;
    assert_eq!(running.event_id, second, "those that wait keep their order");
    settle(stores, &running, Next::Done, 4).await;
    let replayed = lease_one(stores, 4).await;
    assert_eq!((replayed.event_id, replayed.attempt), (first, 1), "its attempts are counted anew");
    assert_eq!(replayed.steps, [step], "and its steps are still known");
}

async fn only_a_dead_job_is_replayed(stores: &Stores) {
    let id = accept_one(stores, 0, "k", "chat-1").await;
    let job = only_job(stores, id).await.job;
    assert!(!stores.journal.replay(job, at(0)).await.unwrap());
    assert!(!stores.journal.replay(JobId(job.0 + 1), at(0)).await.unwrap());
    settle(stores, &lease_one(stores, 0).await, Next::Dead, 0).await;
    assert!(stores.journal.replay(job, at(5)).await.unwrap());
    assert!(!stores.journal.replay(job, at(5)).await.unwrap(), "once");
    assert!(lease(stores, 10, 4).await.is_empty());
    assert_eq!(lease_one(stores, 5).await.lease.job, job, "an idle lane wakes");
}

async fn reaping_takes_back_what_ended_before_now(stores: &Stores) {
    let id = accept_one(stores, 0, "k", "chat-1").await;
    lease_one(stores, 0).await;
    assert_eq!(stores.journal.reap(at(60)).await.unwrap(), 0, "the lease lasts until then");
    assert_eq!(stores.journal.reap(at(61)).await.unwrap(), 1);
    assert_eq!(stores.journal.reap(at(61)).await.unwrap(), 0);
    let view = only_job(stores, id).await;
    assert_eq!((view.state, view.attempts), (JobState::Pending, 1));
    let attempts = stores.journal.event(id).await.unwrap().unwrap().attempts;
    assert_eq!((attempts[0].outcome.as_str(), attempts[0].took_ms), ("lost", 61_000));
    assert_eq!(lease_one(stores, 61).await.attempt, 2);
}

async fn no_job_is_under_two_leases(stores: &Stores) {
    const LANES: usize = 20;
    const JOBS: usize = 5;
    for job in 0..JOBS {
        for lane in 0..LANES {
            accept_one(stores, 0, &format!("{lane}/{job}"), &format!("chat-{lane}")).await;
        }
    }
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let stores = stores.clone();
        workers.spawn(async move {
            let mut ran = Vec::new();
            while stores.journal.depth().await.unwrap().pending_jobs > 0 {
                for job in lease(&stores, 3, 1).await {
                    tokio::task::yield_now().await;
                    settle(&stores, &job, Next::Done, 1).await;
                    ran.push(job.event_id);
                }
            }
            ran
        });
    }
    let ran = workers.join_all().await.concat();
    assert_eq!(ran.len(), LANES * JOBS);
    assert_eq!(ran.iter().collect::<HashSet<_>>().len(), LANES * JOBS);
}

async fn paused_accounts_and_disabled_integrations_wait(stores: &Stores) {
    accept_one(stores, 0, "k", "chat-1").await;
    let paused = |id| Account { state: AccountState::Paused("401".to_owned()), ..account(id) };
    for id in [CHANNEL, "notebook"] {
        stores.registry.put_account(Some(&account(id)), paused(id)).await.unwrap();
        assert!(lease(stores, 10, 1).await.is_empty(), "{id} is paused");
        assert_eq!(stores.journal.next_due(&both()).await.unwrap(), None);
        stores.registry.put_account(Some(&paused(id)), account(id)).await.unwrap();
    }
    let disabled = Integration { enabled: false, ..integration(FIRST, "notebook") };
    stores.registry.put_integration(disabled).await.unwrap();
    assert!(lease(stores, 10, 1).await.is_empty());
    stores.registry.put_integration(integration(FIRST, "notebook")).await.unwrap();
    stores.registry.put_account(Some(&account("odoo")), paused("odoo")).await.unwrap();
    lease_one(stores, 1).await;
}

async fn the_next_due_lane_is_told(stores: &Stores) {
    assert_eq!(stores.journal.next_due(&both()).await.unwrap(), None);
    accept_one(stores, 9, "k1", "chat-1").await;
    accept_one(stores, 4, "k2", "chat-2").await;
    assert_eq!(stores.journal.next_due(&both()).await.unwrap(), Some(at(4)));
    let job = lease_one(stores, 4).await;
    assert_eq!(
        stores.journal.next_due(&both()).await.unwrap(),
        Some(at(9)),
        "a leased lane is not due"
    );
    settle(stores, &job, Next::ReadyAt(at(6)), 4).await;
    assert_eq!(stores.journal.next_due(&both()).await.unwrap(), Some(at(6)));
}
