//! Identity links, and dead letters replayed by filter.

use super::*;
use crate::card::ExternalId;

on_every_backend!(
    a_card_is_found_by_what_its_client_was_seen_with,
    a_later_link_replaces_an_earlier_one,
    an_external_id_is_known_by_its_system_too,
    a_lost_lease_leaves_no_link,
    dead_letters_are_replayed_by_filter,
    the_oldest_dead_letters_are_replayed_up_to_the_limit,
);

fn notebook() -> AccountId {
    "notebook".parse().unwrap()
}

fn phone() -> Identifier {
    Identifier::Phone("+70000000001".to_owned())
}

fn external(system: &str, id: &str) -> Identifier {
    Identifier::External(ExternalId { system: system.to_owned(), id: id.to_owned() })
}

fn link(identifier: Identifier, card: &str) -> IdentityLink {
    IdentityLink { crm: notebook(), identifier, card: card.to_owned() }
}

async fn settle_with(stores: &Stores, second: i64, next: Next, links: Vec<IdentityLink>) {
    accept_one(stores, second, &format!("k{second}"), "chat-1").await;
    let job = lease_one(stores, second).await;
    let settlement = Settlement { links, ..settlement(next) };
    stores.journal.settle(job.lease, settlement, at(second)).await.unwrap();
}

async fn cards(stores: &Stores, identifiers: &[Identifier]) -> Vec<IdentityLink> {
    stores.journal.linked_cards(&notebook(), identifiers).await.unwrap()
}

async fn a_card_is_found_by_what_its_client_was_seen_with(stores: &Stores) {
    let email = Identifier::Email("m.test@example.com".to_owned());
    let links = vec![link(phone(), "c1"), link(external("site", "27"), "c1")];
    settle_with(stores, 0, Next::Done, links).await;
    let asked = [external("site", "27"), email.clone(), phone()];
    let expected = [link(external("site", "27"), "c1"), link(phone(), "c1")];
    assert_eq!(cards(stores, &asked).await, expected, "in the order asked");
    assert_eq!(cards(stores, &[email]).await, []);
    assert_eq!(cards(stores, &[]).await, []);
    let odoo = stores.journal.linked_cards(&"odoo".parse().unwrap(), &asked).await.unwrap();
    assert_eq!(odoo, [], "each CRM account has its own");
}

async fn a_later_link_replaces_an_earlier_one(stores: &Stores) {
    settle_with(stores, 0, Next::Done, vec![link(phone(), "c1")]).await;
    settle_with(stores, 1, Next::Dead, vec![link(phone(), "c2")]).await;
    assert_eq!(cards(stores, &[phone()]).await, [link(phone(), "c2")], "of a failed attempt, too");
}

async fn an_external_id_is_known_by_its_system_too(stores: &Stores) {
    let pairs = [("a", "b:c"), ("a:b", "c"), ("a\",\"b", "c"), ("a", "b\",\"c")];
    let ids = pairs.map(|(system, id)| external(system, id));
    let links = (0..).zip(&ids).map(|(n, id)| link(id.clone(), &format!("c{n}"))).collect();
    settle_with(stores, 0, Next::Done, links).await;
    let found: Vec<_> = cards(stores, &ids).await.into_iter().map(|link| link.card).collect();
    assert_eq!(found, ["c0", "c1", "c2", "c3"]);
    let alike = [Identifier::Card("c".to_owned()), Identifier::Phone("c".to_owned())];
    assert_eq!(cards(stores, &alike).await, [], "the kind counts");
}

async fn a_lost_lease_leaves_no_link(stores: &Stores) {
    accept_one(stores, 0, "k", "chat-1").await;
    let job = lease_one(stores, 0).await;
    stores.journal.reap(at(61)).await.unwrap();
    let late = Settlement { links: vec![link(phone(), "c1")], ..settlement(Next::Done) };
    let lost = stores.journal.settle(job.lease, late, at(62)).await;
    assert!(matches!(lost, Err(Error::LeaseLost)));
    assert_eq!(cards(stores, &[phone()]).await, []);
}

/// A dead letter in a lane of its own.
async fn die(stores: &Stores, second: i64, kind: Kind, integration: &str, reason: &str) -> JobId {
    let name = format!("chat-{second}");
    let mut event = new_event(&name, &name, &[integration]);
    event.event.kind = kind;
    accept(stores, webhook(second, NewReading::Events(vec![event]))).await;
    let job = lease_one(stores, second).await;
    let dead = Settlement { reason: Some(reason.to_owned()), ..settlement(Next::Dead) };
    stores.journal.settle(job.lease, dead, at(second)).await.unwrap();
    job.lease.job
}

async fn dead(stores: &Stores) -> Vec<JobId> {
    let letters = stores.journal.dead_letters(None, all()).await.unwrap().items;
    letters.iter().rev().map(|letter| letter.job).collect()
}

async fn dead_letters_are_replayed_by_filter(stores: &Stores) {
    let started = || Kind::ConversationStarted;
    let jobs = [
        die(stores, 0, started(), FIRST, "the peer answered 500").await,
        die(stores, 1, started(), SECOND, "the peer answered 500").await,
        die(stores, 2, Kind::LeadSubmitted, FIRST, "the peer answered 500").await,
        die(stores, 3, started(), FIRST, "The field `100%` is unknown").await,
    ];
    let replay = async |filter: ReplayFilter| {
        let count = stores.journal.replay_all(&filter, 100, at(10)).await.unwrap();
        let left = dead(stores).await;
        let replayed: Vec<_> = jobs.into_iter().filter(|job| !left.contains(job)).collect();
        assert_eq!(count, u64::try_from(replayed.len()).unwrap());
        for job in lease(stores, 10, 10).await {
            let reason = Some("again".to_owned());
            let again = Settlement { reason, ..settlement(Next::Dead) };
            let number = jobs.iter().position(|known| *known == job.lease.job).unwrap();
            let reason =
                if number == 3 { "The field `100%` is unknown" } else { "the peer answered 500" };
            let again = Settlement { reason: Some(reason.to_owned()), ..again };
            let second = i64::try_from(number).unwrap();
            stores.journal.settle(job.lease, again, at(second)).await.unwrap();
        }
        replayed
    };
    let none = ReplayFilter::default;
    let first = || Some(FIRST.parse().unwrap());
    let reason = |text: &str| Some(text.to_owned());
    assert_eq!(replay(none()).await, jobs);
    assert_eq!(
        replay(ReplayFilter { integration: first(), ..none() }).await,
        [jobs[0], jobs[2], jobs[3]]
    );
    assert_eq!(replay(ReplayFilter { died_since: Some(at(2)), ..none() }).await, jobs[2..]);
    assert_eq!(replay(ReplayFilter { died_before: Some(at(1)), ..none() }).await, jobs[..1]);
    assert_eq!(replay(ReplayFilter { died_since: Some(at(4)), ..none() }).await, []);
    assert_eq!(replay(ReplayFilter { kind: reason("lead-submitted"), ..none() }).await, jobs[2..3]);
    assert_eq!(replay(ReplayFilter { reason: reason("`100%`"), ..none() }).await, jobs[3..]);
    assert_eq!(
        replay(ReplayFilter { reason: reason("the field"), ..none() }).await,
        [],
        "by letter"
    );
    assert_eq!(
        replay(ReplayFilter { reason: reason("%"), ..none() }).await,
        jobs[3..],
        "no pattern"
    );
    assert_eq!(replay(ReplayFilter { reason: reason("_"), ..none() }).await, [], "no pattern");
    let all_of_it = ReplayFilter {
        integration: first(),
        died_since: Some(at(0)),
        died_before: Some(at(100)),
        kind: reason("conversation-started"),
        reason: reason("500"),
    };
    assert_eq!(replay(all_of_it).await, jobs[..1], "every condition holds");
}

async fn the_oldest_dead_letters_are_replayed_up_to_the_limit(stores: &Stores) {
    let mut jobs = Vec::new();
    for second in 0..4 {
        jobs.push(die(stores, second, Kind::ConversationStarted, FIRST, "no").await);
    }
    let filter = ReplayFilter::default();
    let replay = async |limit| stores.journal.replay_all(&filter, limit, at(9)).await.unwrap();
    assert_eq!(replay(0).await, 0);
    assert_eq!(replay(3).await, 3);
    assert_eq!(dead(stores).await, jobs[3..]);
    assert_eq!(replay(3).await, 1);
    assert_eq!(replay(3).await, 0);
    assert_eq!(lease(stores, 10, 9).await.len(), 4);
}
