//! A thousand webhooks, and a program that is killed three times in the middle of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use http_body_util::Full;
use hyper::{Request, header};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    backend::{Backend, on_every_backend},
    fake_odoo::{self, FakeOdoo},
    harness::{Web, eventually, jivo},
    program::{Program, Site},
};

const WEBHOOKS: u32 = 1000;
const CONNECTIONS: u32 = 32;
/// Answers after which the program is killed.
const KILLS: [u32; 3] = [100, 400, 700];

/// What the senders share.
#[derive(Clone)]
struct Senders {
    /// Where the program is now; empty while it is down.
    url: watch::Receiver<String>,
    next: Arc<AtomicU32>,
    answered: watch::Sender<BTreeSet<u32>>,
    template: Arc<Value>,
}

on_every_backend!(a_webhook_answered_2xx_survives_kill_9);

async fn a_webhook_answered_2xx_survives_kill_9(backend: Backend) {
    let odoo = fake_odoo::start().await;
    let mut site = odoo_site(&backend, &odoo);
    let mut program = site.serve(&[]).await;
    let (url, seen_url) = watch::channel(program.webhook("shop"));
    let template = serde_json::from_slice(&jivo("chat_accepted.unknown_with_phone.json")).unwrap();
    let senders = Senders {
        url: seen_url,
        next: Arc::default(),
        answered: watch::Sender::default(),
        template: Arc::new(template),
    };
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        tasks.spawn(senders.clone().run());
    }

    let mut answered = senders.answered.subscribe();
    for count in KILLS {
        let is_time = |answered: &BTreeSet<u32>| count <= u32::try_from(answered.len()).unwrap();
        answered.wait_for(is_time).await.unwrap();
        // Nothing new is begun; what is on its way is cut off.
        url.send_replace(String::new());
        program.kill().await;
        program = site.serve(&[]).await;
        url.send_replace(program.webhook("shop"));
    }
    tasks.join_all().await;

    let answered = answered.borrow().clone();
    let lost_max = usize::try_from(CONNECTIONS).unwrap() * KILLS.len();
    let all = usize::try_from(WEBHOOKS).unwrap();
    assert!((all - lost_max..=all).contains(&answered.len()), "{} answers", answered.len());
    every_job_ends(&program).await;
    let journaled = journaled(&program).await;
    let missing: Vec<_> = answered.difference(&journaled).collect();
    assert!(missing.is_empty(), "answered and not in the journal: {missing:?}");
    assert_eq!(program.get("/dead-letters").await["items"], json!([]));
    let partners = partners(&odoo);
    let repeated: Vec<_> = partners.iter().filter(|(_, count)| **count != 1).collect();
    assert!(repeated.is_empty(), "more than one partner: {repeated:?}");
    let made: BTreeSet<u32> = partners.into_keys().collect();
    assert_eq!(made, journaled, "each webhook of the journal has made its partner");
    assert_eq!(program.terminate().await, Some(0));
}

/// A site with one Jivo account joined to the fake.
fn odoo_site(backend: &Backend, odoo: &FakeOdoo) -> Site {
    let text = format!(
        r#"
        {storage}
        [limits]
        wall_ms = 4000
        [egress]
        connect_ms = 4000
        timeout_ms = 4000
        [worker]
        poll_ms = 50
        [retry]
        base_ms = 20
        [[account]]
        id = "shop"
        plugin = "channel-jivo"
        [[account]]
        id = "odoo"
        plugin = "crm-odoo"
        settings = {{ base-url = "{url}", database = "{database}" }}
        secrets = {{ api-key = {{ env = "ODOO_KEY" }} }}
        grants = [{{ allow = "{url}", private = true }}]
        [[integration]]
        id = "shop-to-odoo"
        channel = "shop"
        crm = "odoo"
        "#,
        storage = backend.text(),
        url = odoo.url,
        database = fake_odoo::DATABASE,
    );
    let mut site = Site::new(&["channel_jivo", "crm_odoo"], &text);
    site.set_environment("ODOO_KEY", fake_odoo::API_KEY);
    site
}

impl Senders {
    /// Sends one webhook after the other, each once, while there are some.
    async fn run(mut self) {
        let web = Web::new();
        loop {
            let is_up = |url: &String| !url.is_empty();
            let url = self.url.wait_for(is_up).await.unwrap().clone();
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if WEBHOOKS <= number {
                return;
            }
            let request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
            let request = request.body(Full::new(body(&self.template, number).into())).unwrap();
            // No answer is no promise; whoever gets none does not repeat here.
            let Ok(answer) = web.try_send(request).await else { continue };
            assert!(answer.status.is_success(), "{answer:?}");
            self.answered.send_modify(|answered| {
                answered.insert(number);
            });
        }
    }
}

/// A chat of a person of its own.
fn body(template: &Value, number: u32) -> String {
    let mut body = template.clone();
    body["chat_id"] = json!(100_000 + number);
    body["visitor"]["number"] = json!(number.to_string());
    body["visitor"]["phone"] = json!(phone(number));
    body["visitor"]["email"] = json!(format!("visitor{number}@example.com"));
    body.to_string()
}

fn phone(number: u32) -> String {
    format!("+7900{:07}", 1_000_000 + number)
}

async fn every_job_ends(program: &Program) {
    eventually("every job ends", async || {
        let journal = program.journal().await;
        let jobs = journal.iter().map(|request| &request["events"][0]["jobs"][0]);
        jobs.filter(|job| job["state"] != "done").count() == 0
    })
    .await;
}

/// The numbers of the webhooks in the journal, each with one job that is done.
async fn journaled(program: &Program) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    for request in program.journal().await {
        let event = &request["events"][0];
        assert_eq!(event["jobs"].as_array().unwrap().len(), 1, "{request}");
        let detail = program.get(&format!("/events/{}", event["id"])).await;
        let number: u32 =
            detail["request"]["body"]["visitor"]["number"].as_str().unwrap().parse().unwrap();
        assert!(numbers.insert(number), "{number} stands in the journal twice");
    }
    numbers
}

/// How many partners there are of each number.
fn partners(odoo: &FakeOdoo) -> BTreeMap<u32, u32> {
    let numbers: BTreeMap<String, u32> =
        (0..WEBHOOKS).map(|number| (phone(number), number)).collect();
    let mut partners = BTreeMap::new();
    for partner in odoo.partners() {
        let number = numbers[partner["phone"].as_str().unwrap()];
        assert_eq!(partner["email"], format!("visitor{number}@example.com"));
        *partners.entry(number).or_default() += 1;
    }
    partners
}
