//! Erasing a client on request: nothing of it is left, and nothing of others is touched.

use super::*;
use crate::{
    card::{Author, Card, ExternalId, Message, Person, Transcript},
    event::{Effect, EventOutcome},
    rules::identity,
};

on_every_backend!(
    what_was_received_of_a_client_is_erased,
    what_came_of_a_client_is_erased,
    others_are_left_alone,
    unfinished_work_becomes_a_dead_letter_and_its_lane_goes_on,
    a_job_that_runs_loses_its_lease_and_gives_its_client_back,
    a_lane_that_is_held_by_a_forgotten_head_is_let_go,
    repeats_of_a_client_are_erased,
    webhooks_without_events_are_erased_by_what_they_tell,
    links_of_a_client_and_of_its_cards_are_erased,
    forgetting_twice_finds_nothing_more,
    a_conversation_that_is_called_by_its_client_is_renamed,
    any_notation_of_a_client_is_forgotten,
    a_short_id_is_not_looked_for_in_texts,
    a_client_with_a_long_history_is_forgotten_whole,
);

const PHONE: &str = "+79000000003";
const TEXT: &str = "79000000003";

fn phone() -> Identifier {
    Identifier::Phone(PHONE.to_owned())
}

/// An event that is full of the client.
fn event_of(client: Identifier, conversation: &str, integrations: &[&str]) -> NewEvent {
    let person = Person {
        id: Some("7".to_owned()),
        name: Some("M. Test".to_owned()),
        email: None,
        phone: Some(PHONE.to_owned()),
        active: true,
    };
    let said = Message {
        author: Author::Client,
        agent: Some(person.clone()),
        sent_at: None,
        text: format!("call {PHONE}"),
    };
    let event = Event {
        wants_reply: false,
        kind: Kind::ConversationFinished(Transcript {
            started_at: None,
            finished_at: None,
            topic: Some(PHONE.to_owned()),
            rating: None,
            messages: vec![said],
        }),
        client: vec![client],
        fields: vec![Field { key: "phone".to_owned(), value: Value::Text(PHONE.to_owned()) }],
        agents: vec![person],
        context: Some(format!("{{\"phone\":\"{PHONE}\"}}")),
        ..event(conversation)
    };
    NewEvent {
        client_keys: identity::client_keys(&event),
        event,
        ..new_event(conversation, conversation, integrations)
    }
}

fn request_of_client(second: i64) -> Request {
    Request {
        path: format!("/{PHONE}"),
        query: format!("phone={TEXT}"),
        headers: vec![("x-phone".to_owned(), PHONE.as_bytes().to_vec())],
        body: format!("{{\"phone\":\"{PHONE}\"}}").into(),
        remote_address: "192.0.2.7".to_owned(),
        ..request(second)
    }
}

async fn accept_client(stores: &Stores, second: i64, conversation: &str) -> EventId {
    let reading = NewReading::Events(vec![event_of(phone(), conversation, &[FIRST])]);
    let webhook = NewWebhook { request: request_of_client(second), ..webhook(second, reading) };
    accept(stores, webhook).await.events[0].id
}

async fn forget(stores: &Stores, identifier: &Identifier) -> Erased {
    stores.journal.forget(identifier, at(90)).await.unwrap()
}

fn erased_request(second: i64) -> Request {
    Request {
        path: String::new(),
        query: String::new(),
        headers: Vec::new(),
        body: Bytes::new(),
        remote_address: String::new(),
        ..request(second)
    }
}

fn card(id: &str) -> Card {
    Card {
        id: id.to_owned(),
        url: None,
        manager: None,
        fields: Vec::new(),
        lines: Vec::new(),
        matched: vec![phone()],
    }
}

fn link(identifier: Identifier, card: &str) -> IdentityLink {
    IdentityLink { crm: "notebook".parse().unwrap(), identifier, card: card.to_owned() }
}

/// Everything that can be read of an event, as text.
async fn told(stores: &Stores, event: EventId) -> String {
    let detail = stores.journal.event(event).await.unwrap().unwrap();
    let request = &detail.request;
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        detail.event,
        detail.view,
        detail.attempts,
        request.path,
        request.query,
        request.headers,
        request.body,
        request.remote_address,
    )
}

async fn what_was_received_of_a_client_is_erased(stores: &Stores) {
    let id = accept_client(stores, 3, "chat-1").await;
    assert!(told(stores, id).await.contains(TEXT));
    let erased = forget(stores, &phone()).await;
    assert_eq!((erased.requests, erased.events, erased.jobs), (1, 1, 1));
    let detail = stores.journal.event(id).await.unwrap().unwrap();
    assert_eq!(detail.request, erased_request(3), "method and time stay");
    let nothing = Transcript {
        started_at: None,
        finished_at: None,
        topic: None,
        rating: None,
        messages: Vec::new(),
    };
    let bare = Event {
        wants_reply: false,
        kind: Kind::ConversationFinished(nothing),
        client: Vec::new(),
        fields: Vec::new(),
        ..event("chat-1")
    };
    assert_eq!(detail.event, bare);
    assert_eq!(detail.view.kind, "conversation-finished");
    assert!(!told(stores, id).await.contains(TEXT));
}

async fn what_came_of_a_client_is_erased(stores: &Stores) {
    let id = accept_client(stores, 0, "chat-1").await;
    let job = lease_one(stores, 0).await;
    let step = Step {
        name: "contact".to_owned(),
        idempotency_key: "i".to_owned(),
        state: StepState::Done,
        result: Some(format!(
            "{{\"effect\":\"created\",\"card\":{{\"id\":\"c1\",\"url\":\"{PHONE}\"}}}}"
        )),
    };
    stores.journal.record_step(job.lease, step.clone()).await.unwrap();
    let result = EventOutcome {
        effect: Effect::Created,
        cards: vec![card("c1"), card("c2")],
        ..EventOutcome::nothing()
    };
    let done = Settlement {
        result: Some(result),
        reason: Some(format!("no {PHONE}")),
        ..settlement(Next::Done)
    };
    stores.journal.settle(job.lease, done, at(1)).await.unwrap();
    let erased = forget(stores, &phone()).await;
    assert_eq!((erased.events, erased.jobs), (1, 0), "it had ended");
    let crm: AccountId = "notebook".parse().unwrap();
    assert_eq!(erased.cards, [(crm.clone(), "c1".to_owned()), (crm, "c2".to_owned())]);
    let view = only_job(stores, id).await;
    assert_eq!((view.state, view.result, view.reason), (JobState::Done, None, None));
    assert_eq!(view.steps, [Step { result: None, ..step }], "what was done is known still");
    let attempts = stores.journal.event(id).await.unwrap().unwrap().attempts;
    assert_eq!((attempts.len(), &attempts[0].reason), (1, &None));
    assert!(!told(stores, id).await.contains(TEXT));
}

async fn others_are_left_alone(stores: &Stores) {
    accept_client(stores, 0, "chat-1").await;
    let other = Identifier::Phone("+79000000004".to_owned());
    let reading = NewReading::Events(vec![event_of(other.clone(), "chat-2", &[FIRST])]);
    let id = accept(stores, webhook(1, reading)).await.events[0].id;
    let same = Identifier::Email("79000000003@example.com".to_owned());
    let reading = NewReading::Events(vec![event_of(same, "chat-3", &[FIRST])]);
    let third = accept(stores, webhook(2, reading)).await.events[0].id;
    let before = (told(stores, id).await, told(stores, third).await);
    assert_eq!(forget(stores, &phone()).await.events, 1);
    assert_eq!((told(stores, id).await, told(stores, third).await), before);
    let mut running = Vec::new();
    for job in lease(stores, 10, 90).await {
        running.push(job.event_id);
    }
    assert_eq!(running, [id, third]);
}

async fn unfinished_work_becomes_a_dead_letter_and_its_lane_goes_on(stores: &Stores) {
    let other = Identifier::Phone("+79000000004".to_owned());
    let accept_other = async |key: &str, second| {
        let event =
            NewEvent { dedup_key: key.into(), ..event_of(other.clone(), "chat-1", &[FIRST]) };
        accept(stores, webhook(second, NewReading::Events(vec![event]))).await.events[0].id
    };
    let head = accept_client(stores, 0, "chat-1").await;
    settle(stores, &lease_one(stores, 0).await, Next::ReadyAt(at(500)), 0).await;
    let second = accept_other("k2", 1).await;
    let event = NewEvent { dedup_key: b"k3".to_vec(), ..event_of(phone(), "chat-1", &[FIRST]) };
    let third = accept(stores, webhook(2, NewReading::Events(vec![event]))).await.events[0].id;
    let last = accept_other("k4", 3).await;

    let erased = forget(stores, &phone()).await;
    assert_eq!((erased.events, erased.jobs), (2, 2));
    for event in [head, third] {
        let job = only_job(stores, event).await;
        assert_eq!((job.state, job.run_at), (JobState::Dead, None));
        assert_eq!(job.reason.as_deref(), Some("erased on request"));
    }
    let letters = stores.journal.dead_letters(None, all()).await.unwrap().items;
    assert!(letters.iter().all(|letter| letter.died_at == at(90)));
    for expected in [second, last] {
        let job = lease_one(stores, 90).await;
        assert_eq!((job.event_id, job.is_again), (expected, false));
        settle(stores, &job, Next::Done, 90).await;
    }
    assert!(stores.journal.replay(letters[0].job, at(91)).await.unwrap());
    assert_eq!(lease_one(stores, 91).await.event.client, [], "a replay knows nobody");
}

async fn a_job_that_runs_loses_its_lease_and_gives_its_client_back(stores: &Stores) {
    accept_client(stores, 0, "chat-1").await;
    let job = lease_one(stores, 0).await;
    assert_eq!(forget(stores, &phone()).await.jobs, 1);
    let late = stores.journal.settle(job.lease, settlement(Next::Done), at(91)).await;
    assert!(matches!(late, Err(Error::LeaseLost)));
    assert_eq!(stores.journal.reap(at(900)).await.unwrap(), 0);
    let next = accept_client(stores, 91, "chat-2").await;
    assert_eq!(lease_one(stores, 91).await.event_id, next, "nobody works on the client");
    assert_eq!(stores.journal.reconcile(at(92)).await.unwrap(), 0);
}

async fn a_lane_that_is_held_by_a_forgotten_head_is_let_go(stores: &Stores) {
    // A second client of the same conversation waits behind the head that is held.
    let email = Identifier::Email("m.test@example.com".to_owned());
    let mut both = event_of(phone(), "chat-1", &[FIRST]);
    both.event.client.push(email.clone());
    both.client_keys = identity::client_keys(&both.event);
    let running = NewEvent { dedup_key: b"r".to_vec(), ..event_of(email, "chat-0", &[FIRST]) };
    accept(stores, webhook(0, NewReading::Events(vec![running]))).await;
    let running = lease_one(stores, 0).await;
    accept(stores, webhook(1, NewReading::Events(vec![both]))).await;
    let behind = accept_of(stores, 2, "chat-1", &[5], &[FIRST]).await;
    assert!(lease(stores, 10, 2).await.is_empty());
    assert_eq!(forget(stores, &phone()).await.jobs, 1);
    assert_eq!(lease_one(stores, 90).await.event_id, behind);
    settle(stores, &running, Next::Done, 91).await;
    assert_eq!(stores.journal.reconcile(at(92)).await.unwrap(), 0);
}

async fn repeats_of_a_client_are_erased(stores: &Stores) {
    accept_client(stores, 0, "chat-1").await;
    accept_client(stores, 1, "chat-1").await;
    let erased = forget(stores, &phone()).await;
    assert_eq!((erased.requests, erased.events), (2, 1));
    let listed = stores.journal.webhooks(None, all()).await.unwrap().items;
    assert!(listed[0].events[0].is_duplicate, "it is known to be a repeat");
    assert!(listed[0].body_bytes > 0, "and how long it was");
}

async fn webhooks_without_events_are_erased_by_what_they_tell(stores: &Stores) {
    let reader = Digest::of(b"adapter 2");
    let readings = [
        NewReading::Answered,
        NewReading::Rejected { status: 403, reason: "bad signature".to_owned() },
        unread_reading(),
    ];
    let mail = Identifier::Email("m.test@example.com".to_owned());
    for (second, reading) in (0..).zip(readings.clone()) {
        let told = NewWebhook { request: request_of_client(second), ..webhook(second, reading) };
        accept(stores, told).await;
    }
    for (second, query) in [(10, "q=M.Test%40example.com"), (11, "q=m.test@example.com")] {
        let request = Request { query: query.to_owned(), body: Bytes::new(), ..request(second) };
        accept(stores, NewWebhook { request, ..webhook(second, unread_reading()) }).await;
    }
    accept(stores, webhook(20, unread_reading())).await;
    let unread = async || {
        let found = stores.journal.unread(&CHANNEL.parse().unwrap(), reader, 10).await.unwrap();
        found.into_iter().map(|unread| unread.request).collect::<Vec<_>>()
    };
    assert_eq!(unread().await.len(), 4);
    assert_eq!(forget(stores, &phone()).await.requests, 3);
    assert_eq!(unread().await.len(), 3, "what is empty is not read again");
    assert_eq!(forget(stores, &mail).await.requests, 2);
    assert_eq!(unread().await, [request(20)], "the one that tells nothing is whole");
    let listed = stores.journal.webhooks(None, all()).await.unwrap().items;
    let verdicts: Vec<_> = listed.iter().map(|view| view.verdict.as_str()).collect();
    assert_eq!(verdicts, ["unread", "answered", "answered", "answered", "rejected", "answered"]);
    assert_eq!(listed[1].reason.as_deref(), Some("erased on request"));
}

async fn links_of_a_client_and_of_its_cards_are_erased(stores: &Stores) {
    let mail = |name: &str| Identifier::Email(format!("{name}@example.com"));
    accept_one(stores, 0, "k", "chat-1").await;
    let job = lease_one(stores, 0).await;
    let links = vec![
        link(phone(), "c1"),
        link(mail("same"), "c1"),
        link(mail("other"), "c2"),
        IdentityLink { crm: "odoo".parse().unwrap(), ..link(mail("same"), "c1") },
        IdentityLink { crm: "odoo".parse().unwrap(), ..link(phone(), "c9") },
    ];
    let done = Settlement { links, ..settlement(Next::Done) };
    stores.journal.settle(job.lease, done, at(0)).await.unwrap();
    let erased = forget(stores, &phone()).await;
    let cards: Vec<_> =
        erased.cards.iter().map(|(crm, card)| (crm.as_str(), card.as_str())).collect();
    assert_eq!(cards, [("notebook", "c1"), ("odoo", "c9")]);
    let asked = [phone(), mail("same"), mail("other")];
    let left = async |crm: &str| {
        let links = stores.journal.linked_cards(&crm.parse().unwrap(), &asked).await.unwrap();
        links.into_iter().map(|link| link.card).collect::<Vec<_>>()
    };
    assert_eq!(left("notebook").await, ["c2"]);
    assert_eq!(left("odoo").await, ["c1"], "another card of another CRM");
}

async fn forgetting_twice_finds_nothing_more(stores: &Stores) {
    accept_client(stores, 0, "chat-1").await;
    assert_ne!(forget(stores, &phone()).await, Erased::default());
    assert_eq!(forget(stores, &phone()).await, Erased::default());
    accept_client(stores, 91, "chat-2").await;
    assert_eq!(forget(stores, &phone()).await.events, 1, "what came since");
}

async fn a_conversation_that_is_called_by_its_client_is_renamed(stores: &Stores) {
    let name = format!("call:{TEXT}");
    let id = accept_client(stores, 0, &name).await;
    settle(stores, &lease_one(stores, 0).await, Next::ReadyAt(at(500)), 0).await;
    forget(stores, &phone()).await;
    assert!(!told(stores, id).await.contains(TEXT));
    let next = accept_client(stores, 91, &name).await;
    assert_ne!(next, id, "its key was given up, too");
    assert_eq!(lease_one(stores, 91).await.event.conversation, name);
}

async fn any_notation_of_a_client_is_forgotten(stores: &Stores) {
    accept_client(stores, 0, "chat-1").await;
    let written = Identifier::Phone("+7 (900) 000-00-03".to_owned());
    assert_eq!(forget(stores, &written).await.events, 1);
}

async fn a_short_id_is_not_looked_for_in_texts(stores: &Stores) {
    let request = Request { query: "a=123456&b=1234567".to_owned(), ..request(0) };
    accept(stores, NewWebhook { request, ..webhook(0, NewReading::Answered) }).await;
    let visitor = |id: &str| {
        Identifier::External(ExternalId { system: "site".to_owned(), id: id.to_owned() })
    };
    assert_eq!(forget(stores, &visitor("123456")).await.requests, 0);
    assert_eq!(forget(stores, &visitor("1234567")).await.requests, 1);

    let event = event_of(visitor("27"), "chat-1", &[]);
    accept(stores, webhook(1, NewReading::Events(vec![event]))).await;
    assert_eq!(forget(stores, &visitor("27")).await.events, 1, "its events know it all the same");
}

async fn a_client_with_a_long_history_is_forgotten_whole(stores: &Stores) {
    const EVENTS: u64 = 2050;
    let of_client = |number| event_of(phone(), &format!("chat-{number}"), &[]);
    let events = (0..EVENTS).map(of_client).collect();
    accept(stores, webhook(0, NewReading::Events(events))).await;
    let last = accept_client(stores, 1, "chat-last").await;
    let erased = forget(stores, &phone()).await;
    assert_eq!((erased.events, erased.requests, erased.jobs), (EVENTS + 1, 2, 1));
    assert!(!told(stores, last).await.contains(TEXT));
}
