//! The adapter under the test host, against documented answers and the simulated CRM.

use std::cell::RefCell;
use std::rc::Rc;

use patchbay_sdk::http::{Request, Response};
use patchbay_sdk::testing::Host;
use patchbay_sdk::testing::cassettes::{self, Cassettes};
use patchbay_sdk::testing::host::placeholder;
use patchbay_sdk::types::{Card, Error, Field, Identifier, Native, Value as FieldValue};
use patchbay_sdk::{Adapter, Contacts, Deals};
use patchbay_sims::amocrm::Amocrm;
use patchbay_sims::{Fault, Stage};
use serde_json::Value;

use crate::AmoCrm;

mod answers;
mod cards;
mod deals;
mod flows;
mod golden;
mod lost;
mod notes;
mod properties;
mod suite;

/// The simulated CRM, held by the test and by the host's closure.
type Crm = Rc<RefCell<Stage<Amocrm>>>;

fn recorded() -> Cassettes {
    cassettes::load(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"))
}

fn host() -> Host {
    Host::new()
        .setting("base-url", "https://demo.example.test/")
        .setting("service", "Ringostat")
        .setting("external-field", "106")
        .setting("contact-fields", r#"{"city": 104, "comment": 105}"#)
        .setting("line-fields", r#"[["city", "City"], ["cf_108", "Likes"], ["cf_111", "Orders"]]"#)
        .setting("deal-fields", r#"{"page-url": 211}"#)
        .secret("token", "0123456789")
}

fn staged(crm: Amocrm) -> (Host, Crm) {
    let stage = Rc::new(RefCell::new(Stage::new(crm)));
    let crm = Rc::clone(&stage);
    (host().http(move |request| crm.borrow_mut().handle(request)), stage)
}

/// A CRM that bears any speed.
fn patient() -> Amocrm {
    Amocrm::new(&placeholder("token")).without_limits()
}

fn simulated() -> (Host, Crm) {
    staged(patient())
}

fn phone(number: &str) -> Identifier {
    Identifier::Phone(number.to_owned())
}

fn email(address: &str) -> Identifier {
    Identifier::Email(address.to_owned())
}

fn anna() -> [Identifier; 3] {
    [phone("+380671234567"), email("anna.test@example.test"), Identifier::external("jivo", "2746")]
}

fn text(key: &str, text: &str) -> Field {
    Field::text(key, text)
}

fn texts(key: &str, texts: &[&str]) -> Field {
    Field::new(key, FieldValue::Texts(texts.iter().map(|&text| text.to_owned()).collect()))
}

#[track_caller]
fn map(client: &[Identifier], fields: &[Field]) -> Native {
    AmoCrm::map_fields(client.to_vec(), fields.to_vec()).unwrap()
}

fn upsert(
    host: &Host,
    id: Option<&str>,
    key: &str,
    client: &[Identifier],
    fields: &[Field],
) -> Result<Card, Error> {
    host.run(|| AmoCrm::upsert_contact(id.map(str::to_owned), map(client, fields), key.to_owned()))
}

/// Opens a deal with this title on the card and answers its id.
#[track_caller]
fn open_deal(host: &Host, card: &str, title: &str) -> String {
    let native = host.run(|| AmoCrm::map_deal_fields(vec![text("title", title)])).unwrap();
    let key = format!("deal-{title}");
    let deal =
        host.run(|| AmoCrm::upsert_deal(None, card.to_owned(), native, Some("7".to_owned()), key));
    deal.unwrap().id
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// How many requests the function costs.
fn cost<T>(host: &Host, function: impl FnOnce() -> T) -> (T, usize) {
    let before = host.requests().len();
    let answer = host.run(function);
    (answer, host.requests().len() - before)
}

#[test]
fn the_manifest_is_the_same_at_every_call_and_hides_what_is_secret() {
    let manifest = AmoCrm::describe();
    assert_eq!(manifest, AmoCrm::describe());
    assert_eq!(manifest.name, "crm-amocrm");
    assert_eq!(manifest.egress, ["setting:base-url"]);
    assert_eq!(manifest.rate_limit, Some(6.5));
    let secret: Vec<_> =
        manifest.settings.iter().filter(|it| it.secret).map(|it| it.key.as_str()).collect();
    assert_eq!(secret, ["token", "client-secret"]);
}

#[test]
fn missing_settings_are_named_before_anything_is_sent() {
    let host = Host::new();
    let Err(Error::Invalid(problems)) = host.run(AmoCrm::describe_fields) else {
        panic!("must be refused")
    };
    assert_eq!(problems[0].field.as_deref(), Some("base-url"));
    assert!(host.requests().is_empty());
}
