//! What every CRM adapter has to keep.

use patchbay_sdk::testing::conformance::{Client, Costs, Record, Suite};
use patchbay_sdk::types::{Field, Identifier};

use super::bench::Bench;
use crate::Bitrix24;

fn client(number: usize) -> Client {
    let identifiers = vec![
        Identifier::Phone(format!("+38067{number:07}")),
        Identifier::Email(format!("anna{number}@example.test")),
        Identifier::external("jivo", format!("visitor-{number}")),
    ];
    Client { identifiers, fields: vec![Field::text("name", "Anna Test")] }
}

fn check(run: fn(&Suite<'_>) -> Result<(), String>) {
    check_on(&Bench::new(), run);
}

fn check_on(bench: &Bench, run: fn(&Suite<'_>) -> Result<(), String>) {
    // The limits by time are not what is looked at here.
    bench.portal().bucket = f64::MAX;
    let count = |record: Record| {
        let portal = bench.portal();
        let is_call = |kind: &serde_json::Value| kind == 2 || kind == "2";
        let calls =
            portal.activities.iter().filter(|one| one.fields.get("TYPE_ID").is_some_and(is_call));
        let calls = calls.count();
        match record {
            Record::Task => portal.activities.len() - calls,
            Record::Note => portal.comments.len() + calls,
        }
    };
    let host = &bench.host;
    let suite = Suite { host, client: &client, unknown_id: "999999", count: &count, wait: &|_| {} };
    assert_eq!(run(&suite), Ok(()));
}

#[test]
fn contacts_keep_what_every_crm_keeps() {
    check(|suite| suite.contacts::<Bitrix24>().map(drop));
}

/// Of those that portals differ in.
#[test]
fn contacts_keep_it_on_every_kind_of_portal() {
    for (refuses_empty_ids, answers_fm) in [(true, true), (false, false)] {
        let bench = Bench::new();
        bench.portal().refuses_empty_ids = refuses_empty_ids;
        bench.portal().answers_fm = answers_fm;
        check_on(&bench, |suite| {
            let card = suite.contacts::<Bitrix24>()?;
            let url = format!("https://portal.example.test/crm/contact/details/{}/", card.id);
            if card.url.as_ref() == Some(&url) { Ok(()) } else { Err(format!("{:?}", card.url)) }
        });
    }
}

#[test]
fn deals_keep_what_every_crm_keeps() {
    check(|suite| suite.deals::<Bitrix24>().map(drop));
}

#[test]
fn tasks_keep_what_every_crm_keeps() {
    check(|suite| suite.tasks::<Bitrix24>().map(drop));
}

#[test]
fn notes_keep_what_every_crm_keeps() {
    check(|suite| suite.notes::<Bitrix24>().map(drop));
}

#[test]
fn managers_keep_what_every_crm_keeps() {
    check(|suite| suite.managers::<Bitrix24>().map(drop));
}

/// The table of the project's README.
#[test]
fn flows_cost_what_is_written_down() {
    check(|suite| {
        suite.costs::<Bitrix24>(Costs { new_client: 5, changed_client: 5, known_client: 3 })
    });
}
