//! Lists in pages, and counts.

use super::*;

on_every_backend!(
    webhooks_come_newest_first_in_pages,
    webhooks_of_one_account_are_listed_alone,
    dead_letters_come_in_pages_for_one_integration_or_all,
    the_depth_counts_what_waits_or_runs,
    the_body_of_an_event_is_that_of_its_webhook,
);

async fn webhooks_come_newest_first_in_pages(stores: &Stores) {
    let mut ids = Vec::new();
    for second in 0..5 {
        ids.insert(0, accept(stores, webhook(second, NewReading::Answered)).await.request);
    }
    let page = async |before, limit| {
        let page = stores.journal.webhooks(None, PageQuery { before, limit }).await.unwrap();
        (page.items.iter().map(|webhook| webhook.request).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(page(None, 2).await, (ids[..2].to_vec(), Some(ids[1].0)));
    assert_eq!(page(Some(ids[1].0), 2).await, (ids[2..4].to_vec(), Some(ids[3].0)));
    assert_eq!(page(Some(ids[3].0), 2).await, (ids[4..].to_vec(), None));
    assert_eq!(page(None, 5).await, (ids.clone(), None), "an exact page is the last one");
    let view = &stores.journal.webhooks(None, all()).await.unwrap().items[0];
    assert_eq!(
        (view.method.as_str(), view.verdict.as_str(), view.received_at),
        ("POST", "answered", at(4))
    );
    assert_eq!(view.body_bytes, u64::try_from(request(0).body.len()).unwrap());
}

async fn webhooks_of_one_account_are_listed_alone(stores: &Stores) {
    accept(stores, webhook(0, NewReading::Answered)).await;
    let other = NewWebhook { account: "odoo".parse().unwrap(), ..webhook(1, NewReading::Answered) };
    let id = accept(stores, other).await.request;
    let listed = stores.journal.webhooks(Some("odoo".parse().unwrap()), all()).await.unwrap();
    assert_eq!((listed.items.len(), listed.items[0].request), (1, id));
    assert_eq!(listed.items[0].account.as_str(), "odoo");
}

async fn dead_letters_come_in_pages_for_one_integration_or_all(stores: &Stores) {
    for key in ["a", "b"] {
        let events = NewReading::Events(vec![new_event(key, key, &[FIRST, SECOND])]);
        accept(stores, webhook(0, events)).await;
    }
    for job in lease(stores, 10, 0).await {
        settle(stores, &job, Next::Dead, 1).await;
    }
    let page = async |integration: Option<&str>, before, limit| {
        let integration = integration.map(|id| id.parse().unwrap());
        stores.journal.dead_letters(integration, PageQuery { before, limit }).await.unwrap()
    };
    let first = page(None, None, 3).await;
    assert_eq!(first.items.len(), 3);
    let last = page(None, first.next, 3).await;
    assert_eq!((last.items.len(), last.next), (1, None));
    assert!(first.items.windows(2).all(|pair| pair[0].job > pair[1].job), "newest first");
    let of_second = page(Some(SECOND), None, 10).await.items;
    assert_eq!(of_second.len(), 2);
    assert!(of_second.iter().all(|letter| letter.integration.as_str() == SECOND));
    assert_eq!(of_second[0].kind, "conversation-started");
}

async fn the_depth_counts_what_waits_or_runs(stores: &Stores) {
    assert_eq!(stores.journal.depth().await.unwrap(), Depth::default());
    accept_one(stores, 3, "k1", "chat-1").await;
    accept_one(stores, 5, "k2", "chat-1").await;
    accept(stores, webhook(6, unread_reading())).await;
    let waiting =
        Depth { pending_jobs: 2, dead_jobs: 0, unread_requests: 1, oldest_pending: Some(at(3)) };
    assert_eq!(stores.journal.depth().await.unwrap(), waiting);
    let job = lease_one(stores, 5).await;
    let running = Depth { oldest_pending: Some(at(5)), ..waiting };
    assert_eq!(stores.journal.depth().await.unwrap(), running, "a job that runs is not done");
    settle(stores, &job, Next::Dead, 5).await;
    let settled = Depth { pending_jobs: 1, dead_jobs: 1, ..running };
    assert_eq!(stores.journal.depth().await.unwrap(), settled);
}

async fn the_body_of_an_event_is_that_of_its_webhook(stores: &Stores) {
    let events = ["a", "b"].map(|key| new_event(key, key, &[FIRST]));
    let accepted = accept(stores, webhook(0, NewReading::Events(events.to_vec()))).await;
    for event in accepted.events {
        assert_eq!(stores.journal.body_of(event.id).await.unwrap(), Some(request(0).body));
    }
    assert_eq!(stores.journal.body_of(EventId(404)).await.unwrap(), None);
}
