//! What every CRM adapter has to keep.

use patchbay_sdk::Adapter;
use patchbay_sdk::testing::Host;
use patchbay_sdk::testing::conformance::{Client, Costs, Record, Suite};
use patchbay_sdk::types::{Field, Identifier};

use crate::Notebook;

fn client(number: usize) -> Client {
    let identifiers = vec![
        Identifier::Phone(format!("+38067{number:07}")),
        Identifier::Email(format!("anna{number}@example.test")),
        Identifier::external("jivo", format!("visitor-{number}")),
    ];
    Client { identifiers, fields: vec![Field::text("name", "Anna Test")] }
}

fn check(run: fn(&Suite<'_>) -> Result<(), String>) {
    let host = Host::new()
        .defaults(Notebook::describe())
        .setting("managers", r#"[{"id": "1", "name": "Olga", "email": "olga@shop.example.com"}]"#);
    let count = |record: Record| {
        let start = match record {
            Record::Task => "task/",
            Record::Note => "note/",
        };
        host.store().keys().filter(|key| key.starts_with(start)).count()
    };
    let suite =
        Suite { host: &host, client: &client, unknown_id: "404", count: &count, wait: &|_| {} };
    assert_eq!(run(&suite), Ok(()));
}

#[test]
fn contacts_keep_what_every_crm_keeps() {
    check(|suite| suite.contacts::<Notebook>().map(drop));
}

#[test]
fn deals_keep_what_every_crm_keeps() {
    check(|suite| suite.deals::<Notebook>().map(drop));
}

#[test]
fn tasks_keep_what_every_crm_keeps() {
    check(|suite| suite.tasks::<Notebook>().map(drop));
}

#[test]
fn notes_keep_what_every_crm_keeps() {
    check(|suite| suite.notes::<Notebook>().map(drop));
}

#[test]
fn managers_keep_what_every_crm_keeps() {
    check(|suite| suite.managers::<Notebook>().map(drop));
}

/// The table of the project's README.
#[test]
fn flows_cost_what_is_written_down() {
    check(|suite| {
        suite.costs::<Notebook>(Costs { new_client: 0, changed_client: 0, known_client: 0 })
    });
}
