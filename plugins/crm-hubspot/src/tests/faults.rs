//! Whatever is lost, refused or late: one contact, one deal, one task, one note.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use patchbay_sdk::http::Response;
use patchbay_sdk::notes::Note;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::testing::Host;
use patchbay_sdk::types::{Error, Field, Identifier, Subject};
use patchbay_sdk::{Contacts, Deals, Notes, Tasks};
use patchbay_sims::hubspot::HubSpot as Sim;
use patchbay_sims::{Fault, Stage};
use proptest::prelude::*;
use serde_json::json;

use super::stage::{PHONE, anna, phone, visitor};
use crate::{HubSpot, clock};

/// What happens to a request.
#[derive(Debug, Clone, Copy)]
enum Luck {
    Good,
    LostAnswer,
    Lost,
    Status(u16),
}

fn fault(luck: Luck) -> Option<Fault> {
    match luck {
        Luck::Good => None,
        Luck::LostAnswer => Some(Fault::LostAnswer),
        Luck::Lost => Some(Fault::Lost),
        Luck::Status(status) => Some(Fault::Answer(Response::json(status, json!({}).to_string()))),
    }
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        3 => Just(Luck::Good),
        3 => Just(Luck::LostAnswer),
        1 => Just(Luck::Lost),
        1 => proptest::sample::select(vec![429, 500, 502, 503]).prop_map(Luck::Status),
    ]
}

/// What a job has done so far, as the host's ledger keeps it.
#[derive(Debug, Default)]
struct Done {
    card: Option<String>,
    deal: Option<String>,
    task: Option<String>,
    note: Option<String>,
}

/// The contact that was made, or the one that was in the way.
fn made(client: &[Identifier]) -> Result<String, Error> {
    let fields = vec![Field::text("name", "Anna")];
    let native = HubSpot::map_fields(client.to_vec(), fields).map_err(Error::Invalid)?;
    match HubSpot::upsert_contact(None, native, "job-1".to_owned()) {
        Err(Error::Conflict(Some(id))) => Ok(id),
        made => Ok(made?.id),
    }
}

/// One attempt of a job: look up, contact, deal, task, note; it goes on where the last one stopped.
fn attempt(done: &mut Done, client: &[Identifier]) -> Result<(), Error> {
    let key = || "job-1".to_owned();
    if done.card.is_none() {
        let found = HubSpot::lookup_client(client.to_vec())?;
        done.card = Some(match found.first() {
            Some(card) => card.id.clone(),
            None => made(client)?,
        });
    }
    let card = done.card.clone().unwrap_or_default();
    if done.deal.is_none() {
        done.deal = match HubSpot::open_deals(card.clone())?.first() {
            Some(deal) => Some(deal.id.clone()),
            None => Some(HubSpot::upsert_deal(None, card, "{}".to_owned(), None, key())?.id),
        };
    }
    let subject = Subject::Deal(done.deal.clone().unwrap_or_default());
    if done.task.is_none() {
        let task = Task {
            subject: subject.clone(),
            title: "Call".to_owned(),
            text: "back".to_owned(),
            manager: None,
            due: "2026-12-02T08:00:00Z".to_owned(),
        };
        done.task = Some(HubSpot::create_task(task, key())?);
    }
    done.note = Some(HubSpot::add_note(subject, Note::Text("text".to_owned()), key())?);
    Ok(())
}

fn check(
    plan: Vec<Luck>,
    client: &[Identifier],
    lag_s: u64,
    has_keys: bool,
) -> Result<(), TestCaseError> {
    let mut sim = Sim::default();
    sim.search_lag = Duration::from_secs(lag_s);
    sim.define("contacts", "patchbay_id", false);
    sim.define("contacts", "patchbay_key", true);
    sim.define("deals", "patchbay_key", true);
    let stage = Rc::new(RefCell::new(Stage::new(sim)));
    let (server, plan) = (Rc::clone(&stage), RefCell::new(VecDeque::from(plan)));
    let host = Host::new().setting("external-id-property", "patchbay_id").secret("token", "t");
    let host = if has_keys { host.setting("key-property", "patchbay_key") } else { host };
    let host = host.http(move |request| {
        let mut stage = server.borrow_mut();
        let luck = plan.borrow_mut().pop_front().unwrap_or(Luck::Good);
        if let Some(fault) = fault(luck) {
            stage.fail_next("", fault);
        }
        stage.handle(request)
    });
    let mut done = Done::default();
    for _ in 0..60 {
        let wait_ms = match host.run(|| attempt(&mut done, client)) {
            Ok(()) => break,
            Err(Error::RateLimited(wait_ms)) => wait_ms.unwrap_or(1_000),
            Err(Error::Unavailable(_) | Error::UnknownOutcome(_)) => 1_000,
            Err(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        clock::at_will::advance_ms(wait_ms);
        stage.borrow_mut().crm.ahead += Duration::from_millis(wait_ms);
    }
    let stage = stage.borrow();
    for kind in ["contacts", "deals", "tasks", "notes"] {
        prop_assert_eq!(stage.crm.all(kind).len(), 1, "{} {:?}", kind, &done);
    }
    prop_assert!(done.note.is_some());
    Ok(())
}

proptest! {
    #[test]
    fn nothing_is_made_twice(
        plan in proptest::collection::vec(luck(), 0..30),
        has_email in any::<bool>(),
        lag_s in proptest::sample::select(vec![0_u64, 10, 60]),
        has_keys in any::<bool>(),
    ) {
        let client = if has_email { anna().to_vec() } else { vec![phone(PHONE), visitor("1")] };
        check(plan, &client, lag_s, has_keys)?;
    }
}
