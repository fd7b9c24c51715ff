//! Lanes that do not flow: stopped by a dead letter, held by a client, waiting for a retry.

use super::*;

on_every_backend!(
    a_dead_letter_that_stops_its_lane_lets_nothing_run,
    a_stopped_lane_goes_on_when_it_is_resumed,
    a_stopped_lane_with_nothing_behind_rests_when_it_is_resumed,
    the_dead_letter_that_stopped_a_lane_is_replayed_at_its_head,
    another_dead_letter_of_a_stopped_lane_goes_to_its_end,
    a_settlement_that_is_not_dead_stops_nothing,
    lanes_that_do_not_flow_are_listed,
    stuck_lanes_come_newest_first_in_pages,
);

async fn stop(stores: &Stores, job: &LeasedJob, second: i64) {
    let dead = Settlement { stops_lane: true, ..settlement(Next::Dead) };
    stores.journal.settle(job.lease, dead, at(second)).await.unwrap();
}

async fn stuck(stores: &Stores, integration: Option<&str>) -> Vec<LaneView> {
    let integration = integration.map(|id| id.parse().unwrap());
    stores.journal.stuck_lanes(integration, all()).await.unwrap().items
}

async fn only_stuck(stores: &Stores) -> LaneView {
    let mut lanes = stuck(stores, None).await;
    assert_eq!(lanes.len(), 1);
    lanes.remove(0)
}

async fn a_dead_letter_that_stops_its_lane_lets_nothing_run(stores: &Stores) {
    let dead = accept_one(stores, 0, "k1", "chat-1").await;
    accept_one(stores, 0, "k2", "chat-1").await;
    let job = lease_one(stores, 0).await;
    stop(stores, &job, 1).await;
    accept_one(stores, 2, "k3", "chat-1").await;
    let other = accept_one(stores, 2, "k4", "chat-2").await;
    assert_eq!(lease_one(stores, 9).await.event_id, other, "the other lanes go on");
    assert_eq!(stores.journal.depth().await.unwrap().pending_jobs, 3, "new ones are kept");

    let lane = only_stuck(stores).await;
    assert_eq!((lane.state, lane.head, lane.event), (LaneState::Stopped, job.lease.job, dead));
    assert_eq!((lane.conversation.as_str(), lane.integration.as_str()), ("chat-1", FIRST));
    assert_eq!((lane.attempts, lane.run_at), (1, None));
    assert_eq!(lane.reason.as_deref(), Some("the peer answered 500"));
    assert_eq!(stores.journal.dead_letters(None, all()).await.unwrap().items.len(), 1);
    assert_eq!(stores.journal.reconcile(at(9)).await.unwrap(), 0, "it is stopped on purpose");
}

async fn a_stopped_lane_goes_on_when_it_is_resumed(stores: &Stores) {
    accept_one(stores, 0, "k1", "chat-1").await;
    let next = accept_one(stores, 0, "k2", "chat-1").await;
    stop(stores, &lease_one(stores, 0).await, 1).await;
    let lane = only_stuck(stores).await.lane;
    assert!(stores.journal.resume_lane(lane, at(5)).await.unwrap());
    assert!(!stores.journal.resume_lane(lane, at(5)).await.unwrap(), "once");
    assert_eq!(stuck(stores, None).await, []);
    assert!(lease(stores, 10, 4).await.is_empty());
    let job = lease_one(stores, 5).await;
    assert_eq!((job.event_id, job.is_again), (next, false));
    assert_eq!(stores.journal.depth().await.unwrap().dead_jobs, 1, "the dead letter is kept");
    assert!(!stores.journal.resume_lane(lane, at(6)).await.unwrap(), "it runs");
    assert!(!stores.journal.resume_lane(LaneId(lane.0 + 1), at(6)).await.unwrap());
}

async fn a_stopped_lane_with_nothing_behind_rests_when_it_is_resumed(stores: &Stores) {
    accept_one(stores, 0, "k1", "chat-1").await;
    stop(stores, &lease_one(stores, 0).await, 1).await;
    assert!(stores.journal.resume_lane(only_stuck(stores).await.lane, at(5)).await.unwrap());
    assert_eq!(stores.journal.next_due(&both()).await.unwrap(), None);
    let later = accept_one(stores, 6, "k2", "chat-1").await;
    assert_eq!(lease_one(stores, 6).await.event_id, later);
}

async fn the_dead_letter_that_stopped_a_lane_is_replayed_at_its_head(stores: &Stores) {
    let first = accept_one(stores, 0, "k1", "chat-1").await;
    let second = accept_one(stores, 0, "k2", "chat-1").await;
    let dead = lease_one(stores, 0).await;
    stop(stores, &dead, 1).await;
    assert!(stores.journal.replay(dead.lease.job, at(5)).await.unwrap());
    assert_eq!(stuck(stores, None).await, []);
    let again = lease_one(stores, 5).await;
    assert_eq!((again.event_id, again.attempt, again.is_again), (first, 1, true));
    settle(stores, &again, Next::Done, 6).await;
    assert_eq!(lease_one(stores, 6).await.event_id, second);
}

async fn another_dead_letter_of_a_stopped_lane_goes_to_its_end(stores: &Stores) {
    let mut events = Vec::new();
    for key in ["k1", "k2", "k3"] {
        events.push(accept_one(stores, 0, key, "chat-1").await);
    }
    let parked = lease_one(stores, 0).await;
    settle(stores, &parked, Next::Dead, 0).await;
    let stopping = lease_one(stores, 0).await;
    stop(stores, &stopping, 1).await;
    assert!(stores.journal.replay(parked.lease.job, at(2)).await.unwrap());
    assert!(lease(stores, 10, 2).await.is_empty(), "the lane stays stopped");
    assert!(stores.journal.replay(stopping.lease.job, at(3)).await.unwrap());
    let mut ran = Vec::new();
    for second in 3..6 {
        let job = lease_one(stores, second).await;
        settle(stores, &job, Next::Done, second).await;
        ran.push(job.event_id);
    }
    assert_eq!(ran, [events[1], events[2], events[0]]);
}

async fn a_settlement_that_is_not_dead_stops_nothing(stores: &Stores) {
    accept_one(stores, 0, "k1", "chat-1").await;
    accept_one(stores, 0, "k2", "chat-1").await;
    for next in [Next::ReadyAt(at(1)), Next::Done] {
        let job = lease_one(stores, 1).await;
        let settlement = Settlement { stops_lane: true, ..settlement(next) };
        stores.journal.settle(job.lease, settlement, at(1)).await.unwrap();
    }
    lease_one(stores, 1).await;
}

async fn lanes_that_do_not_flow_are_listed(stores: &Stores) {
    accept_of(stores, 0, "waits", &[1], &[FIRST]).await;
    settle(stores, &lease_one(stores, 0).await, Next::ReadyAt(at(50)), 1).await;
    let runs = accept_of(stores, 2, "runs", &[2], &[FIRST]).await;
    assert_eq!(lease_one(stores, 2).await.event_id, runs);
    accept_of(stores, 3, "held", &[2], &[FIRST]).await;
    assert!(lease(stores, 10, 3).await.is_empty());
    accept_of(stores, 4, "stops", &[3], &[SECOND]).await;
    stop(stores, &lease_one(stores, 4).await, 5).await;
    accept_of(stores, 6, "due", &[4], &[FIRST]).await;

    let told = |lanes: Vec<LaneView>| -> Vec<_> {
        lanes.into_iter().map(|lane| (lane.conversation, lane.state, lane.attempts)).collect()
    };
    let waits = || ("waits".to_owned(), LaneState::Waiting, 1);
    let held = || ("held".to_owned(), LaneState::Held, 0);
    let stops = || ("stops".to_owned(), LaneState::Stopped, 1);
    assert_eq!(told(stuck(stores, None).await), [stops(), held(), waits()]);
    assert_eq!(told(stuck(stores, Some(FIRST)).await), [held(), waits()]);
    assert_eq!(told(stuck(stores, Some(SECOND)).await), [stops()]);
    assert_eq!(stuck(stores, None).await[2].run_at, Some(at(50)));
}

async fn stuck_lanes_come_newest_first_in_pages(stores: &Stores) {
    for number in 0..5 {
        accept_of(stores, 0, &format!("chat-{number}"), &[], &[FIRST]).await;
    }
    for job in lease(stores, 10, 0).await {
        settle(stores, &job, Next::ReadyAt(at(9)), 0).await;
    }
    let mut names = Vec::new();
    let mut before = None;
    loop {
        let page = stores.journal.stuck_lanes(None, PageQuery { before, limit: 2 }).await.unwrap();
        assert!(page.items.len() <= 2);
        names.extend(page.items.into_iter().map(|lane| lane.conversation));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(names, ["chat-4", "chat-3", "chat-2", "chat-1", "chat-0"]);
}
