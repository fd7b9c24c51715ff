//! What every CRM adapter has to keep, on a real Tryton. It has no tasks.

use patchbay_sdk::testing::conformance::{Client, Costs, Record, Suite};
use patchbay_sdk::types::{Field, Identifier};

use super::bench::{self, email, phone};
use crate::Tryton;

fn client(number: usize) -> Client {
    let identifiers = vec![
        phone(&format!("+38067{number:07}")),
        email(&format!("anna{number}@example.test")),
        Identifier::external("jivo", format!("visitor-{number}")),
    ];
    Client { identifiers, fields: vec![Field::text("name", "Anna Test")] }
}

fn check(run: fn(&Suite<'_>) -> Result<(), String>) {
    let server = patchbay_test_tryton::start();
    let (host, _) = bench::recording(&server.at);
    let count = |record: Record| match record {
        Record::Task => 0,
        Record::Note => bench::all(&server.at, "ir.note").len(),
    };
    let suite =
        Suite { host: &host, client: &client, unknown_id: "999999", count: &count, wait: &|_| {} };
    assert_eq!(run(&suite), Ok(()));
}

#[test]
fn contacts_keep_what_every_crm_keeps() {
    check(|suite| suite.contacts::<Tryton>().map(drop));
}

#[test]
fn deals_keep_what_every_crm_keeps() {
    check(|suite| suite.deals::<Tryton>().map(drop));
}

#[test]
fn notes_keep_what_every_crm_keeps() {
    check(|suite| suite.notes::<Tryton>().map(drop));
}

#[test]
fn managers_keep_what_every_crm_keeps() {
    check(|suite| suite.managers::<Tryton>().map(drop));
}

/// The table of the project's README.
#[test]
fn flows_cost_what_is_written_down() {
    check(|suite| {
        suite.costs::<Tryton>(Costs { new_client: 8, changed_client: 10, known_client: 5 })
    });
}
