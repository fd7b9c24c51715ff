//! What every CRM adapter has to keep, over both of Odoo's interfaces.

use patchbay_sdk::testing::conformance::{Client, Costs, Record, Suite};
use patchbay_sdk::types::{Field, Identifier};
use patchbay_sims::odoo::Odoo as Sim;

use super::stage::{Crm, crm, email, phone, with};
use crate::Odoo;

fn client(number: usize) -> Client {
    let identifiers = vec![
        phone(&format!("+38067{number:07}")),
        email(&format!("anna{number}@example.test")),
        Identifier::external("jivo", format!("visitor-{number}")),
    ];
    Client {
        identifiers,
        fields: vec![Field::text("name", "Anna Test"), Field::text("comment", "a <b>")],
    }
}

fn older() -> Crm {
    let mut sim = Sim::default();
    sim.version = 18;
    with(sim, &[("api", "auto"), ("login", "admin")])
}

fn check(run: fn(&Suite<'_>) -> Result<(), String>) {
    for crm in [crm(), older()] {
        let count = |record: Record| match record {
            Record::Task => crm.sim().all("mail.activity").len(),
            Record::Note => crm.sim().all("mail.message").len(),
        };
        let host = &crm.host;
        let suite =
            Suite { host, client: &client, unknown_id: "999999", count: &count, wait: &|_| {} };
        assert_eq!(run(&suite), Ok(()));
    }
}

#[test]
fn contacts_keep_what_every_crm_keeps() {
    check(|suite| suite.contacts::<Odoo>().map(drop));
}

#[test]
fn deals_keep_what_every_crm_keeps() {
    check(|suite| suite.deals::<Odoo>().map(drop));
}

#[test]
fn tasks_keep_what_every_crm_keeps() {
    check(|suite| suite.tasks::<Odoo>().map(drop));
}

#[test]
fn notes_keep_what_every_crm_keeps() {
    check(|suite| suite.notes::<Odoo>().map(drop));
}

#[test]
fn managers_keep_what_every_crm_keeps() {
    check(|suite| suite.managers::<Odoo>().map(drop));
}

/// The table of the project's README.
#[test]
fn flows_cost_what_is_written_down() {
    check(|suite| suite.costs::<Odoo>(Costs { new_client: 7, changed_client: 8, known_client: 3 }));
}
