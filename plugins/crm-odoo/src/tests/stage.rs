//! A simulated Odoo behind the test host.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use patchbay_sdk::Contacts;
use patchbay_sdk::http::{Request, Response};
use patchbay_sdk::testing::Host;
use patchbay_sdk::types::{Card, Error, Field, Identifier};
use patchbay_sims::odoo::Odoo as Sim;
use patchbay_sims::{Fault, Stage};
use serde_json::{Value, json};

use crate::Odoo;

/// The host of one account and the Odoo that it reaches.
pub(super) struct Crm {
    stage: Rc<RefCell<Stage<Sim>>>,
    pub(super) host: Host,
}

/// The settings of an account, without an Odoo.
pub(super) fn account() -> Host {
    Host::new()
        .setting("base-url", "https://odoo.example.test/")
        .setting("api", "json-2")
        .setting("database", "odoo_e2e")
        .setting("module", "plughost")
        .secret("api-key", "0123456789")
}

pub(super) fn crm() -> Crm {
    with(Sim::default(), &[])
}

pub(super) fn with(sim: Sim, settings: &[(&str, &str)]) -> Crm {
    let stage = Rc::new(RefCell::new(Stage::new(sim)));
    let server = Rc::clone(&stage);
    let host = settings.iter().fold(account(), |host, (key, value)| host.setting(key, value));
    let host = host.http(move |request| server.borrow_mut().handle(request));
    Crm { stage, host }
}

/// As an account is after its first call: the names of its own fields are known.
pub(super) fn knowing_its_fields(host: &Host) {
    for model in ["res.partner", "crm.lead"] {
        host.put(&format!("fields/{model}"), "[]");
    }
}

impl Crm {
    pub(super) fn warm(self) -> Self {
        knowing_its_fields(&self.host);
        self
    }

    pub(super) fn sim(&self) -> RefMut<'_, Sim> {
        RefMut::map(self.stage.borrow_mut(), |stage| &mut stage.crm)
    }

    pub(super) fn fail_next(&self, part: &str, fault: Fault) {
        self.stage.borrow_mut().fail_next(part, fault);
    }

    pub(super) fn answer_next(&self, part: &str, status: u16, body: &Value) {
        self.fail_next(part, Fault::Answer(Response::json(status, body.to_string())));
    }

    pub(super) fn run<T>(&self, call: impl FnOnce() -> T) -> T {
        self.host.run(call)
    }

    /// What `call` asks for, as `model/method`.
    pub(super) fn asked<T>(&self, call: impl FnOnce() -> T) -> (T, Vec<String>) {
        let before = self.host.requests().len();
        let answer = self.host.run(call);
        (answer, self.host.requests().iter().skip(before).map(named).collect())
    }

    pub(super) fn lookup(&self, any_of: &[Identifier]) -> Vec<Card> {
        self.run(|| Odoo::lookup_client(any_of.to_vec())).unwrap()
    }

    pub(super) fn upsert(
        &self,
        id: Option<&str>,
        client: &[Identifier],
        fields: &[Field],
        key: &str,
    ) -> Result<Card, Error> {
        self.run(|| {
            let native = Odoo::map_fields(client.to_vec(), fields.to_vec()).unwrap();
            Odoo::upsert_contact(id.map(str::to_owned), native, key.to_owned())
        })
    }

    /// Contacts besides the two that every database has.
    pub(super) fn partners(&self) -> Vec<Value> {
        self.sim().all("res.partner").split_off(2)
    }

    pub(super) fn add_partner(&self, values: &Value) -> String {
        self.sim().add("res.partner", values).to_string()
    }

    /// A contact with a deal at the stage.
    pub(super) fn add_deal(&self, stage: u64) -> (String, String) {
        let card = self.sim().add("res.partner", &json!({ "name": "Anna", "user_id": 7 }));
        let deal =
            json!({ "name": "Chat", "type": "opportunity", "partner_id": card, "stage_id": stage });
        let deal = self.sim().add("crm.lead", &deal);
        (card.to_string(), deal.to_string())
    }
}

fn named(request: &Request) -> String {
    let path = patchbay_sims::path(&request.url);
    path.strip_prefix("/json/2/").unwrap_or(path).to_owned()
}

pub(super) fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

pub(super) fn phone(number: &str) -> Identifier {
    Identifier::Phone(number.to_owned())
}

pub(super) fn email(address: &str) -> Identifier {
    Identifier::Email(address.to_owned())
}

pub(super) const PHONE: &str = "+380671234567";
pub(super) const EMAIL: &str = "anna.test@example.test";

pub(super) fn anna() -> [Identifier; 3] {
    [phone(PHONE), email(EMAIL), Identifier::external("jivo", "2746")]
}
