//! Shares of a lease: room for first attempts and for the others, turns of the integrations.

use super::*;

on_every_backend!(
    a_share_bounds_first_attempts_and_the_others_apart,
    a_share_bounds_first_attempts_and_the_others_together,
    a_flood_of_retries_leaves_room_for_first_attempts,
    integrations_take_turns_up_to_the_limit,
    an_integration_without_a_share_gives_nothing,
    what_is_held_does_not_use_up_a_share,
    a_replayed_and_a_lost_job_are_attempted_again,
    a_lane_that_moves_to_a_fresh_head_is_a_first_attempt,
    the_next_due_lane_of_some_integrations_is_told,
    an_extended_lease_is_not_reaped,
    only_who_holds_a_lease_extends_it,
    a_lease_is_never_made_shorter,
);

/// Lanes whose head has failed once and is due again at once.
async fn failed_lanes(stores: &Stores, count: usize, integration: &str) {
    for number in 0..count {
        accept_of(stores, 0, &format!("failed-{number}"), &[], &[integration]).await;
    }
    for job in lease(stores, 100, 0).await {
        settle(stores, &job, Next::ReadyAt(at(0)), 0).await;
    }
}

async fn a_share_bounds_first_attempts_and_the_others_apart(stores: &Stores) {
    failed_lanes(stores, 3, FIRST).await;
    for number in 0..3 {
        accept_of(stores, 1, &format!("fresh-{number}"), &[], &[FIRST]).await;
    }
    let leased = lease_shares(stores, &[share(FIRST, 2, 1)], 10, 1).await;
    assert_eq!(conversations(&leased), ["failed-0", "fresh-0", "fresh-1"]);
    assert_eq!(leased.iter().map(|job| job.is_again).collect::<Vec<_>>(), [true, false, false]);
    let leased = lease_shares(stores, &[share(FIRST, 0, 5)], 10, 1).await;
    assert_eq!(conversations(&leased), ["failed-1", "failed-2"]);
    let leased = lease_shares(stores, &[share(FIRST, 5, 0)], 10, 1).await;
    assert_eq!(conversations(&leased), ["fresh-2"]);
}

async fn a_share_bounds_first_attempts_and_the_others_together(stores: &Stores) {
    accept_one(stores, 0, "a", "chat-a").await;
    let failed = lease_one(stores, 0).await;
    settle(stores, &failed, Next::ReadyAt(at(1)), 1).await;
    accept_one(stores, 1, "b", "chat-b").await;
    // Room for one, as for the probe of a CRM that was down.
    let probe = Share { room: 1, ..share(FIRST, 1, 1) };
    assert_eq!(lease_shares(stores, &[probe], 10, 2).await.len(), 1);
    assert_eq!(lease_shares(stores, &[share(FIRST, 1, 1)], 10, 2).await.len(), 1, "the other");
}

async fn a_flood_of_retries_leaves_room_for_first_attempts(stores: &Stores) {
    failed_lanes(stores, 30, FIRST).await;
    accept_of(stores, 1, "fresh", &[], &[FIRST]).await;
    let leased = lease_shares(stores, &[share(FIRST, 4, 3)], 4, 1).await;
    assert_eq!(leased.len(), 4);
    assert!(conversations(&leased).contains(&"fresh"));
}

async fn integrations_take_turns_up_to_the_limit(stores: &Stores) {
    for number in 0..5 {
        accept_of(stores, number, &format!("old-{number}"), &[], &[FIRST]).await;
    }
    accept_of(stores, 8, "new-0", &[], &[SECOND]).await;
    accept_of(stores, 9, "new-1", &[], &[SECOND]).await;
    let shares = [share(FIRST, 9, 9), share(SECOND, 9, 9)];
    let leased = lease_shares(stores, &shares, 4, 10).await;
    assert_eq!(conversations(&leased), ["old-0", "new-0", "old-1", "new-1"]);
    let rest = lease_shares(stores, &shares, 4, 10).await;
    assert_eq!(conversations(&rest), ["old-2", "old-3", "old-4"]);
}

async fn an_integration_without_a_share_gives_nothing(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[], &[FIRST]).await;
    assert!(lease_shares(stores, &[], 10, 0).await.is_empty());
    assert!(lease_shares(stores, &[share(SECOND, 9, 9)], 10, 0).await.is_empty());
    assert!(lease_shares(stores, &[share(FIRST, 0, 9)], 10, 0).await.is_empty());
    assert!(lease_shares(stores, &[share("unknown", 9, 9)], 10, 0).await.is_empty());
    assert_eq!(lease_shares(stores, &[share(FIRST, 1, 0)], 10, 0).await.len(), 1);
}

async fn what_is_held_does_not_use_up_a_share(stores: &Stores) {
    for number in 0..5 {
        accept_of(stores, 0, &format!("same-{number}"), &[7], &[FIRST]).await;
    }
    accept_of(stores, 1, "other", &[8], &[FIRST]).await;
    let leased = lease_shares(stores, &[share(FIRST, 2, 0)], 10, 1).await;
    assert_eq!(conversations(&leased), ["same-0", "other"]);
}

async fn a_replayed_and_a_lost_job_are_attempted_again(stores: &Stores) {
    accept_of(stores, 0, "replayed", &[], &[FIRST]).await;
    let dead = lease_one(stores, 0).await;
    assert!(!dead.is_again);
    settle(stores, &dead, Next::Dead, 0).await;
    stores.journal.replay(dead.lease.job, at(1)).await.unwrap();
    assert!(lease_shares(stores, &[share(FIRST, 9, 0)], 10, 1).await.is_empty());
    let again = lease_one(stores, 1).await;
    assert_eq!((again.is_again, again.attempt), (true, 1));
    assert_eq!(stores.journal.reap(at(62)).await.unwrap(), 1);
    assert!(lease_shares(stores, &[share(FIRST, 9, 0)], 10, 62).await.is_empty());
    assert!(lease_one(stores, 62).await.is_again);
}

async fn a_lane_that_moves_to_a_fresh_head_is_a_first_attempt(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[], &[FIRST]).await;
    accept_of(stores, 1, "chat-1", &[], &[FIRST]).await;
    settle(stores, &lease_one(stores, 1).await, Next::ReadyAt(at(2)), 1).await;
    settle(stores, &lease_one(stores, 2).await, Next::Done, 3).await;
    assert!(lease_shares(stores, &[share(FIRST, 0, 9)], 10, 3).await.is_empty());
    let fresh = lease_shares(stores, &[share(FIRST, 9, 0)], 10, 3).await;
    assert_eq!((fresh.len(), fresh[0].is_again, fresh[0].attempt), (1, false, 1));
}

async fn the_next_due_lane_of_some_integrations_is_told(stores: &Stores) {
    accept_of(stores, 9, "chat-1", &[], &[FIRST]).await;
    accept_of(stores, 4, "chat-2", &[], &[SECOND]).await;
    let next = async |ids: &[&str]| {
        let ids: Vec<IntegrationId> = ids.iter().map(|id| id.parse().unwrap()).collect();
        stores.journal.next_due(&ids).await.unwrap()
    };
    assert_eq!(next(&[FIRST]).await, Some(at(9)));
    assert_eq!(next(&[SECOND]).await, Some(at(4)));
    assert_eq!(next(&[FIRST, SECOND, "unknown"]).await, Some(at(4)));
    assert_eq!(next(&[]).await, None);
    settle(stores, &lease_one(stores, 4).await, Next::ReadyAt(at(20)), 5).await;
    assert_eq!(next(&[SECOND]).await, Some(at(20)), "a retry has its time, too");
}

async fn an_extended_lease_is_not_reaped(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[], &[FIRST]).await;
    let job = lease_one(stores, 0).await;
    stores.journal.extend(job.lease, at(90)).await.unwrap();
    assert_eq!(stores.journal.reap(at(90)).await.unwrap(), 0);
    settle(stores, &job, Next::ReadyAt(at(90)), 90).await;
    lease_one(stores, 90).await;
    assert_eq!(stores.journal.reap(at(151)).await.unwrap(), 1, "the next lease has its own end");
}

async fn only_who_holds_a_lease_extends_it(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[], &[FIRST]).await;
    let old = lease_one(stores, 0).await;
    stores.journal.reap(at(61)).await.unwrap();
    let lost = stores.journal.extend(old.lease, at(99)).await;
    assert!(matches!(lost, Err(Error::LeaseLost)), "nobody holds it");
    let new = lease_one(stores, 61).await;
    let lost = stores.journal.extend(old.lease, at(999)).await;
    assert!(matches!(lost, Err(Error::LeaseLost)), "another one holds it");
    assert_eq!(stores.journal.reap(at(122)).await.unwrap(), 1, "the new lease is as it was");
    let lost = stores.journal.extend(new.lease, at(999)).await;
    assert!(matches!(lost, Err(Error::LeaseLost)));
}

async fn a_lease_is_never_made_shorter(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[], &[FIRST]).await;
    let job = lease_one(stores, 0).await;
    stores.journal.extend(job.lease, at(5)).await.unwrap();
    assert_eq!(stores.journal.reap(at(60)).await.unwrap(), 0);
    assert_eq!(stores.journal.reap(at(61)).await.unwrap(), 1);
}
