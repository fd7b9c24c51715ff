//! Owners and whom they look after.

use patchbay_sdk::types::Error;
use patchbay_sdk::{Contacts, Managers};
use patchbay_sims::hubspot::Owner;
use serde_json::json;

use super::stage::{card, crm};
use crate::HubSpot;

#[test]
fn every_owner_is_told_to_the_last_page_those_who_left_as_well() {
    let crm = crm();
    crm.sim().page_max = 2;
    crm.sim().owners.extend((0..3).map(|number| Owner::new(800 + number, "New")));
    let people = crm.run(HubSpot::list_managers).unwrap();
    assert_eq!(people.len(), 6);
    let olha = people.iter().find(|person| person.id.as_deref() == Some("700")).unwrap();
    assert_eq!(
        (olha.name.as_deref(), olha.email.as_deref()),
        (Some("Olha Manager"), Some("olha@example.test"))
    );
    let active: Vec<bool> = people.iter().map(|person| person.active).collect();
    assert_eq!(active.iter().filter(|active| !**active).count(), 1);
}

#[test]
fn a_known_owner_is_named_without_a_request() {
    let crm = crm();
    crm.run(HubSpot::list_managers).unwrap();
    let id = crm.sim().add("contacts", &[("firstname", "Anna"), ("hubspot_owner_id", "702")]);
    let (cards, asked) = crm.asked(|| crm.lookup(&[card(&id)]));
    assert_eq!(cards[0].manager.as_ref().unwrap().name.as_deref(), Some("Petro Manager"));
    assert_eq!(asked, ["POST /crm/v3/objects/contacts/batch/read"]);
}

#[test]
fn an_owner_that_cannot_be_named_now_is_no_failure_and_is_asked_for_again() {
    let crm = crm();
    let id = crm.sim().add("contacts", &[("firstname", "Anna"), ("hubspot_owner_id", "700")]);
    crm.answer_next("/crm/v3/owners/700", 500, &json!({}));
    let manager = |crm: &super::stage::Crm| crm.lookup(&[card(&id)]).remove(0).manager.unwrap();
    assert_eq!((manager(&crm).name, manager(&crm).name.as_deref()), (None, Some("Olha Manager")));
    let left = crm.sim().add("contacts", &[("firstname", "Anna"), ("hubspot_owner_id", "704")]);
    let found = crm.lookup(&[card(&left)]).remove(0);
    assert!(!found.manager.unwrap().active);
}

#[test]
fn assignments_are_told_to_the_last_page() {
    let crm = crm();
    crm.sim().page_max = 2;
    for owner in ["700", "702", "", "700", "700"] {
        crm.sim().add("contacts", &[("firstname", "Anna"), ("hubspot_owner_id", owner)]);
    }
    let mut page = None;
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for _ in 0..3 {
        let (assignments, next) = crm.run(|| HubSpot::list_assignments(page.clone())).unwrap();
        told.extend(assignments.into_iter().map(|it| (it.manager.name.unwrap(), it.cards)));
        page = next;
    }
    assert_eq!(page, None);
    let expected = [
        ("Olha Manager", vec!["51"]),
        ("Petro Manager", vec!["52"]),
        ("Olha Manager", vec!["54"]),
        ("Olha Manager", vec!["55"]),
    ];
    let told: Vec<_> = told
        .iter()
        .map(|(name, cards)| (name.as_str(), cards.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(told, expected);
    for token in [String::new(), "9".repeat(65)] {
        let (answer, asked) = crm.asked(|| HubSpot::list_assignments(Some(token)));
        assert!(matches!(answer, Err(Error::Invalid(_))));
        assert!(asked.is_empty());
    }
    // A token that may be HubSpot's is for HubSpot to judge.
    let (answer, asked) = crm.asked(|| HubSpot::list_assignments(Some("9".repeat(64))));
    assert!(matches!(answer, Err(Error::Invalid(_))), "{answer:?}");
    assert!(!asked.is_empty());
}

#[test]
fn an_account_that_may_not_be_asked_has_cards_without_addresses() {
    let crm = crm();
    crm.sim().missing_scopes = vec!["oauth".to_owned()];
    let id = crm.sim().add("contacts", &[("firstname", "Anna")]);
    assert_eq!(crm.lookup(&[card(&id)])[0].url, None);
    let (_, asked) = crm.asked(|| crm.lookup(&[card(&id)]));
    assert_eq!(asked.len(), 1);
    crm.sim().missing_scopes.clear();
    crm.run(HubSpot::describe_fields).unwrap();
    assert!(crm.lookup(&[card(&id)])[0].url.is_some());
}
