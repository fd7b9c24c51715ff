//! What an adapter itself takes for one event: look-up, mapping, contact, open deals, deal and note of a
//! new client, on answers that a simulator gave before. Native code, without a sandbox and a network.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::{cell::RefCell, collections::BTreeMap, fs, hint::black_box, path::PathBuf, rc::Rc};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use crm_amocrm::AmoCrm;
use crm_bitrix24::Bitrix24;
use crm_hubspot::HubSpot;
use crm_notebook::Notebook;
use crm_odoo::Odoo;
use crm_tryton::Tryton;
use patchbay_sdk::{
    Adapter, Contacts, Deals, Notes,
    http::Response,
    notes::Note,
    testing::{Host, host::placeholder},
    types::{Field, Identifier, Subject},
};
use patchbay_sims::{Simulator, Stage, amocrm, bitrix24, hubspot, odoo};
use serde_json::Value;

/// An account of each CRM with its settings.
fn account(settings: &[(&str, &str)], secrets: &[&str]) -> Host {
    let host = settings.iter().fold(Host::new(), |host, (key, value)| host.setting(key, value));
    secrets.iter().fold(host, |host, key| host.secret(key, "fake-secret-0123456789"))
}

fn client(number: u32) -> Vec<Identifier> {
    vec![
        Identifier::Phone(format!("+38067{number:07}")),
        Identifier::Email(format!("anna{number}@example.test")),
        Identifier::external("jivo", format!("visitor-{number}")),
    ]
}

/// One event of a new client, as the host goes through it.
fn event<T: Contacts + Deals + Notes>(number: u32) {
    let client = client(number);
    let key = |step: &str| format!("event-{number}-{step}");
    let text = |key: &str, text: &str| Field::text(key, text);
    assert!(T::lookup_client(client.clone()).unwrap().is_empty());
    let fields = vec![text("name", "Anna Test"), text("comment", "asked about price")];
    let native = T::map_fields(client, fields).unwrap();
    let card = T::upsert_contact(None, native, key("card")).unwrap().id;
    assert!(T::open_deals(card.clone()).unwrap().is_empty());
    let native = T::map_deal_fields(vec![text("title", "Chat")]).unwrap();
    let deal = T::upsert_deal(None, card, native, None, key("deal")).unwrap().id;
    let note = Note::Text("Good morning! How much is the blue one?".to_owned());
    black_box(T::add_note(Subject::Deal(deal), note, key("note")).unwrap());
}

/// What an account has stored, and what it is answered next, in this order.
struct Tape {
    store: BTreeMap<String, Vec<u8>>,
    answers: Vec<Response>,
}

impl Tape {
    /// The first event asks for what is asked for once; the second one is kept.
    fn record<T: Contacts + Deals + Notes>(account: Host, crm: impl Simulator + 'static) -> Self {
        let stage = RefCell::new(Stage::new(crm));
        let answers: Rc<RefCell<Vec<Response>>> = Rc::default();
        let kept = Rc::clone(&answers);
        let host = account.http(move |request| {
            let response = stage.borrow_mut().handle(request)?;
            kept.borrow_mut().push(response.clone());
            Ok(response)
        });
        host.run(|| event::<T>(1));
        answers.borrow_mut().clear();
        let store = host.store();
        host.run(|| event::<T>(2));
        Self { store, answers: answers.take() }
    }

    /// The same flow as a real Tryton answered it, 18 exchanges before the end of its tape.
    fn of_tryton() -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/crm-tryton/fixtures/tape");
        let mut files: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let flow = files.split_off(files.len() - 18);
        let answer = |file: &PathBuf| {
            let told: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
            let status = told.pointer("/response/status").and_then(Value::as_u64).unwrap();
            let body = told.pointer("/response/body").unwrap();
            Response::json(status.try_into().unwrap(), body.to_string())
        };
        Self { store: BTreeMap::new(), answers: flow.iter().take(8).map(answer).collect() }
    }
}

fn bench<T: Adapter + Contacts + Deals + Notes>(
    criterion: &mut Criterion,
    account: impl Fn() -> Host,
    tape: impl FnOnce(Host) -> Tape,
) {
    let account = || account().defaults(T::describe());
    let Tape { store, answers } = tape(account());
    let prepare = || {
        let mut answers = answers.clone().into_iter();
        let host = account().http(move |_| Ok(answers.next().expect("as many as were recorded")));
        for (key, value) in &store {
            host.put(key, value.clone());
        }
        host
    };
    let (name, requests) = (T::describe().name, answers.len());
    let title = format!("{name}: an event of a new client, {requests} requests");
    criterion.bench_function(&title, |bencher| {
        bencher.iter_batched_ref(prepare, |host| host.run(|| event::<T>(2)), BatchSize::SmallInput);
    });
}

/// Never asked.
#[derive(Debug)]
struct Nobody;

impl Simulator for Nobody {
    fn answer(&mut self, _: &patchbay_sims::Request, _: std::time::Duration) -> Response {
        Response::empty(500)
    }
}

fn benches(criterion: &mut Criterion) {
    let record = Tape::record::<Notebook>;
    bench::<Notebook>(criterion, || account(&[], &[]), |host| record(host, Nobody));
    let settings = [("rest-url", "https://portal.example.test/rest/1/")];
    let crm = bitrix24::Bitrix24::new(&placeholder("webhook-secret"));
    bench::<Bitrix24>(
        criterion,
        || account(&settings, &["webhook-secret"]),
        |host| Tape::record::<Bitrix24>(host, crm),
    );
    let settings = [("base-url", "https://demo.example.test/"), ("external-field", "106")];
    let crm = amocrm::Amocrm::new(&placeholder("token")).without_limits();
    bench::<AmoCrm>(
        criterion,
        || account(&settings, &["token"]),
        |host| Tape::record::<AmoCrm>(host, crm),
    );
    let settings = [("external-id-property", "patchbay_id"), ("key-property", "patchbay_key")];
    let mut crm = hubspot::HubSpot::default();
    crm.define("contacts", "patchbay_id", false);
    for kind in ["contacts", "deals"] {
        crm.define(kind, "patchbay_key", true);
    }
    bench::<HubSpot>(
        criterion,
        || account(&settings, &["token"]),
        |host| Tape::record::<HubSpot>(host, crm),
    );
    let settings =
        [("base-url", "https://odoo.example.test/"), ("api", "json-2"), ("database", "odoo_e2e")];
    bench::<Odoo>(
        criterion,
        || account(&settings, &["api-key"]),
        |host| Tape::record::<Odoo>(host, odoo::Odoo::default()),
    );
    let settings = [("base-url", "https://tryton.example.test"), ("database", "crm")];
    bench::<Tryton>(criterion, || account(&settings, &["key"]), |_| Tape::of_tryton());
}

criterion_group!(crms, benches);
criterion_main!(crms);
