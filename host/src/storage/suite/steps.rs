//! Steps and results of a job.

use super::*;
use crate::event::{Effect, EventOutcome};

on_every_backend!(
    a_later_record_replaces_a_step_of_the_same_name,
    a_result_is_kept_with_the_job_that_is_done
);

fn step(name: &str, state: StepState, result: Option<&str>) -> Step {
    Step {
        name: name.to_owned(),
        idempotency_key: format!("key-of-{name}"),
        state,
        result: result.map(str::to_owned),
    }
}

async fn a_later_record_replaces_a_step_of_the_same_name(stores: &Stores) {
    let id = accept_one(stores, 0, "k", "chat-1").await;
    let job = lease_one(stores, 0).await;
    let sent = [
        step("contact", StepState::Intended, None),
        step("deal", StepState::Intended, None),
        step("contact", StepState::Done, Some("{}")),
        step("deal", StepState::Unknown, None),
    ];
    for step in sent.clone() {
        stores.journal.record_step(job.lease, step).await.unwrap();
    }
    let [_, _, contact, deal] = sent;
    let kept = [contact, deal];
    assert_eq!(only_job(stores, id).await.steps, kept, "in the order of their first record");
    settle(stores, &job, Next::ReadyAt(at(1)), 0).await;
    assert_eq!(lease_one(stores, 1).await.steps, kept);
}

async fn a_result_is_kept_with_the_job_that_is_done(stores: &Stores) {
    let id = accept_one(stores, 0, "k", "chat-1").await;
    let job = lease_one(stores, 0).await;
    assert_eq!(only_job(stores, id).await.state, JobState::Leased);
    let result = EventOutcome { effect: Effect::Created, ..EventOutcome::nothing() };
    let done = Settlement { result: Some(result.clone()), ..settlement(Next::Done) };
    stores.journal.settle(job.lease, done, at(1)).await.unwrap();
    let view = only_job(stores, id).await;
    assert_eq!((view.state, view.result, view.reason), (JobState::Done, Some(result), None));
    assert_eq!((view.attempts, view.run_at), (1, None));
}
