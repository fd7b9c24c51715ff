//! Limits by time, refused credentials, and servers that fail.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use patchbay_sdk::http::Response;
use patchbay_sdk::testing::Host;
use patchbay_sdk::types::{Error, Field, Identifier};
use patchbay_sdk::{Adapter, Contacts, Deals, Managers};
use patchbay_sims::Stage;
use patchbay_sims::hubspot::HubSpot as Sim;
use serde_json::json;

use super::stage::{anna, card, crm, phone, with};
use crate::{HubSpot, clock};

#[test]
fn the_limit_of_searches_is_waited_for_a_second() {
    let crm = crm();
    for _ in 0..5 {
        assert_eq!(crm.lookup(&[phone("+380671234567")]), []);
    }
    let answer = crm.run(|| HubSpot::lookup_client(anna().to_vec()));
    assert_eq!(answer, Err(Error::RateLimited(Some(1_000))));
    crm.advance(1);
    assert_eq!(crm.lookup(&anna()), []);
}

#[test]
fn the_limit_of_ten_seconds_is_waited_for_as_long() {
    let crm = crm();
    crm.sim().limits.ten_seconds = 2;
    for _ in 0..2 {
        crm.lookup(&[card("1")]);
    }
    let answer = crm.run(|| HubSpot::lookup_client(vec![card("1")]));
    assert_eq!(answer, Err(Error::RateLimited(Some(10_000))));
    crm.advance(10);
    assert_eq!(crm.lookup(&[card("1")]), []);
}

#[test]
fn the_limit_of_a_day_is_waited_for_until_the_accounts_midnight() {
    // 12:00 in Kyiv.
    let spent = |crm: super::stage::Crm| {
        crm.sim().limits.daily = 0;
        crm.run(|| HubSpot::lookup_client(vec![card("1")]))
    };
    assert_eq!(spent(crm().warm()), Err(Error::RateLimited(Some(12 * 3_600_000 + 1_000))));
    // Nothing is known of its clock.
    assert_eq!(spent(crm()), Err(Error::RateLimited(Some(3_600_000))));
}

#[test]
fn refused_credentials_are_told_with_what_to_do() {
    let crm = crm();
    crm.sim().token_expired = true;
    let Err(Error::Unauthorized(text)) = crm.run(HubSpot::list_managers) else { panic!("refused") };
    assert!(text.contains("`token`"));
    let host = Host::new().exchange(
        "GET /crm/v3/owners/",
        Response { body: b"say so".to_vec(), ..Response::empty(401) }
            .with_header("x-patchbay", "token-refused"),
    );
    assert_eq!(host.run(HubSpot::list_managers), Err(Error::Unauthorized("say so".to_owned())));
    assert_eq!(host.requests()[0].value_of("authorization"), None);
}

#[test]
fn a_missing_scope_is_named() {
    let crm = crm();
    crm.sim().missing_scopes = vec!["crm.objects.owners.read".to_owned()];
    let answer = crm.run(HubSpot::list_managers);
    assert!(
        matches!(&answer, Err(Error::Unsupported(text)) if text.contains("crm.objects.owners.read")),
        "{answer:?}"
    );
}

#[test]
fn a_write_that_failed_on_the_way_is_unknown_and_a_read_is_unavailable() {
    for status in [500, 502, 504, 524] {
        let crm = crm();
        crm.answer_next("/search", status, &json!({}));
        let read = crm.run(|| HubSpot::lookup_client(anna().to_vec()));
        assert!(matches!(read, Err(Error::Unavailable(_))), "{status} {read:?}");
        crm.answer_next("/crm/v3/objects/contacts", status, &json!({}));
        let write = crm.upsert(None, &anna(), &[], "k");
        assert!(matches!(write, Err(Error::UnknownOutcome(_))), "{status} {write:?}");
    }
    let crm = crm();
    crm.answer_next("/crm/v3/objects/contacts", 503, &json!({}));
    assert!(matches!(crm.upsert(None, &anna(), &[], "k"), Err(Error::Unavailable(_))));
}

#[test]
fn a_created_contact_with_an_unreadable_answer_is_looked_for() {
    let crm = with(&[]);
    crm.answer_next("/crm/v3/objects/contacts", 201, &json!({ "no": "id" }));
    let upsert = || crm.upsert(None, &anna(), &[], "k");
    assert!(matches!(upsert(), Err(Error::UnknownOutcome(_))));
    assert!(upsert().is_ok());
}

#[test]
fn queued_events_drain_at_the_manifests_rate_without_one_429() {
    const CLIENTS: u32 = 120;
    let each = Duration::from_secs_f64(1.0 / HubSpot::describe().rate_limit.unwrap());
    let stage = Rc::new(RefCell::new(Stage::new(Sim::default())));
    stage.borrow_mut().crm.search_lag = Duration::from_secs(20);
    let server = Rc::clone(&stage);
    let host = Host::new().secret("token", "{{secret:token}}").http(move |request| {
        let mut stage = server.borrow_mut();
        // The host keeps the rate evenly.
        stage.crm.ahead += each;
        clock::at_will::advance_ms(u64::try_from(each.as_millis()).unwrap());
        stage.handle(request)
    });
    let key = |number: u32| format!("job-{number}");
    // New clients with a deal, and each of them once more, when nothing is left to write.
    host.run(|| {
        for number in (0..CLIENTS).chain(0..CLIENTS) {
            if number == 0 {
                // In the second round nothing is so new that it would be read once more.
                clock::at_will::advance_ms(120_000);
            }
            let client = [Identifier::Phone(format!("+38067{number:07}"))];
            let name = [Field::text("name", "Anna")];
            let native = HubSpot::map_fields(client.to_vec(), name.to_vec()).unwrap();
            let found = HubSpot::lookup_client(client.to_vec()).unwrap();
            let id = found.first().map(|card| card.id.clone());
            let is_new = id.is_none();
            let card = HubSpot::upsert_contact(id, native, key(number)).unwrap().id;
            if is_new {
                HubSpot::upsert_deal(None, card, "{}".to_owned(), None, key(number)).unwrap();
            }
        }
    });
    let stage = stage.borrow();
    let count = u32::try_from(stage.requests().len()).unwrap();
    // Details of the account and the pipelines are asked for once.
    assert_eq!((stage.crm.limits.refused, count), (0, 3 * CLIENTS + 2 * CLIENTS + 2));
    assert_eq!(stage.crm.all("contacts").len(), 120);
}
