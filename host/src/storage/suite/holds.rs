//! Locks on clients: no two jobs of one client run at once in one CRM account.

use std::collections::{HashMap, HashSet};

use super::*;

on_every_backend!(
    two_conversations_of_one_client_never_run_at_once,
    a_held_lane_is_not_due_until_its_client_is_free,
    a_held_lane_keeps_its_place_before_what_came_later,
    heads_with_keys_in_common_all_run_and_none_at_the_same_time,
    of_many_held_by_one_client_each_runs_in_its_turn,
    a_lane_that_is_held_again_lets_the_next_one_have_what_is_free,
    a_client_is_held_across_integrations_of_one_crm_account,
    a_client_is_not_held_across_two_crm_accounts,
    a_paused_integration_does_not_keep_a_client_from_the_others,
    an_integration_that_no_share_names_does_not_keep_a_client_from_the_others,
    reaping_gives_the_client_back,
    a_retry_gives_the_client_back_until_its_time,
    a_dead_letter_gives_the_client_back,
    the_next_job_of_a_lane_has_keys_of_its_own,
    a_client_without_keys_holds_nobody,
    workers_at_the_same_time_never_share_a_client,
    a_job_takes_one_more_key_for_as_long_as_its_lease,
);

async fn a_job_takes_one_more_key_for_as_long_as_its_lease(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[1], &[FIRST]).await;
    accept_of(stores, 0, "chat-2", &[2], &[FIRST]).await;
    let jobs = lease(stores, 10, 1).await;
    let crm: AccountId = "notebook".parse().unwrap();
    let lock = |job: usize, key| stores.journal.lock_client(jobs[job].lease, &crm, ClientKey(key));
    assert!(lock(0, 9).await.unwrap());
    assert!(lock(0, 9).await.unwrap(), "it has it already");
    assert!(lock(0, 1).await.unwrap(), "and its own");
    assert!(!lock(1, 9).await.unwrap());
    let elsewhere: AccountId = "odoo".parse().unwrap();
    let key = ClientKey(9);
    assert!(stores.journal.lock_client(jobs[1].lease, &elsewhere, key).await.unwrap());
    settle(stores, &jobs[0], Next::Done, 2).await;
    assert!(lock(1, 9).await.unwrap(), "free again");
    let lost = lock(0, 10).await;
    assert!(matches!(lost, Err(Error::LeaseLost)), "whoever has no lease takes nothing");
    settle(stores, &jobs[1], Next::Done, 3).await;
    assert_eq!(stores.journal.reconcile(at(4)).await.unwrap(), 0, "nothing is left behind");
}

async fn two_conversations_of_one_client_never_run_at_once(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[7], &[FIRST]).await;
    accept_of(stores, 1, "chat-2", &[7], &[FIRST]).await;
    let first = lease(stores, 10, 1).await;
    assert_eq!(conversations(&first), ["chat-1"], "both are due in one lease");
    assert!(lease(stores, 10, 2).await.is_empty());
    settle(stores, &first[0], Next::Done, 2).await;
    let second = lease_one(stores, 2).await;
    assert_eq!(second.event.conversation, "chat-2", "right after");
    assert!(!second.is_again, "to be held is no attempt");
    settle(stores, &second, Next::Done, 3).await;
    assert_eq!(stores.journal.depth().await.unwrap().pending_jobs, 0);
}

async fn a_held_lane_is_not_due_until_its_client_is_free(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[7], &[FIRST]).await;
    accept_of(stores, 0, "chat-2", &[7], &[FIRST]).await;
    let running = lease_one(stores, 0).await;
    assert_eq!(stores.journal.next_due(&both()).await.unwrap(), None);
    accept_of(stores, 1, "chat-2", &[7], &[FIRST]).await;
    assert_eq!(
        stores.journal.next_due(&both()).await.unwrap(),
        None,
        "what is appended waits, too"
    );
    settle(stores, &running, Next::Done, 5).await;
    let due = stores.journal.next_due(&both()).await.unwrap();
    assert!(due.is_some_and(|due| due <= at(5)), "{due:?}");
}

async fn a_held_lane_keeps_its_place_before_what_came_later(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[7], &[FIRST]).await;
    accept_of(stores, 1, "chat-2", &[7], &[FIRST]).await;
    let running = lease_one(stores, 1).await;
    accept_of(stores, 2, "chat-3", &[8], &[FIRST]).await;
    accept_of(stores, 3, "chat-4", &[7], &[FIRST]).await;
    settle(stores, &running, Next::Done, 4).await;
    assert_eq!(conversations(&lease(stores, 2, 4).await), ["chat-2", "chat-3"]);
    assert!(lease(stores, 10, 5).await.is_empty(), "chat-4 is of the same client");
}

async fn heads_with_keys_in_common_all_run_and_none_at_the_same_time(stores: &Stores) {
    let keys: HashMap<&str, &[i64]> =
        HashMap::from([("ab", &[1, 2][..]), ("bc", &[2, 3]), ("cd", &[3, 4])]);
    for (second, conversation) in (0..).zip(["ab", "bc", "cd"]) {
        accept_of(stores, second, conversation, keys[conversation], &[FIRST]).await;
    }
    let mut running = lease(stores, 10, 3).await;
    assert_eq!(conversations(&running), ["ab", "cd"], "bc has taken nothing");
    let mut ran = Vec::new();
    for second in 4..10 {
        let mut taken = HashSet::new();
        for key in running.iter().flat_map(|job| keys[job.event.conversation.as_str()]) {
            assert!(taken.insert(*key), "two jobs with the key {key}");
        }
        let Some(job) = running.pop() else { break };
        settle(stores, &job, Next::Done, second).await;
        ran.push(job.event.conversation);
        running.extend(lease(stores, 10, second).await);
    }
    ran.sort_unstable();
    assert_eq!(ran, ["ab", "bc", "cd"]);
    assert_eq!(stores.journal.reconcile(at(20)).await.unwrap(), 0);
}

async fn of_many_held_by_one_client_each_runs_in_its_turn(stores: &Stores) {
    let names: Vec<String> = (0..20).map(|number| format!("chat-{number:02}")).collect();
    for (second, name) in (0..).zip(&names) {
        accept_of(stores, second, name, &[7], &[FIRST]).await;
    }
    let mut ran = Vec::new();
    for second in 20..40 {
        let job = lease_one(stores, second).await;
        settle(stores, &job, Next::Done, second).await;
        ran.push(job.event.conversation);
    }
    assert_eq!(ran, names);
}

/// Whoever is offered a key and then waits for another one must not keep the first from the rest.
async fn a_lane_that_is_held_again_lets_the_next_one_have_what_is_free(stores: &Stores) {
    accept_of(stores, 0, "b", &[2], &[FIRST]).await;
    accept_of(stores, 1, "c", &[3], &[FIRST]).await;
    accept_of(stores, 2, "bc", &[2, 3], &[FIRST]).await;
    accept_of(stores, 3, "b-again", &[2], &[FIRST]).await;
    let running = lease(stores, 10, 3).await;
    assert_eq!(conversations(&running), ["b", "c"]);
    settle(stores, &running[0], Next::Done, 4).await;
    let next = lease_one(stores, 4).await;
    assert_eq!(next.event.conversation, "b-again", "bc still waits for c");
    settle(stores, &running[1], Next::Done, 5).await;
    assert!(lease(stores, 10, 5).await.is_empty(), "now it waits for b");
    assert_eq!(stores.journal.reconcile(at(5)).await.unwrap(), 0);
    settle(stores, &next, Next::Done, 6).await;
    assert_eq!(lease_one(stores, 6).await.event.conversation, "bc");
}

async fn a_client_is_held_across_integrations_of_one_crm_account(stores: &Stores) {
    connect(stores, "also-to-notebook", "notebook").await;
    accept_of(stores, 0, "chat-1", &[7], &[FIRST, "also-to-notebook"]).await;
    let shares = [share(FIRST, 9, 9), share("also-to-notebook", 9, 9)];
    let one = lease_shares(stores, &shares, 10, 0).await;
    assert_eq!(one.len(), 1);
    assert!(lease_shares(stores, &shares, 10, 1).await.is_empty());
    settle(stores, &one[0], Next::Done, 2).await;
    let other = lease_shares(stores, &shares, 10, 2).await;
    assert_eq!(other.len(), 1);
    assert_ne!(other[0].integration, one[0].integration);
}

async fn a_client_is_not_held_across_two_crm_accounts(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[7], &[FIRST, SECOND]).await;
    assert_eq!(lease(stores, 10, 0).await.len(), 2);
}

/// Three lanes of one client: one runs, and one of each integration is held by it.
async fn held_in_two_integrations(stores: &Stores) -> LeasedJob {
    connect(stores, "also-to-notebook", "notebook").await;
    accept_of(stores, 0, "chat-1", &[7], &[FIRST]).await;
    let running = lease_one(stores, 0).await;
    accept_of(stores, 1, "chat-2", &[7], &["also-to-notebook"]).await;
    accept_of(stores, 2, "chat-3", &[7], &[FIRST]).await;
    let shares = [share(FIRST, 9, 9), share("also-to-notebook", 9, 9)];
    assert!(lease_shares(stores, &shares, 10, 2).await.is_empty());
    running
}

async fn a_paused_integration_does_not_keep_a_client_from_the_others(stores: &Stores) {
    let running = held_in_two_integrations(stores).await;
    let disabled = Integration { enabled: false, ..integration("also-to-notebook", "notebook") };
    stores.registry.put_integration(disabled).await.unwrap();
    settle(stores, &running, Next::Done, 3).await;
    let shares = [share(FIRST, 9, 9), share("also-to-notebook", 9, 9)];
    let next = lease_shares(stores, &shares, 10, 3).await;
    assert_eq!(conversations(&next), ["chat-3"]);
    settle(stores, &next[0], Next::Done, 4).await;
    connect(stores, "also-to-notebook", "notebook").await;
    assert_eq!(conversations(&lease_shares(stores, &shares, 10, 4).await), ["chat-2"]);
}

async fn an_integration_that_no_share_names_does_not_keep_a_client_from_the_others(
    stores: &Stores,
) {
    let running = held_in_two_integrations(stores).await;
    settle(stores, &running, Next::Done, 3).await;
    let next = lease_shares(stores, &[share(FIRST, 9, 9)], 10, 3).await;
    assert_eq!(conversations(&next), ["chat-3"]);
    assert_eq!(stores.journal.reconcile(at(3)).await.unwrap(), 0);
    settle(stores, &next[0], Next::Done, 4).await;
    let other = lease_shares(stores, &[share("also-to-notebook", 9, 9)], 10, 4).await;
    assert_eq!(conversations(&other), ["chat-2"]);
}

async fn reaping_gives_the_client_back(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[7], &[FIRST]).await;
    accept_of(stores, 1, "chat-2", &[7], &[FIRST]).await;
    lease_one(stores, 1).await;
    assert_eq!(stores.journal.reap(at(62)).await.unwrap(), 1);
    let next = lease_one(stores, 62).await;
    assert_eq!(next.event.conversation, "chat-2", "it has waited longer");
    settle(stores, &next, Next::Done, 63).await;
    let lost = lease_one(stores, 63).await;
    assert_eq!((lost.event.conversation.as_str(), lost.is_again), ("chat-1", true));
}

async fn a_retry_gives_the_client_back_until_its_time(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[7], &[FIRST]).await;
    accept_of(stores, 1, "chat-2", &[7], &[FIRST]).await;
    settle(stores, &lease_one(stores, 1).await, Next::ReadyAt(at(10)), 2).await;
    let other = lease_one(stores, 2).await;
    assert_eq!(other.event.conversation, "chat-2");
    assert!(lease(stores, 10, 10).await.is_empty(), "now the retry is held");
    settle(stores, &other, Next::Done, 11).await;
    let retry = lease_one(stores, 11).await;
    assert_eq!((retry.event.conversation.as_str(), retry.attempt), ("chat-1", 2));
}

async fn a_dead_letter_gives_the_client_back(stores: &Stores) {
    for (conversation, stops_lane) in [("chat-1", false), ("chat-2", true)] {
        accept_of(stores, 0, conversation, &[7], &[FIRST]).await;
        let job = lease_one(stores, 0).await;
        let dead = Settlement { stops_lane, ..settlement(Next::Dead) };
        stores.journal.settle(job.lease, dead, at(1)).await.unwrap();
    }
    accept_of(stores, 2, "chat-3", &[7], &[FIRST]).await;
    assert_eq!(lease_one(stores, 2).await.event.conversation, "chat-3");
}

async fn the_next_job_of_a_lane_has_keys_of_its_own(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[7], &[FIRST]).await;
    accept_of(stores, 1, "chat-1", &[8], &[FIRST]).await;
    settle(stores, &lease_one(stores, 1).await, Next::Done, 2).await;
    let second = lease_one(stores, 2).await;
    accept_of(stores, 3, "chat-2", &[7], &[FIRST]).await;
    accept_of(stores, 4, "chat-3", &[8], &[FIRST]).await;
    assert_eq!(lease_one(stores, 4).await.event.conversation, "chat-2", "7 is free, 8 is not");
    settle(stores, &second, Next::Done, 5).await;
    assert_eq!(lease_one(stores, 5).await.event.conversation, "chat-3");
}

async fn a_client_without_keys_holds_nobody(stores: &Stores) {
    accept_of(stores, 0, "chat-1", &[], &[FIRST]).await;
    accept_of(stores, 0, "chat-2", &[], &[FIRST]).await;
    assert_eq!(lease(stores, 10, 0).await.len(), 2);
}

async fn workers_at_the_same_time_never_share_a_client(stores: &Stores) {
    const LANES: i64 = 24;
    for lane in 0..LANES {
        // Neighbours have a key in common, and every fourth lane is of the same client.
        let keys = [lane % 4, 100 + lane, 101 + lane];
        accept_of(stores, 0, &format!("chat-{lane}"), &keys, &[FIRST, SECOND]).await;
    }
    let taken = Arc::new(std::sync::Mutex::new(HashSet::new()));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (stores, taken) = (stores.clone(), Arc::clone(&taken));
        workers.spawn(async move {
            let mut ran = 0;
            while stores.journal.depth().await.unwrap().pending_jobs > 0 {
                for job in lease(&stores, 3, 1).await {
                    let lane: i64 =
                        job.event.conversation.strip_prefix("chat-").unwrap().parse().unwrap();
                    let own = [lane % 4, 100 + lane, 101 + lane]
                        .map(|key| (job.integration.as_str().to_owned(), key));
                    for key in &own {
                        assert!(taken.lock().unwrap().insert(key.clone()), "{key:?} twice");
                    }
                    tokio::task::yield_now().await;
                    for key in &own {
                        taken.lock().unwrap().remove(key);
                    }
                    settle(&stores, &job, Next::Done, 1).await;
                    ran += 1;
                }
            }
            ran
        });
    }
    let ran: i64 = workers.join_all().await.iter().sum();
    assert_eq!(ran, LANES * 2);
    assert_eq!(stores.journal.reconcile(at(2)).await.unwrap(), 0);
}
