//! What every CRM adapter has to keep.

use patchbay_sdk::testing::conformance::{Client, Costs, Record, Suite};
use patchbay_sdk::types::{Field, Identifier};

use super::stage::{Crm, crm, crm_with_keys};
use crate::HubSpot;

fn client(number: usize) -> Client {
    let identifiers = vec![
        Identifier::Phone(format!("+38067{number:07}")),
        Identifier::Email(format!("anna{number}@example.test")),
        Identifier::external("jivo", format!("visitor-{number}")),
    ];
    Client { identifiers, fields: vec![Field::text("name", "Anna Test")] }
}

fn check(run: fn(&Suite<'_>) -> Result<(), String>) {
    for crm in [crm(), crm_with_keys()] {
        check_on(&crm, run);
    }
}

fn check_on(crm: &Crm, run: fn(&Suite<'_>) -> Result<(), String>) {
    // The limits by time are not what is looked at here.
    crm.sim().limits.searches = usize::MAX;
    crm.sim().limits.ten_seconds = usize::MAX;
    let all = |kind: &str| crm.sim().all(kind).len();
    let count = |record: Record| match record {
        Record::Task => all("tasks"),
        Record::Note => all("notes") + all("calls"),
    };
    let wait = |ms: u64| crm.advance(ms.div_ceil(1_000));
    let host = &crm.host;
    let suite = Suite { host, client: &client, unknown_id: "999999", count: &count, wait: &wait };
    assert_eq!(run(&suite), Ok(()));
}

#[test]
fn contacts_keep_what_every_crm_keeps() {
    check(|suite| suite.contacts::<HubSpot>().map(drop));
}

#[test]
fn contacts_keep_it_while_the_search_is_behind() {
    for crm in [crm(), crm_with_keys()] {
        crm.sim().search_lag = std::time::Duration::from_mins(1);
        check_on(&crm, |suite| suite.contacts::<HubSpot>().map(drop));
    }
}

#[test]
fn deals_keep_what_every_crm_keeps() {
    check(|suite| suite.deals::<HubSpot>().map(drop));
}

#[test]
fn tasks_keep_what_every_crm_keeps() {
    check(|suite| suite.tasks::<HubSpot>().map(drop));
}

#[test]
fn notes_keep_what_every_crm_keeps() {
    check(|suite| suite.notes::<HubSpot>().map(drop));
}

#[test]
fn managers_keep_what_every_crm_keeps() {
    check(|suite| suite.managers::<HubSpot>().map(drop));
}

/// The table of the project's README.
#[test]
fn flows_cost_what_is_written_down() {
    check(|suite| {
        suite.costs::<HubSpot>(Costs { new_client: 5, changed_client: 8, known_client: 4 })
    });
}
