//! The window within which an event with a known key is a repeat.

use super::*;

on_every_backend!(
    a_repeat_at_the_start_of_the_window_is_one,
    a_key_that_was_given_up_is_not_taken_for_another,
    several_events_of_one_webhook_have_their_own_window,
);

fn keyed(key: &str, since: i64) -> NewEvent {
    NewEvent { dedup_since: at(since), ..new_event(key, "chat-1", &[FIRST]) }
}

async fn store(stores: &Stores, second: i64, events: Vec<NewEvent>) -> Vec<AcceptedEvent> {
    accept(stores, webhook(second, NewReading::Events(events))).await.events
}

async fn a_repeat_at_the_start_of_the_window_is_one(stores: &Stores) {
    let first = store(stores, 100, vec![keyed("k", 0)]).await[0];
    let repeat = store(stores, 200, vec![keyed("k", 100)]).await[0];
    assert_eq!((repeat.id, repeat.is_duplicate), (first.id, true), "received at its start");
    let second = store(stores, 201, vec![keyed("k", 101)]).await[0];
    assert!(!second.is_duplicate, "received before it");
    assert_ne!(second.id, first.id);
    let repeat = store(stores, 300, vec![keyed("k", 201)]).await[0];
    assert_eq!((repeat.id, repeat.is_duplicate), (second.id, true), "the new one has the key");

    assert_eq!(only_job(stores, first.id).await.state, JobState::Pending, "the old one stays");
    assert_eq!(stores.journal.depth().await.unwrap().pending_jobs, 2);
    let listed = stores.journal.webhooks(None, all()).await.unwrap().items;
    let told: Vec<_> = listed.iter().map(|webhook| webhook.events[0].id).collect();
    assert_eq!(told, [second.id, second.id, first.id, first.id]);
}

async fn a_key_that_was_given_up_is_not_taken_for_another(stores: &Stores) {
    let first = store(stores, 0, vec![keyed("k", 0)]).await[0].id;
    store(stores, 10, vec![keyed("k", 10)]).await;
    store(stores, 20, vec![keyed("k", 20)]).await;
    for key in [format!("r{first}"), format!("rr{first}"), first.to_string(), "r".to_owned()] {
        let accepted = store(stores, 30, vec![keyed(&key, 0)]).await[0];
        assert!(!accepted.is_duplicate, "{key}");
        let repeat = store(stores, 31, vec![keyed(&key, 0)]).await[0];
        assert_eq!((repeat.id, repeat.is_duplicate), (accepted.id, true), "{key}");
    }
}

async fn several_events_of_one_webhook_have_their_own_window(stores: &Stores) {
    let first = store(stores, 0, vec![keyed("a", 0), keyed("b", 0)]).await;
    let again = vec![keyed("a", 1), keyed("b", 0), keyed("a", 1), keyed("c", 1)];
    let second = store(stores, 10, again).await;
    let told: Vec<_> = second.iter().map(|event| event.is_duplicate).collect();
    assert_eq!(told, [false, true, true, false]);
    assert_eq!(second[1].id, first[1].id);
    assert_eq!(second[2].id, second[0].id, "the repeat within the webhook");
    assert_ne!(second[0].id, first[0].id);
}
