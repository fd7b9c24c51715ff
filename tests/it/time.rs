//! Time travel: every timer of the host, at its edge, on a clock that moves only when it is told to.

#![expect(clippy::unchecked_time_subtraction, reason = "a test fails by panicking")]

use std::{
    future::Future,
    sync::{Arc, mpsc},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use patchbay::{
    account::Rate,
    clock::Clock,
    config::Config,
    host::Host,
    id::EventId,
    storage::{EventDetail, JobState, JobView},
};
use patchbay_ledger::Ledger;
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{self, Instant},
};

use crate::harness::{Answer, TestHost, Web, jivo};

mod crm;
mod door;
mod facts;
mod places;
mod upkeep;

const MS: Duration = Duration::from_millis(1);

/// The worker does not look for work more often than every 50 ms, unless it is told of some, and a
/// timer of tokio comes up to a millisecond late.
const LATE: Duration = Duration::from_millis(52);

/// Shows the paused time of the runtime as a time of the day.
#[derive(Debug)]
struct TravelClock {
    base: Timestamp,
    started: Instant,
}

impl Clock for TravelClock {
    fn now(&self) -> Timestamp {
        self.base.checked_add(self.started.elapsed()).unwrap()
    }
}

/// A host that lives in travelled time, joined to a ledger that does, too.
///
/// A paused runtime would run ahead to the next timer whenever it has nothing to do, and it has
/// nothing to do while the database writes. It does not as long as a blocking task runs.
struct Journey {
    host: TestHost,
    ledger: Ledger,
    url: String,
    clock: Arc<TravelClock>,
    _still: mpsc::Sender<()>,
}

impl Journey {
    async fn begin() -> Self {
        Self::with(|_| {}).await
    }

    /// Polling is slow and no account is held for failures, unless `tap` says otherwise.
    async fn with(tap: impl FnOnce(&mut Config)) -> Self {
        let (still, end) = mpsc::channel::<()>();
        drop(tokio::task::spawn_blocking(move || end.recv()));
        let base = Timestamp::from_second(1_700_000_000).unwrap();
        let clock = Arc::new(TravelClock { base, started: Instant::now() });
        let host = TestHost::on_clock(Arc::clone(&clock) as Arc<dyn Clock>, |config| {
            config.retry.base_ms = 1000.try_into().unwrap();
            config.retry.breaker_failures = 1000.try_into().unwrap();
            config.worker.poll_ms = 1000.try_into().unwrap();
            // The client's connection outlives the days that pass.
            config.access.idle_s = u32::MAX.try_into().unwrap();
            tap(config);
        })
        .await;
        let ledger = Ledger::open().await;
        let url = host.jivo_to_ledger(&ledger).await;
        Self { host, ledger, url, clock, _still: still }
    }

    fn host(&self) -> &Host {
        self.host.host()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// From now until then.
    fn until(&self, then: Timestamp) -> Duration {
        then.duration_since(self.now()).try_into().unwrap()
    }

    /// Lets time pass, to the next whole millisecond, and then all that is due by now come to rest.
    ///
    /// Timers of tokio end at whole milliseconds: between two of them even a wait for no time at
    /// all would stand still.
    async fn pass(&self, time: Duration) {
        let begin = self.clock.started.elapsed();
        let end = (begin + time).as_nanos().div_ceil(MS.as_nanos());
        time::advance(Duration::from_millis(u64::try_from(end).unwrap()) - begin).await;
        self.rest().await;
    }

    /// Goes many times through the queue of writes, the readers and the network, while time stands
    /// still: what was to happen now has happened.
    async fn rest(&self) {
        let account = "nobody".parse().unwrap();
        let rate = Rate { per_second: 1.0, burst: 1 };
        for _ in 0..10 {
            let turns = &self.host().state.stores.turns;
            turns.take(&account, rate, self.now()).await.unwrap();
            self.host.get("/dead-letters").await;
        }
    }

    /// Waits, without time passing, until it is so.
    async fn come(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        for _ in 0..2000 {
            if is_so().await {
                return;
            }
            self.host.get("/dead-letters").await;
        }
        let journal = self.host.get("/events").await;
        panic!("it does not come at {}: {what}: {journal:#}", self.now());
    }

    /// Sends a webhook, whose answer somebody may wait for.
    fn send(&self, body: Vec<u8>) -> JoinHandle<Answer> {
        let url = self.url.clone();
        on_its_own(async move {
            let request = hyper::Request::post(url).header("content-type", "application/json");
            Web::new().send(request.body(body.into()).unwrap()).await
        })
    }

    /// Sends a webhook, and waits for its answer without time passing.
    async fn hook(&self, body: Vec<u8>) -> Answer {
        let answer = self.send(body);
        self.come("the answer", async || answer.is_finished()).await;
        answer.await.unwrap()
    }

    /// Sends a chat and does not wait for its answer. The job it makes.
    async fn chat(&self, client: u32) -> EventId {
        let known = self.host.get("/events").await["items"].as_array().unwrap().len();
        drop(self.send(chat(client)));
        self.come("the webhook is kept", async || {
            known < self.host.get("/events").await["items"].as_array().unwrap().len()
        })
        .await;
        let newest = self.host.get("/events?limit=1").await;
        EventId(
            newest["items"][0]["events"][0]["id"].to_string().trim_matches('"').parse().unwrap(),
        )
    }

    async fn event(&self, event: EventId) -> Option<EventDetail> {
        self.host().state.stores.journal.event(event).await.unwrap()
    }

    async fn job(&self, event: EventId) -> JobView {
        self.host().state.stores.journal.jobs_of(event).await.unwrap().remove(0)
    }

    async fn outcomes(&self, event: EventId) -> Vec<String> {
        let attempts = self.event(event).await.unwrap().attempts;
        attempts.into_iter().map(|attempt| attempt.outcome).collect()
    }

    /// Waits, without time passing, for the end of so many attempts of the event's job.
    async fn attempted(&self, event: EventId, attempts: usize) -> JobView {
        self.come("the attempt ends", async || {
            self.outcomes(event).await.len() == attempts
                && self.job(event).await.state != JobState::Leased
        })
        .await;
        self.job(event).await
    }

    /// Waits, without time passing, until no job runs.
    async fn idle(&self) {
        self.come("every attempt ends", async || {
            let journal = self.host.get("/events").await;
            let items = journal["items"].as_array().unwrap();
            let events = items.iter().flat_map(|item| item["events"].as_array().unwrap());
            let mut jobs = events.flat_map(|event| event["jobs"].as_array().unwrap());
            !jobs.any(|job| job["state"] == "leased")
        })
        .await;
    }

    /// Waits, without time passing, until the ledger was called so often, and not more.
    async fn called(&self, calls: u64) {
        self.come("the ledger is called", async || calls <= self.ledger.calls()).await;
        self.rest().await;
        assert_eq!(self.ledger.calls(), calls);
    }

    async fn metric(&self, name: &str) -> u64 {
        let request = hyper::Request::get(format!("{}/metrics", self.host.url()));
        let answer = self.host.send(request.body(http_body_util::Full::default()).unwrap()).await;
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("no `{name}` in {text}"))
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    }

    async fn end(self) {
        let Self { host, _still: still, .. } = self;
        // The rest of the way needs its timers.
        drop(still);
        host.stop().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a sender is no work of the host")]
fn on_its_own<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}

/// A chat of one client, new in its chat and in its contacts.
fn chat(client: u32) -> Vec<u8> {
    let mut chat: Value =
        serde_json::from_slice(&jivo("chat_accepted.unknown_with_phone.json")).unwrap();
    chat["chat_id"] = json!(client);
    chat["visitor"]["number"] = json!(client.to_string());
    chat["visitor"]["phone"] = json!(format!("+7900{client:07}"));
    chat.to_string().into_bytes()
}
