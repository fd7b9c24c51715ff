//! What every CRM adapter has to keep.

use patchbay_sdk::testing::conformance::{Client, Costs, Record, Suite};
use patchbay_sdk::types::{Field, Identifier};

use super::simulated;
use crate::AmoCrm;

fn client(number: usize) -> Client {
    let identifiers = vec![
        Identifier::Phone(format!("+38067{number:07}")),
        Identifier::Email(format!("anna{number}@example.test")),
        Identifier::external("jivo", format!("visitor-{number}")),
    ];
    Client { identifiers, fields: vec![Field::text("name", "Anna Test")] }
}

fn check(run: fn(&Suite<'_>) -> Result<(), String>) {
    let (host, crm) = simulated();
    let count = |record: Record| match record {
        Record::Task => crm.borrow().crm.tasks().len(),
        Record::Note => crm.borrow().crm.notes().len(),
    };
    let suite =
        Suite { host: &host, client: &client, unknown_id: "999999", count: &count, wait: &|_| {} };
    assert_eq!(run(&suite), Ok(()));
}

#[test]
fn contacts_keep_what_every_crm_keeps() {
    check(|suite| suite.contacts::<AmoCrm>().map(drop));
}

#[test]
fn deals_keep_what_every_crm_keeps() {
    check(|suite| suite.deals::<AmoCrm>().map(drop));
}

#[test]
fn tasks_keep_what_every_crm_keeps() {
    check(|suite| suite.tasks::<AmoCrm>().map(drop));
}

#[test]
fn notes_keep_what_every_crm_keeps() {
    check(|suite| suite.notes::<AmoCrm>().map(drop));
}

#[test]
fn managers_keep_what_every_crm_keeps() {
    check(|suite| suite.managers::<AmoCrm>().map(drop));
}

/// The table of the project's README.
#[test]
fn flows_cost_what_is_written_down() {
    check(|suite| {
        suite.costs::<AmoCrm>(Costs { new_client: 7, changed_client: 10, known_client: 6 })
    });
}
