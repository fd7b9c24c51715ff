//! The ledger and its adapter: what is kept, and what each fault of the ledger means to the host.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use patchbay::{
    account::{Account, Grant, Rate},
    card::{AdapterError, Card, ExternalId, Field, Identifier, Note, Subject, Task, Value},
    clock::SystemClock,
    config::{self, Unsigned},
    plugin::{Adapter, Error, Options, Plugins, Trust},
    secret::Secret,
    storage::sqlite::Sqlite,
};
use patchbay_ledger::{Endpoint, Fault, KEY, Kind, Ledger};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::harness::{TestHost, component, jivo, program};

/// The adapter, bound to a ledger of its own.
struct Stage {
    adapter: Arc<Adapter>,
    ledger: Ledger,
    _folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    /// For answers that never come.
    async fn impatient() -> Self {
        Self::with(|_, egress| egress.timeout_ms = 1000.try_into().unwrap()).await
    }

    async fn with(tap: impl FnOnce(&mut Account, &mut config::Egress)) -> Self {
        let ledger = Ledger::open().await;
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("patchbay.db");
        let stores = Sqlite::open(&database, &config::Storage::default()).unwrap().stores();
        let (mut account, mut egress) = (account(&ledger), config::Egress::default());
        tap(&mut account, &mut egress);
        let options = Options {
            limits: config::Limits { calls: 8.try_into().unwrap(), ..config::Limits::default() },
            egress,
            trust: Trust::new(Vec::new(), Unsigned::Warn),
            compiled: Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
            compiler: program(),
        };
        let plugins =
            Plugins::new(options, stores.kv, stores.turns, stores.tokens, Arc::new(SystemClock))
                .unwrap();
        let admitted = plugins.admit(component("crm_ledger"), Timestamp::UNIX_EPOCH).await;
        let adapter = plugins.bind(admitted.unwrap().1, Arc::new(account)).unwrap();
        Self { adapter, ledger, _folder: folder }
    }

    async fn lookup(&self) -> Result<Vec<Card>, Error> {
        self.adapter.lookup_client(&client()).await
    }

    async fn create(&self, key: &str) -> Result<Card, Error> {
        let native = self.adapter.map_fields(&client(), &[text("name", "Anna")]).await.unwrap();
        self.adapter.upsert_contact(None, &native, key).await
    }

    async fn deal(&self, card: &str, key: &str) -> Result<String, Error> {
        let native = self.adapter.map_deal_fields(&[text("title", "Ten chairs")]).await.unwrap();
        Ok(self.adapter.upsert_deal(None, card, &native, Some("m1"), key).await?.id)
    }

    async fn task(&self, card: &str, key: &str) -> Result<String, Error> {
        self.adapter.create_task(&task(card), key).await
    }

    async fn note(&self, card: &str, key: &str) -> Result<String, Error> {
        let subject = Subject::Card(card.to_owned());
        self.adapter.add_note(&subject, &Note::Text("Hello".to_owned()), key).await
    }
}

fn account(ledger: &Ledger) -> Account {
    Account {
        settings: [("base-url".to_owned(), ledger.url.clone())].into(),
        secrets: [("key".to_owned(), Secret::new(KEY.to_owned()))].into(),
        grants: vec![Grant { private: true, ..Grant::new(ledger.url.clone()) }],
        reply_deadline_ms: 2500,
        ..Account::new("ledger".parse().unwrap(), "crm-ledger".parse().unwrap())
    }
}

fn client() -> [Identifier; 2] {
    [Identifier::Phone("+15550100".to_owned()), Identifier::Email("anna@example.com".to_owned())]
}

fn task(card: &str) -> Task {
    Task {
        subject: Subject::Card(card.to_owned()),
        title: "Call back".to_owned(),
        text: "About the chairs".to_owned(),
        manager: None,
        due: "2026-01-02T12:00:00+03:00".to_owned(),
    }
}

fn text(key: &str, value: &str) -> Field {
    Field { key: key.to_owned(), value: Value::Text(value.to_owned()) }
}

#[track_caller]
fn said<T: std::fmt::Debug>(answer: Result<T, Error>) -> AdapterError {
    match answer {
        Err(Error::Adapter(error)) => error,
        other => panic!("the adapter should have said no: {other:?}"),
    }
}

/// The case and what decides; not its words.
#[track_caller]
fn case<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    match said(answer) {
        AdapterError::RateLimited(wait_ms) => format!("rate-limited {wait_ms:?}"),
        AdapterError::Conflict(id) => format!("conflict {id:?}"),
        AdapterError::Invalid(_) => "invalid".to_owned(),
        AdapterError::Unauthorized(_) => "unauthorized".to_owned(),
        AdapterError::Unavailable(_) => "unavailable".to_owned(),
        AdapterError::UnknownOutcome(_) => "unknown-outcome".to_owned(),
        AdapterError::NotFound(_) => "not-found".to_owned(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn the_ledger_keeps_cards_deals_tasks_and_notes() {
    let stage = Stage::new().await;
    assert_eq!(stage.lookup().await.unwrap(), []);
    let made = stage.create("k1").await.unwrap();
    let [found] = stage.lookup().await.unwrap().try_into().unwrap();
    assert_eq!((found.id.as_str(), found.matched.as_slice()), (made.id.as_str(), &client()[..]));
    assert!(found.fields.contains(&text("name", "Anna")), "{:?}", found.fields);
    let email = [Identifier::Email("ANNA@example.com".to_owned())];
    assert_eq!(stage.adapter.lookup_client(&email).await.unwrap()[0].matched, email);
    let native = stage.adapter.map_fields(&[], &[text("manager", "m1")]).await.unwrap();
    stage.adapter.upsert_contact(Some(&made.id), &native, "k2").await.unwrap();

    let deal = stage.deal(&made.id, "k3").await.unwrap();
    let open = stage.adapter.open_deals(&made.id).await.unwrap();
    assert_eq!((open[0].id.as_str(), open[0].title.as_str()), (deal.as_str(), "Ten chairs"));
    let lost = stage.adapter.map_deal_fields(&[text("stage", "lost")]).await.unwrap();
    stage.adapter.upsert_deal(Some(&deal), &made.id, &lost, None, "k4").await.unwrap();
    assert_eq!(stage.adapter.open_deals(&made.id).await.unwrap(), []);
    stage.task(&made.id, "k5").await.unwrap();
    stage.note(&made.id, "k6").await.unwrap();

    let managers = stage.adapter.list_managers().await.unwrap();
    assert_eq!(managers.len(), 2);
    let (assignments, _) = stage.adapter.list_assignments(None).await.unwrap();
    assert_eq!((&assignments[0].manager, &assignments[0].cards), (&managers[0], &vec![made.id]));

    let ledger = &stage.ledger;
    let writes = ledger.writes();
    let keys: Vec<_> = writes.iter().filter_map(|write| write.key.as_deref()).collect();
    assert_eq!(keys, ["k1", "k2", "k3", "k4", "k5", "k6"]);
    assert!(writes.is_sorted_by_key(|write| (write.call, write.at)));
    let kinds = [Kind::Contact, Kind::Deal, Kind::Task, Kind::Note];
    assert_eq!(kinds.map(|kind| ledger.count(kind)), [1; 4]);
    assert_eq!(ledger.duplicates(), Vec::<String>::new());
    assert_eq!(ledger.calls_of(Endpoint::CreateDeal), 1);
}

#[tokio::test]
async fn the_ledger_shows_what_a_person_put_into_its_books() {
    let stage = Stage::new().await;
    let ledger = &stage.ledger;
    ledger.name_contacts("crm-", 2001, Some("https://crm.example.com/contact/"));
    ledger.set_managers(&json!([
        { "id": "m-1", "name": "Vera Example", "login": "vera@example.com", "active": true },
        { "id": "m-2", "name": "Oleg Example", "email": "oleg@example.com", "active": false },
    ]));
    let line = json!({ "title": "Balance", "text": "1250", "url": "https://crm.example.com/b" });
    let client = json!({
        "identifiers": ["phone:+15550100", "phone:+15550101", "external:session:s-1"],
        "fields": { "manager": "m-1", "tier": "gold" },
        "lines": [line],
    });
    let id = ledger.add_contact(&client);
    ledger.add_contact(&json!({ "fields": { "manager": "m-2" } }));
    ledger.add_deal(&json!({ "card": id, "manager": "m-2", "fields": { "title": "Ten chairs" } }));

    let session = ExternalId { system: "session".to_owned(), id: "s-1".to_owned() };
    let url = Identifier::Card("https://crm.example.com/contact/crm-2001".to_owned());
    for asked in [Identifier::External(session), url] {
        let [card] = stage.adapter.lookup_client(&[asked]).await.unwrap().try_into().unwrap();
        assert_eq!(card.id, "crm-2001");
        assert_eq!(card.url.unwrap(), "https://crm.example.com/contact/crm-2001");
        assert_eq!(card.manager.unwrap().email.unwrap(), "vera@example.com");
        assert_eq!(card.lines[0].text, "1250");
        assert!(card.fields.contains(&text("tier", "gold")));
        let phones = vec!["+15550100".to_owned(), "+15550101".to_owned()];
        assert!(card.fields.contains(&Field { key: "phone".into(), value: Value::Texts(phones) }));
    }
    let open = stage.adapter.open_deals(&id).await.unwrap();
    assert!(!open[0].manager.as_ref().unwrap().active);
    ledger.set_page(1);
    let (first, next) = stage.adapter.list_assignments(None).await.unwrap();
    let (second, end) = stage.adapter.list_assignments(next.as_deref()).await.unwrap();
    assert_eq!((first[0].cards[0].as_str(), second[0].cards[0].as_str()), ("crm-2001", "crm-2002"));
    assert_eq!(end, None);
}

#[tokio::test]
async fn a_ledger_that_requires_a_field_says_so_and_refuses_a_record_without_it() {
    let asks = |account: &mut Account, _: &mut config::Egress| {
        drop(account.settings.insert("asks-for-fields".to_owned(), "true".to_owned()));
    };
    let stage = Stage::with(asks).await;
    stage.ledger.set_contact_fields(&json!([
        { "key": "phone", "type": "phone", "repeated": false },
        { "key": "branch", "type": "choice", "required": true, "choices": [["1", "North"]] },
    ]));
    let fields = stage.adapter.describe_fields().await.unwrap();
    assert_eq!((fields[1].required, fields[1].choices[0].1.as_str()), (true, "North"));
    assert_eq!(case(stage.create("k1").await), "invalid");
    let wanted = [text("branch", "1"), text("phone", "+15550100")];
    let native = stage.adapter.map_fields(&[], &wanted).await.unwrap();
    let card = stage.adapter.upsert_contact(None, &native, "k2").await.unwrap().id;
    let native = stage.adapter.map_fields(&[], &[text("phone", "+15550102")]).await.unwrap();
    stage.adapter.upsert_contact(Some(&card), &native, "k3").await.unwrap();
    assert_eq!(stage.ledger.contact(&card)["identifiers"], json!(["phone:+15550102"]));
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_found_again_by_its_key() {
    let stage = Stage::new().await;
    let card = stage.create("k1").await.unwrap().id;
    for endpoint in [Endpoint::CreateDeal, Endpoint::CreateTask, Endpoint::CreateNote] {
        stage.ledger.fault_on(endpoint, 1, Fault::CutAfter);
    }
    assert_eq!(case(stage.deal(&card, "k2").await), "unknown-outcome");
    assert_eq!(case(stage.task(&card, "k3").await), "unknown-outcome");
    assert_eq!(case(stage.note(&card, "k4").await), "unknown-outcome");
    assert_eq!(stage.deal(&card, "k2").await.unwrap(), "d1");
    assert_eq!(stage.task(&card, "k3").await.unwrap(), "t1");
    assert_eq!(stage.note(&card, "k4").await.unwrap(), "n1");
    assert_eq!(stage.ledger.writes().len(), 4);
    assert_eq!(stage.ledger.duplicates(), Vec::<String>::new());
}

#[tokio::test]
async fn a_contact_whose_answer_was_lost_is_found_by_looking_up_and_made_twice_without() {
    let stage = Stage::new().await;
    stage.ledger.fault_at(1, Fault::CutAfter);
    assert_eq!(case(stage.create("k1").await), "unknown-outcome");
    assert_eq!(stage.lookup().await.unwrap().len(), 1);
    assert_eq!(stage.create("k1").await.unwrap().id, "c2");
    let duplicates = stage.ledger.duplicates();
    assert_eq!(duplicates.len(), 3, "{duplicates:?}");
    assert!(duplicates.iter().any(|text| text == "key `k1` made c1, c2"), "{duplicates:?}");
    stage.ledger.honour_keys(true);
    assert_eq!(stage.create("k1").await.unwrap().id, "c1");
    stage.ledger.refuse_known_clients(true);
    assert_eq!(case(stage.create("k2").await), r#"conflict Some("c1")"#);
}

#[tokio::test]
async fn every_refusal_of_the_ledger_has_its_error() {
    let stage = Stage::new().await;
    let busy = Fault::TooManyRequests { retry_after_s: 7 };
    for (fault, read, write) in [
        (Fault::Status(401), "unauthorized", "unauthorized"),
        (Fault::Status(422), "invalid", "invalid"),
        (busy, "rate-limited Some(7000)", "rate-limited Some(7000)"),
        (Fault::Status(503), "unavailable", "unavailable"),
        (Fault::Status(500), "unavailable", "unknown-outcome"),
        (Fault::CutBefore, "unavailable", "unknown-outcome"),
    ] {
        stage.ledger.set_fault(Some(fault));
        assert_eq!(case(stage.lookup().await), read, "{fault:?}");
        assert_eq!(case(stage.create("k1").await), write, "{fault:?}");
    }
    assert_eq!(stage.ledger.writes(), []);
    stage.ledger.set_fault(None);
    assert_eq!(case(stage.task("c404", "k1").await), "not-found");
    let card = stage.create("k1").await.unwrap().id;
    let untitled = Task { title: String::new(), ..task(&card) };
    assert_eq!(case(stage.adapter.create_task(&untitled, "k2").await), "invalid");
}

#[tokio::test]
async fn a_ledger_that_hangs_leaves_a_write_open_and_a_read_undone() {
    let stage = Stage::impatient().await;
    stage.ledger.set_fault(Some(Fault::Hang));
    let (read, write) = tokio::join!(stage.lookup(), stage.create("k1"));
    assert_eq!((case(read).as_str(), case(write).as_str()), ("unavailable", "unknown-outcome"));
    assert_eq!(stage.ledger.writes(), []);
}

#[tokio::test]
async fn a_ledger_that_is_down_was_not_written_to() {
    let Stage { adapter, ledger, _folder } = Stage::new().await;
    drop(ledger);
    assert_eq!(case(adapter.lookup_client(&client()).await), "unavailable");
    let native = adapter.map_fields(&client(), &[]).await.unwrap();
    assert_eq!(case(adapter.upsert_contact(None, &native, "k1").await), "unavailable");
}

#[tokio::test]
async fn a_wrong_key_is_told_and_nothing_is_written() {
    let wrong = Secret::new("another-key-of-the-ledger".to_owned());
    let stage =
        Stage::with(|account, _| drop(account.secrets.insert("key".to_owned(), wrong))).await;
    assert_eq!(case(stage.create("k1").await), "unauthorized");
    assert_eq!((stage.ledger.calls(), stage.ledger.writes().len()), (1, 0));
}

#[tokio::test]
async fn a_test_can_wait_for_a_call_before_and_after_its_effect() {
    let stage = Stage::impatient().await;
    stage.ledger.fault_at(1, Fault::HangAfter);
    let (created, ()) = tokio::join!(stage.create("k1"), async {
        stage.ledger.arrived(1).await;
        stage.ledger.done(1).await;
        assert_eq!(stage.ledger.count(Kind::Contact), 1, "done, and still not answered");
    });
    assert_eq!(case(created), "unknown-outcome");
}

#[tokio::test]
async fn calls_for_one_client_at_the_same_time_are_counted() {
    let stage = Stage::new().await;
    stage.ledger.set_latency(Duration::from_millis(50));
    let busiest = || stage.ledger.busiest()["phone:15550100"];
    stage.lookup().await.unwrap();
    stage.create("k1").await.unwrap();
    assert_eq!(busiest(), 1);
    let (one, other) = tokio::join!(stage.lookup(), stage.adapter.open_deals("c1"));
    one.unwrap();
    other.unwrap();
    assert_eq!(busiest(), 2);
}

#[tokio::test]
async fn a_client_of_the_ledger_keeps_to_the_rate_of_its_account() {
    let rate = Some(Rate { per_second: 0.04, burst: 2 });
    let stage = Stage::with(|account, _| account.rate = rate).await;
    stage.lookup().await.unwrap();
    stage.lookup().await.unwrap();
    let AdapterError::RateLimited(Some(wait_ms)) = said(stage.lookup().await) else {
        panic!("the third request has to wait too long")
    };
    assert!((20_000..=25_000).contains(&wait_ms), "{wait_ms}");
    assert_eq!(stage.ledger.calls(), 2);
}

#[tokio::test]
async fn a_host_that_lost_the_ledgers_answer_looks_the_client_up() {
    let ledger = Ledger::open().await;
    let host = TestHost::start().await;
    let url = host.jivo_to_ledger(&ledger).await;
    ledger.fault_on(Endpoint::CreateContact, 1, Fault::CutAfter);
    host.hook(&url, jivo("chat_accepted.unknown_with_phone.json")).await;
    host.idle().await;
    let (lookup, create) = (Endpoint::Lookup, Endpoint::CreateContact);
    let mut trace = ledger.trace();
    trace.retain(|endpoint| *endpoint != Endpoint::Managers);
    assert_eq!(trace.get(..3), Some(&[lookup, create, lookup][..]));
    assert_eq!((ledger.calls_of(create), ledger.count(Kind::Contact)), (1, 1));
    let found = host.cards("ledger", "phone=%2B79000000002").await;
    assert_eq!(found.len(), 1, "{found:?}");
    host.stop().await;
}

#[tokio::test]
async fn the_ledger_runs_in_a_process_of_its_own() {
    let mut command = tokio::process::Command::new(program().with_file_name("ledger"));
    command.args(["--latency-ms", "1"]).stdout(std::process::Stdio::piped()).kill_on_drop(true);
    let mut ledger = command.spawn().unwrap();
    let mut lines = BufReader::new(ledger.stdout.take().unwrap()).lines();
    let url = lines.next_line().await.unwrap().unwrap();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), KEY);
    let request = hyper::Request::get(format!("{url}/figures"));
    let request = request.body(http_body_util::Full::default()).unwrap();
    let figures = crate::harness::Web::new().send(request).await.json();
    assert_eq!((&figures["calls"], &figures["duplicates"]), (&0.into(), &0.into()));
    ledger.kill().await.unwrap();
}
