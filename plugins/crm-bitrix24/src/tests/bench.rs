//! A simulated portal behind the test host.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use patchbay_sdk::http::Request;
use patchbay_sdk::tasks::Task;
use patchbay_sdk::testing::Host;
use patchbay_sdk::testing::host::placeholder;
use patchbay_sdk::types::{
    Call, Card, Deal, Direction, Error, Field, Identifier, Subject, Value as FieldValue,
};
use patchbay_sdk::{Contacts, Deals};
use patchbay_sims::{Fault, Stage, bitrix24};
use serde_json::Value;

use crate::Bitrix24;

/// One portal, held by the test and by the host's closure.
#[derive(Clone)]
pub(crate) struct Bench {
    stage: Rc<RefCell<Stage<bitrix24::Bitrix24>>>,
    pub(crate) host: Host,
}

/// A host with the settings of an account, and nobody behind it.
pub(crate) fn host() -> Host {
    Host::new()
        .setting("rest-url", "https://portal.example.test/rest/1/")
        .setting("originator", "plughost")
        .secret("webhook-secret", "hooksecret0001")
}

impl Bench {
    pub(crate) fn new() -> Self {
        let portal = bitrix24::Bitrix24::new(&placeholder("webhook-secret"));
        let stage = Rc::new(RefCell::new(Stage::new(portal)));
        let behind = Rc::clone(&stage);
        let host = host().http(move |request| behind.borrow_mut().handle(request));
        Self { stage, host }
    }

    pub(crate) fn stage(&self) -> RefMut<'_, Stage<bitrix24::Bitrix24>> {
        self.stage.borrow_mut()
    }

    pub(crate) fn portal(&self) -> RefMut<'_, bitrix24::Bitrix24> {
        RefMut::map(self.stage.borrow_mut(), |stage| &mut stage.crm)
    }

    pub(crate) fn fail_next(&self, part: &str, fault: Fault) {
        self.stage().fail_next(part, fault);
    }

    /// Runs the adapter, and tells how many requests it sent.
    pub(crate) fn counted<T>(&self, adapter: impl FnOnce() -> T) -> (T, usize) {
        let before = self.host.requests().len();
        let answer = self.host.run(adapter);
        (answer, self.host.requests().len() - before)
    }

    pub(crate) fn last_request(&self) -> Request {
        self.host.requests().pop().unwrap()
    }

    /// What the last request called.
    pub(crate) fn last_called(&self) -> Vec<(String, Value)> {
        bitrix24::called(&self.last_request())
    }

    pub(crate) fn lookup(&self, any_of: &[Identifier]) -> Vec<Card> {
        self.host.run(|| Bitrix24::lookup_client(any_of.to_vec())).unwrap()
    }

    pub(crate) fn upsert(
        &self,
        id: Option<&str>,
        client: &[Identifier],
        fields: &[Field],
        key: &str,
    ) -> Result<Card, Error> {
        self.host.run(|| {
            let native = Bitrix24::map_fields(client.to_vec(), fields.to_vec()).unwrap();
            Bitrix24::upsert_contact(id.map(str::to_owned), native, key.to_owned())
        })
    }

    pub(crate) fn upsert_deal(
        &self,
        id: Option<&str>,
        card: &str,
        fields: &[Field],
        manager: Option<&str>,
        key: &str,
    ) -> Result<Deal, Error> {
        self.host.run(|| {
            let native = Bitrix24::map_deal_fields(fields.to_vec()).unwrap();
            let (id, manager) = (id.map(str::to_owned), manager.map(str::to_owned));
            Bitrix24::upsert_deal(id, card.to_owned(), native, manager, key.to_owned())
        })
    }
}

pub(crate) fn phone(number: &str) -> Identifier {
    Identifier::Phone(number.to_owned())
}

pub(crate) fn email(address: &str) -> Identifier {
    Identifier::Email(address.to_owned())
}

pub(crate) fn card(id: &str) -> Identifier {
    Identifier::Card(id.to_owned())
}

pub(crate) fn text(key: &str, text: &str) -> Field {
    Field::text(key, text)
}

pub(crate) fn texts(key: &str, texts: &[&str]) -> Field {
    Field::new(key, FieldValue::Texts(texts.iter().map(|&text| text.to_owned()).collect()))
}

/// Anna, who is known by her phone, her e-mail and an id of a chat.
pub(crate) fn anna() -> (Vec<Identifier>, Vec<Field>) {
    let client = vec![
        phone("+380671234567"),
        email("anna.test@example.test"),
        Identifier::external("jivo", "2746"),
    ];
    let fields = vec![
        text("name", "Anna Test"),
        text("phone", "+380671234567"),
        text("email", "anna.test@example.test"),
        text("comment", "asked about price"),
        text("utm-source", "ads"),
        text("page-url", "https://shop.example.test/"),
    ];
    (client, fields)
}

pub(crate) fn task(subject: Subject) -> Task {
    Task {
        subject,
        title: "Call back".to_owned(),
        text: "asked about [price]".to_owned(),
        manager: Some("6".to_owned()),
        due: "2026-12-02T08:00:00.123456Z".to_owned(),
    }
}

pub(crate) fn call() -> Call {
    Call {
        id: "call-0001".to_owned(),
        direction: Direction::Inbound,
        client_number: Some("+380671234567".to_owned()),
        agent_number: Some("102".to_owned()),
        line: None,
        status: Some("ANSWERED".to_owned()),
        missed: false,
        duration_s: Some(95),
        recording_url: Some("https://rec.example.test/1.mp3".to_owned()),
        rating: None,
    }
}
