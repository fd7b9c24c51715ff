//! What each operation and each whole flow costs, as the README promises.

use patchbay_sdk::notes::Note;
use patchbay_sdk::types::Subject;
use patchbay_sdk::{Managers, Notes, Tasks};

use super::notes::{call, task, transcript};
use super::*;

#[test]
fn each_operation_costs_the_requests_that_the_readme_promises() {
    let (host, crm) = simulated();
    let client = anna();
    // The users are known from here on: whoever is not costs one request, once.
    assert_eq!(cost(&host, AmoCrm::list_managers).1, 1);
    assert_eq!(cost(&host, || AmoCrm::map_fields(client.to_vec(), vec![]).unwrap()).1, 0);
    assert_eq!(cost(&host, AmoCrm::describe_fields).1, 1);
    assert_eq!(cost(&host, AmoCrm::describe_deal_fields).1, 2);
    assert_eq!(cost(&host, || AmoCrm::lookup_client(client.to_vec())).1, 3);
    assert_eq!(cost(&host, || AmoCrm::lookup_client(vec![])).1, 0);
    let create = || AmoCrm::upsert_contact(None, map(&client, &[]), "k".to_owned()).unwrap().id;
    let (card, requests) = cost(&host, create);
    assert_eq!(requests, 1);
    let change = || {
        AmoCrm::upsert_contact(
            Some(card.clone()),
            map(&[], &[text("name", "Anna")]),
            "k2".to_owned(),
        )
    };
    assert_eq!(cost(&host, change).1, 2);
    assert_eq!(cost(&host, change).1, 1);
    assert_eq!(cost(&host, || AmoCrm::open_deals(card.clone())).1, 1);
    let one = open_deal(&host, &card, "one");
    assert_eq!(cost(&host, || AmoCrm::open_deals(card.clone())).1, 2);
    assert_eq!(cost(&host, || open_deal(&host, &card, "two")).1, 1);
    crm.borrow_mut().crm.filters = true;
    assert_eq!(cost(&host, || AmoCrm::open_deals(card.clone())).1, 2);
    let deal = Subject::Deal(one);
    assert_eq!(cost(&host, || AmoCrm::create_task(task(deal.clone()), "k".to_owned())).1, 1);
    for (key, note) in [
        ("text", Note::Text("Hello".to_owned())),
        ("transcript", Note::Transcript(transcript(50, 900))),
        ("call", Note::Call(call())),
    ] {
        assert_eq!(
            cost(&host, || AmoCrm::add_note(deal.clone(), note, key.to_owned()).unwrap()).1,
            1
        );
    }
    assert_eq!(cost(&host, || AmoCrm::list_assignments(None).unwrap()).1, 2);
}

/// As the host goes: look up, write the card, look for an open deal, write one, a task, a note.
fn flow(host: &Host, key: &str, note: &Note) -> usize {
    let client = &anna()[..2];
    let (_, requests) = cost(host, || {
        let cards = AmoCrm::lookup_client(client.to_vec()).unwrap();
        let id = cards.into_iter().next().map(|card| card.id);
        let native = map(client, &[text("name", "Anna"), text("city", key)]);
        let card = AmoCrm::upsert_contact(id, native, format!("{key}-card")).unwrap().id;
        let open = AmoCrm::open_deals(card.clone()).unwrap();
        let deal = if let Some(deal) = open.into_iter().next() {
            AmoCrm::create_task(task(Subject::Deal(deal.id.clone())), format!("{key}-task"))
                .unwrap();
            deal.id
        } else {
            let native = AmoCrm::map_deal_fields(vec![text("title", "Chat")]).unwrap();
            AmoCrm::upsert_deal(None, card, native, None, format!("{key}-deal")).unwrap().id
        };
        AmoCrm::add_note(Subject::Deal(deal), note.clone(), format!("{key}-note")).unwrap()
    });
    requests
}

#[test]
fn each_flow_costs_the_requests_that_the_readme_promises() {
    let (host, crm) = simulated();
    host.run(AmoCrm::list_managers).unwrap();
    // A new client: two searches, the card, its deals, the deal, the note.
    assert_eq!(flow(&host, "first", &Note::Transcript(transcript(10, 100))), 6);
    // A known one with an open deal: two searches, read and write the card, its deals, task, note.
    assert_eq!(flow(&host, "second", &Note::Call(call())), 8);
    let crm = crm.borrow();
    let made = [
        crm.crm.contacts().len(),
        crm.crm.leads().len(),
        crm.crm.tasks().len(),
        crm.crm.notes().len(),
    ];
    assert_eq!(made, [1, 1, 1, 2]);
}
