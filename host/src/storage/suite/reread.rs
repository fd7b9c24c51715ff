//! Webhooks that could not be read, and are read again.

use super::*;

on_every_backend!(
    an_unread_webhook_is_found_and_replaced,
    a_plugin_does_not_see_again_what_it_failed_on,
    a_webhook_is_reread_once,
    a_reread_event_may_be_a_duplicate,
    a_reread_may_end_in_a_rejection,
);

async fn unread(stores: &Stores, plugin: Digest) -> Vec<UnreadRequest> {
    stores.journal.unread(&CHANNEL.parse().unwrap(), plugin, 10).await.unwrap()
}

fn mended() -> Digest {
    Digest::of(b"adapter 2")
}

fn one_event() -> NewReading {
    NewReading::Events(vec![new_event("k", "chat-1", &[FIRST])])
}

async fn an_unread_webhook_is_found_and_replaced(stores: &Stores) {
    let id = accept(stores, webhook(3, unread_reading())).await.request;
    assert_eq!(stores.journal.depth().await.unwrap().unread_requests, 1);
    let found = unread(stores, mended()).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, found[0].plugin, &found[0].request), (id, plugin(), &request(3)));

    let accepted = stores.journal.reread(id, mended(), one_event(), at(50)).await.unwrap();
    assert_eq!((accepted.request, accepted.events.len()), (id, 1));
    assert!(unread(stores, Digest::of(b"adapter 3")).await.is_empty());
    assert_eq!(stores.journal.depth().await.unwrap().unread_requests, 0);
    assert!(lease(stores, 10, 49).await.is_empty(), "its job is ordered by the time of the reread");
    assert_eq!(lease_one(stores, 50).await.accepted_at, at(3));
    let listed = stores.journal.webhooks(None, all()).await.unwrap().items;
    assert_eq!((listed.len(), listed[0].verdict.as_str(), &listed[0].reason), (1, "events", &None));
}

async fn a_plugin_does_not_see_again_what_it_failed_on(stores: &Stores) {
    let first = accept(stores, webhook(0, unread_reading())).await.request;
    let second = accept(stores, webhook(1, unread_reading())).await.request;
    assert!(unread(stores, plugin()).await.is_empty());
    let ids: Vec<_> = unread(stores, mended()).await.iter().map(|request| request.id).collect();
    assert_eq!(ids, [first, second], "oldest first");
    let limited = stores.journal.unread(&CHANNEL.parse().unwrap(), mended(), 1).await.unwrap();
    assert_eq!((limited.len(), limited[0].id), (1, first));

    stores.journal.reread(first, mended(), unread_reading(), at(2)).await.unwrap();
    let ids: Vec<_> = unread(stores, mended()).await.iter().map(|request| request.id).collect();
    assert_eq!(ids, [second]);
    let other = stores.journal.unread(&"odoo".parse().unwrap(), mended(), 10).await.unwrap();
    assert!(other.is_empty(), "each account sees its own");
}

async fn a_webhook_is_reread_once(stores: &Stores) {
    let id = accept(stores, webhook(0, unread_reading())).await.request;
    stores.journal.reread(id, mended(), one_event(), at(1)).await.unwrap();
    let again = stores.journal.reread(id, mended(), NewReading::Answered, at(2)).await.unwrap();
    assert_eq!(again, Accepted { request: id, events: Vec::new() });
    let listed = stores.journal.webhooks(None, all()).await.unwrap().items;
    assert_eq!((listed[0].verdict.as_str(), listed[0].events.len()), ("events", 1));
}

async fn a_reread_event_may_be_a_duplicate(stores: &Stores) {
    let id = accept(stores, webhook(0, unread_reading())).await.request;
    let first = accept_one(stores, 1, "k", "chat-1").await;
    let accepted = stores.journal.reread(id, mended(), one_event(), at(2)).await.unwrap();
    assert_eq!(accepted.events, [AcceptedEvent { id: first, is_duplicate: true }]);
    assert_eq!(lease(stores, 10, 2).await.len(), 1);
}

async fn a_reread_may_end_in_a_rejection(stores: &Stores) {
    let rejected = || NewReading::Rejected { status: 403, reason: "bad signature".to_owned() };
    let id = accept(stores, webhook(0, unread_reading())).await.request;
    stores.journal.reread(id, mended(), rejected(), at(1)).await.unwrap();
    // It counts for the cap of three, and is the oldest.
    for second in 2..=4 {
        accept(stores, webhook(second, rejected())).await;
    }
    let listed = stores.journal.webhooks(None, all()).await.unwrap().items;
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|webhook| webhook.request != id));
}
