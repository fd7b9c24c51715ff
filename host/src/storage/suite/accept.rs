//! Accepting: duplicates, jobs, refused and answered requests.

use super::*;

on_every_backend!(
    a_repeat_is_a_duplicate_and_makes_no_job,
    of_two_equal_events_in_one_webhook_the_second_is_a_duplicate,
    equal_keys_of_two_accounts_are_two_events,
    every_integration_gets_a_job_of_its_own,
    a_webhook_is_read_back_byte_for_byte,
    rejected_requests_are_kept_up_to_the_cap,
    an_event_without_integrations_has_no_jobs,
    an_unknown_integration_stores_nothing_and_spoils_no_other,
);

async fn a_repeat_is_a_duplicate_and_makes_no_job(stores: &Stores) {
    let events = || NewReading::Events(vec![new_event("k1", "chat-1", &[FIRST])]);
    let first = accept(stores, webhook(0, events())).await;
    let second = accept(stores, webhook(1, events())).await;
    assert!(!first.events[0].is_duplicate);
    assert_eq!(second.events, [AcceptedEvent { id: first.events[0].id, is_duplicate: true }]);
    assert_ne!(first.request, second.request);
    assert_eq!(stores.journal.jobs_of(first.events[0].id).await.unwrap().len(), 1);

    let listed = stores.journal.webhooks(None, all()).await.unwrap().items;
    assert_eq!(listed.len(), 2, "the repeat is journaled too");
    let told: Vec<_> = listed.iter().map(|webhook| webhook.events[0].is_duplicate).collect();
    assert_eq!(told, [true, false]);
    assert_eq!(listed[0].events[0].id, first.events[0].id);
}

async fn of_two_equal_events_in_one_webhook_the_second_is_a_duplicate(stores: &Stores) {
    let twice = vec![new_event("k", "chat-1", &[FIRST]), new_event("k", "chat-1", &[FIRST])];
    let accepted = accept(stores, webhook(0, NewReading::Events(twice))).await;
    let [one, two] = accepted.events[..] else { panic!("two entries for two events") };
    assert_eq!((one.id, one.is_duplicate, two.is_duplicate), (two.id, false, true));
    let listed = stores.journal.webhooks(None, all()).await.unwrap().items;
    let told: Vec<_> = listed[0].events.iter().map(|event| event.is_duplicate).collect();
    assert_eq!(told, [false, true]);
    assert_eq!(lease(stores, 10, 0).await.len(), 1);
}

async fn equal_keys_of_two_accounts_are_two_events(stores: &Stores) {
    let events = || NewReading::Events(vec![new_event("k", "chat-1", &[])]);
    let first = accept(stores, webhook(0, events())).await;
    let other = NewWebhook { account: "odoo".parse().unwrap(), ..webhook(0, events()) };
    let second = accept(stores, other).await;
    assert!(!second.events[0].is_duplicate);
    assert_ne!(first.events[0].id, second.events[0].id);
}

async fn every_integration_gets_a_job_of_its_own(stores: &Stores) {
    let events = NewReading::Events(vec![new_event("k", "chat-1", &[FIRST, SECOND])]);
    let accepted = accept(stores, webhook(0, events)).await;
    let jobs = stores.journal.jobs_of(accepted.events[0].id).await.unwrap();
    let integrations: Vec<_> = jobs.iter().map(|job| job.integration.as_str()).collect();
    assert_eq!(integrations, [FIRST, SECOND]);
    assert_eq!(lease(stores, 10, 0).await.len(), 2, "two lanes, one for each");
}

async fn a_webhook_is_read_back_byte_for_byte(stores: &Stores) {
    let id = accept_one(stores, 5, "k", "chat-1").await;
    let detail = stores.journal.event(id).await.unwrap().unwrap();
    assert_eq!(detail.request, request(5));
    assert_eq!(detail.account.as_str(), CHANNEL);
    assert_eq!(detail.event, event("chat-1"), "the columns of its own are filled in");
    assert_eq!(detail.view.kind, "conversation-started");
    assert!(stores.journal.event(EventId(id.0 + 1)).await.unwrap().is_none());

    let job = lease_one(stores, 5).await;
    assert_eq!((job.event, job.event_id, job.accepted_at), (event("chat-1"), id, at(5)));
    assert_eq!((job.account.as_str(), job.integration.as_str()), (CHANNEL, FIRST));
}

/// The suite's cap is three.
async fn rejected_requests_are_kept_up_to_the_cap(stores: &Stores) {
    let rejected = || NewReading::Rejected { status: 401, reason: "bad signature".to_owned() };
    accept(stores, webhook(0, NewReading::Answered)).await;
    let foreign = NewWebhook { account: "odoo".parse().unwrap(), ..webhook(0, rejected()) };
    accept(stores, foreign).await;
    let mut ids = Vec::new();
    for second in 1..=3 {
        ids.push(accept(stores, webhook(second, rejected())).await.request);
    }
    let listed = async || stores.journal.webhooks(None, all()).await.unwrap().items;
    assert_eq!(listed().await.len(), 5, "at the cap nothing is removed");

    accept(stores, webhook(4, rejected())).await;
    let left = listed().await;
    assert_eq!(left.len(), 5, "one beyond the cap removes one");
    assert!(left.iter().all(|webhook| webhook.request != ids[0]), "the oldest of this account");
    assert_eq!(left.iter().filter(|webhook| webhook.verdict == "answered").count(), 1);
    assert_eq!(left[0].reason.as_deref(), Some("bad signature"));
}

async fn an_event_without_integrations_has_no_jobs(stores: &Stores) {
    let accepted =
        accept(stores, webhook(0, NewReading::Events(vec![new_event("k", "chat-1", &[])]))).await;
    assert_eq!(stores.journal.jobs_of(accepted.events[0].id).await.unwrap(), []);
    assert_eq!(stores.journal.next_due(&both()).await.unwrap(), None);
}

async fn an_unknown_integration_stores_nothing_and_spoils_no_other(stores: &Stores) {
    let bad = || NewReading::Events(vec![new_event("bad", "chat-1", &[FIRST, "nobody"])]);
    let good = |key| NewReading::Events(vec![new_event(key, "chat-2", &[FIRST])]);
    let (first, refused, last) = tokio::join!(
        stores.journal.accept(webhook(0, good("a"))),
        stores.journal.accept(webhook(0, bad())),
        stores.journal.accept(webhook(0, good("b"))),
    );
    assert!(matches!(refused, Err(Error::Unavailable(_))));
    assert!(!first.unwrap().events[0].is_duplicate && !last.unwrap().events[0].is_duplicate);
    let listed = stores.journal.webhooks(None, all()).await.unwrap().items;
    assert_eq!(listed.len(), 2);
    assert_eq!(stores.journal.depth().await.unwrap().pending_jobs, 2);
}
