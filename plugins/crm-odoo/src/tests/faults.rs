//! Answers that are lost, refused, or of something before Odoo.

use patchbay_sdk::http::Response;
use patchbay_sdk::types::{Error, Field};
use patchbay_sdk::{Contacts, Deals};
use patchbay_sims::Fault;
use serde_json::json;

use super::stage::{anna, crm, phone};
use crate::Odoo;

fn page(status: u16) -> Fault {
    let body = b"<!doctype html><title>Maintenance</title>".to_vec();
    Fault::Answer(Response { body, ..Response::empty(status) })
}

#[test]
fn a_repeat_after_a_lost_answer_finds_what_was_made() {
    let crm = crm();
    let write = || crm.upsert(None, &anna(), &[Field::text("name", "Anna")], "k");
    crm.fail_next("res.partner/load", Fault::LostAnswer);
    assert!(matches!(write(), Err(Error::UnknownOutcome(_))));
    let card = write().unwrap();
    assert_eq!(crm.partners().len(), 1);

    let deal = || {
        crm.run(|| {
            Odoo::upsert_deal(
                None,
                card.id.clone(),
                r#"{"name":"A"}"#.to_owned(),
                None,
                "k".to_owned(),
            )
        })
    };
    crm.fail_next("crm.lead/load", Fault::LostAnswer);
    assert!(matches!(deal(), Err(Error::UnknownOutcome(_))));
    let made = deal().unwrap();
    assert_eq!(crm.sim().all("crm.lead").len(), 1);
    assert_eq!(made.id, "1");
}

#[test]
fn a_page_in_the_place_of_an_answer_is_not_the_events_fault() {
    let crm = crm().warm();
    crm.fail_next("search_read", page(200));
    let asked = crm.run(|| Odoo::lookup_client(vec![phone("+380671234567")]));
    assert!(matches!(asked, Err(Error::Unavailable(_))), "{asked:?}");
    crm.fail_next("load", page(200));
    let written = crm.upsert(None, &anna(), &[], "k");
    assert!(matches!(written, Err(Error::UnknownOutcome(_))), "{written:?}");
}

#[test]
fn odoo_in_the_way_of_itself_is_tried_again() {
    for name in ["psycopg2.errors.SerializationFailure", "odoo.exceptions.LockError"] {
        let crm = crm().warm();
        crm.answer_next("load", 500, &json!({ "name": name, "message": "x" }));
        let written = crm.upsert(None, &anna(), &[], "k");
        assert!(matches!(written, Err(Error::Unavailable(_))), "{written:?}");
        crm.upsert(None, &anna(), &[], "k").unwrap();
        assert_eq!(crm.partners().len(), 1);
    }
}

#[test]
fn a_key_that_was_refused_pauses_the_account() {
    let crm = crm();
    "another".clone_into(&mut crm.sim().key);
    let asked = crm.run(|| Odoo::lookup_client(anna().to_vec()));
    assert!(matches!(asked, Err(Error::Unauthorized(_))));
}
