//! A simulated HubSpot behind the test host.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;
use std::time::Duration;

use patchbay_sdk::Contacts;
use patchbay_sdk::http::{Request, Response};
use patchbay_sdk::testing::Host;
use patchbay_sdk::types::{Card, Error, Field, Identifier};
use patchbay_sims::hubspot::HubSpot as Sim;
use patchbay_sims::{Fault, Stage};
use serde_json::Value;

use crate::{HubSpot, clock};

/// The host of one account and the HubSpot that it reaches.
pub(super) struct Crm {
    stage: Rc<RefCell<Stage<Sim>>>,
    pub(super) host: Host,
}

/// With a property for ids of other systems, and none for idempotency keys.
pub(super) fn crm() -> Crm {
    with(&[("external-id-property", "patchbay_id")])
}

/// With both properties.
pub(super) fn crm_with_keys() -> Crm {
    with(&[("external-id-property", "patchbay_id"), ("key-property", "patchbay_key")])
}

pub(super) fn with(settings: &[(&str, &str)]) -> Crm {
    let mut sim = Sim::default();
    sim.define("contacts", "patchbay_id", false);
    for kind in ["contacts", "deals"] {
        sim.define(kind, "patchbay_key", true);
    }
    let stage = Rc::new(RefCell::new(Stage::new(sim)));
    let server = Rc::clone(&stage);
    let host = settings.iter().fold(Host::new(), |host, (key, value)| host.setting(key, value));
    let host = host.secret("token", "pat-eu1-0123456789");
    let host = host.http(move |request| server.borrow_mut().handle(request));
    Crm { stage, host }
}

impl Crm {
    /// With what every account is asked for once already known.
    pub(super) fn warm(self) -> Self {
        self.host.put(
            "account",
            r#"{"portal":123456,"domain":"app-eu1.hubspot.com","offset-ms":7200000}"#,
        );
        self.host.put(
            "owners",
            r#"{"700":{"name":"Olha Manager","email":"olha@example.test","active":true}}"#,
        );
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

    pub(super) fn faults_left(&self) -> usize {
        self.stage.borrow().faults_left()
    }

    /// Moves the adapter's clock and the CRM's.
    pub(super) fn advance(&self, seconds: u64) {
        clock::at_will::advance_ms(seconds * 1_000);
        self.sim().ahead += Duration::from_secs(seconds);
    }

    pub(super) fn run<T>(&self, call: impl FnOnce() -> T) -> T {
        self.host.run(call)
    }

    /// What `call` asks for, as `METHOD /path` without the query.
    pub(super) fn asked<T>(&self, call: impl FnOnce() -> T) -> (T, Vec<String>) {
        let before = self.host.requests().len();
        let answer = self.host.run(call);
        let requests = self.host.requests();
        (answer, requests.iter().skip(before).map(named).collect())
    }

    pub(super) fn lookup(&self, any_of: &[Identifier]) -> Vec<Card> {
        self.run(|| HubSpot::lookup_client(any_of.to_vec())).unwrap()
    }

    pub(super) fn upsert(
        &self,
        id: Option<&str>,
        client: &[Identifier],
        fields: &[Field],
        key: &str,
    ) -> Result<Card, Error> {
        self.run(|| {
            let native = HubSpot::map_fields(client.to_vec(), fields.to_vec()).unwrap();
            HubSpot::upsert_contact(id.map(str::to_owned), native, key.to_owned())
        })
    }

    pub(super) fn contacts(&self) -> Vec<Value> {
        self.sim().all("contacts")
    }
}

pub(super) fn named(request: &Request) -> String {
    format!("{} {}", request.method, patchbay_sims::path(&request.url))
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

pub(super) fn card(id: &str) -> Identifier {
    Identifier::Card(id.to_owned())
}

pub(super) fn visitor(id: &str) -> Identifier {
    Identifier::external("jivo", id)
}

pub(super) const PHONE: &str = "+380671234567";
pub(super) const EMAIL: &str = "anna.test@example.test";

pub(super) fn anna() -> [Identifier; 3] {
    [phone(PHONE), email(EMAIL), visitor("2746")]
}
