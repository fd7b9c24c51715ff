//! What only this backend has to show: several hosts on one database.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use patchbay_test_postgres::{Database, connect, database};
use tokio::{task::JoinSet, time::timeout};

use super::{super::suite, *};
use crate::{
    account::Rate,
    id::EventId,
    outcome::Next,
    storage::{
        LeasedJob, NewReading, News, PageQuery,
        suite::{
            FIRST, SECOND, accept, accept_of, accept_one, at, keys, lease, new_event, only_job,
            options, register, settle, webhook,
        },
    },
};

mod migration;

/// Two hosts on a fresh database.
struct Pair {
    one: Arc<Postgres>,
    two: Arc<Postgres>,
    database: Database,
}

impl Pair {
    async fn new() -> Self {
        let database = database().await;
        let one = Postgres::open(&database.url, &options(), &keys()).await.unwrap();
        let two = Postgres::open(&database.url, &options(), &keys()).await.unwrap();
        register(&one.stores()).await;
        Self { one, two, database }
    }

    fn stores(&self) -> [Stores; 2] {
        [self.one.stores(), self.two.stores()]
    }

    async fn close(self) {
        self.one.close().await;
        self.two.close().await;
    }
}

/// Until this news comes, others passed over.
async fn hears(stores: &Stores, expected: News) {
    let heard = async { while stores.peers.news().await != expected {} };
    timeout(Duration::from_secs(1), heard).await.expect("news come within a second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_reach_the_other_host_within_a_second() {
    let pair = Pair::new().await;
    let [one, two] = pair.stores();
    hears(&two, News::Gap).await;
    let event = accept_one(&one, 0, "k", "chat-1").await;
    hears(&two, News::Work).await;
    let job = suite::lease_one(&one, 0).await;
    settle(&one, &job, Next::Done, 0).await;
    hears(&two, News::Settled(event)).await;
    one.registry.put_integration(suite::integration(FIRST, "notebook")).await.unwrap();
    hears(&two, News::Changed).await;
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_does_not_hear_itself() {
    let pair = Pair::new().await;
    let [one, two] = pair.stores();
    hears(&one, News::Gap).await;
    accept_one(&one, 0, "k", "chat-1").await;
    hears(&two, News::Work).await;
    two.registry.put_integration(suite::integration(FIRST, "notebook")).await.unwrap();
    // Notes arrive in one order: its own would have come before.
    loop {
        match one.peers.news().await {
            News::Changed => break,
            News::Gap => {}
            other => panic!("{other:?}"),
        }
    }
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_heal() {
    let pair = Pair::new().await;
    let [one, two] = pair.stores();
    hears(&one, News::Gap).await;
    hears(&two, News::Gap).await;
    accept_one(&one, 0, "k1", "chat-1").await;
    let broken = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    connect(&pair.database.url).await.query(broken, &[]).await.unwrap();
    let heals = async {
        let again = || NewReading::Events(vec![new_event("k2", "chat-2", &[FIRST])]);
        while one.journal.accept(webhook(1, again())).await.is_err() {}
        while two.journal.depth().await.is_err() {}
        while one.peers.news().await != News::Gap {}
        while two.peers.news().await != News::Gap {}
    };
    timeout(Duration::from_secs(5), heals).await.expect("connections are made anew");
    assert_eq!(lease(&two, 10, 1).await.len(), 2);
    two.registry.put_integration(suite::integration(FIRST, "notebook")).await.unwrap();
    hears(&one, News::Changed).await;
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hosts_that_accept_one_key_one_has_the_original() {
    let pair = Pair::new().await;
    let mut hosts = JoinSet::new();
    for stores in pair.stores() {
        hosts.spawn(async move {
            let mut told = Vec::new();
            for key in 0..100 {
                let events = vec![new_event(&format!("k{key}"), "chat-1", &[FIRST])];
                let accepted = accept(&stores, webhook(key, NewReading::Events(events))).await;
                told.push(accepted.events[0]);
            }
            told
        });
    }
    let told = hosts.join_all().await;
    for (one, two) in told[0].iter().zip(&told[1]) {
        assert_eq!(one.id, two.id);
        assert_ne!(one.is_duplicate, two.is_duplicate);
    }
    let depth = pair.one.stores().journal.depth().await.unwrap();
    assert_eq!(depth.pending_jobs, 100);
    pair.close().await;
}

/// What the workers of all hosts see together.
#[derive(Default)]
struct Witness {
    running: Mutex<HashSet<(String, i64)>>,
    ran: Mutex<HashMap<(String, String), Vec<EventId>>>,
}

impl Witness {
    /// No two jobs of one CRM account with a key in common are here at the same time.
    async fn run(&self, job: &LeasedJob, keys: &[i64]) {
        let keys = || keys.iter().map(|key| (job.integration.to_string(), *key));
        for key in keys() {
            let is_free = lock(&self.running).insert(key.clone());
            assert!(is_free, "{key:?} is worked on twice");
        }
        tokio::task::yield_now().await;
        for key in keys() {
            lock(&self.running).remove(&key);
        }
        let lane = (job.integration.to_string(), job.event.conversation.clone());
        lock(&self.ran).entry(lane).or_default().push(job.event_id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Neighbours share a client, and so do all lanes with the same rest.
fn keys_of(lane: i64) -> [i64; 3] {
    [lane % 5, 100 + lane, 101 + lane]
}

const LANES: i64 = 30;
const JOBS: i64 = 6;

/// Works until everything is done. Now and then an attempt fails, and the job comes again.
async fn work(stores: Stores, witness: Arc<Witness>) {
    let mut number = 0_u32;
    while stores.journal.depth().await.unwrap().pending_jobs > 0 {
        for job in lease(&stores, 4, 1000).await {
            let lane: i64 = job.event.conversation.strip_prefix("chat-").unwrap().parse().unwrap();
            number += 1;
            if number.is_multiple_of(7) && job.attempt == 1 {
                settle(&stores, &job, Next::ReadyAt(at(999)), 1000).await;
                continue;
            }
            witness.run(&job, &keys_of(lane)).await;
            settle(&stores, &job, Next::Done, 1000).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_share_the_work_in_order_and_nothing_is_lost_or_twice() {
    let pair = Pair::new().await;
    let witness = Arc::new(Witness::default());
    let mut tasks = JoinSet::new();
    for (host, stores) in (0_i64..).zip(pair.stores()) {
        let accepting = stores.clone();
        tasks.spawn(async move {
            for job in 0..JOBS {
                for lane in (0..LANES).filter(|lane| lane % 2 == host) {
                    let name = format!("chat-{lane}");
                    let keys = keys_of(lane);
                    accept_of(&accepting, job, &name, &keys, &[FIRST, SECOND]).await;
                }
            }
        });
        for _ in 0..3 {
            tasks.spawn(work(stores.clone(), Arc::clone(&witness)));
        }
    }
    tasks.join_all().await;
    // Whoever found nothing to do may have gone before the last ones came.
    work(pair.one.stores(), Arc::clone(&witness)).await;
    let ran = std::mem::take(&mut *lock(&witness.ran));
    assert_eq!(i64::try_from(ran.len()).unwrap(), LANES * 2);
    for (lane, events) in ran {
        assert_eq!(i64::try_from(events.len()).unwrap(), JOBS, "{lane:?}");
        assert!(events.is_sorted(), "{lane:?} ran {events:?}");
    }
    assert_eq!(pair.two.stores().journal.reconcile(at(2000)).await.unwrap(), 0);
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_of_a_host_that_died_is_finished_by_another() {
    let pair = Pair::new().await;
    let [one, two] = pair.stores();
    accept_of(&one, 0, "chat-1", &[7], &[FIRST]).await;
    let event = accept_of(&two, 1, "chat-2", &[7], &[FIRST]).await;
    let lost = suite::lease_one(&one, 1).await;
    assert!(lease(&two, 10, 2).await.is_empty(), "its client is held for the other host, too");
    assert_eq!(two.journal.reap(at(62)).await.unwrap(), 1);
    let next = suite::lease_one(&two, 62).await;
    assert_eq!(next.event_id, event);
    let late = one.journal.settle(lost.lease, suite::settlement(Next::Done), at(63)).await;
    assert!(matches!(late, Err(Error::LeaseLost)));
    settle(&two, &next, Next::Done, 63).await;
    settle(&two, &suite::lease_one(&two, 63).await, Next::Done, 63).await;
    assert_eq!(only_job(&one, event).await.attempts, 1);
    assert_eq!(one.journal.depth().await.unwrap().pending_jobs, 0);
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_share_the_turns_of_an_account() {
    let pair = Pair::new().await;
    let rate = Rate { per_second: 10.0, burst: 3 };
    let account: crate::id::AccountId = "odoo".parse().unwrap();
    let mut takers = JoinSet::new();
    for stores in pair.stores() {
        let account = account.clone();
        takers.spawn(async move {
            let mut turns = Vec::new();
            for _ in 0..10 {
                turns.push(stores.turns.take(&account, rate, at(0)).await.unwrap());
            }
            turns
        });
    }
    let mut turns = takers.join_all().await.concat();
    turns.sort_unstable();
    let ms = |turn: jiff::Timestamp| turn.as_millisecond() - at(0).as_millisecond();
    let turns: Vec<i64> = turns.into_iter().map(ms).collect();
    let expected: Vec<i64> = [0, 0].into_iter().chain((0..18).map(|number| number * 100)).collect();
    assert_eq!(turns, expected);
    let peeked = pair.two.stores().turns.peek(&account, rate, at(0)).await.unwrap();
    assert_eq!(ms(peeked), 1800, "to look takes nothing");
    assert_eq!(ms(pair.one.stores().turns.take(&account, rate, at(0)).await.unwrap()), 1800);
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_draw_from_a_pool_as_fairly_as_one() {
    let pair = Pair::new().await;
    let [one, two] = pair.stores();
    suite::draws::draw_at_once(&[one.clone(), two.clone()]).await;
    // A job that another host attempts again.
    let drawn = suite::draws::draw(&one, "job-1").await;
    assert_eq!(suite::draws::draw(&two, "job-1").await, drawn);
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_and_stores_what_it_took() {
    let database = database().await;
    let small = config::Storage { queue_max: 2, batch_max: 1, ..options() };
    let postgres = Postgres::open(&database.url, &small, &keys()).await.unwrap();
    let stores = postgres.stores();
    register(&stores).await;
    // Nothing is stored while the table is locked.
    let mut locker = connect(&database.url).await;
    let transaction = locker.transaction().await.unwrap();
    transaction.batch_execute("LOCK TABLE request IN EXCLUSIVE MODE").await.unwrap();
    let mut callers = JoinSet::new();
    for number in 0..10 {
        let stores = stores.clone();
        callers.spawn(async move {
            stores.journal.accept(webhook(number, NewReading::Answered)).await.map(|_| ())
        });
    }
    for _ in 0..7 {
        let refused = callers.join_next().await.unwrap().unwrap();
        assert!(matches!(refused, Err(Error::Overloaded)), "one runs, two wait, seven are refused");
    }
    transaction.commit().await.unwrap();
    while let Some(accepted) = callers.join_next().await {
        accepted.unwrap().unwrap();
    }
    let query = PageQuery { before: None, limit: 100 };
    assert_eq!(stores.journal.webhooks(None, query).await.unwrap().items.len(), 3);
    postgres.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_cancels_nothing() {
    let database = database().await;
    let postgres = Postgres::open(&database.url, &options(), &keys()).await.unwrap();
    let stores = postgres.stores();
    register(&stores).await;
    {
        let call = stores.journal.accept(webhook(0, NewReading::Answered));
        tokio::select! {
            biased;
            _ = call => panic!("nothing is stored at once"),
            () = std::future::ready(()) => {}
        }
    }
    accept(&stores, webhook(1, NewReading::Answered)).await;
    let query = PageQuery { before: None, limit: 100 };
    assert_eq!(stores.journal.webhooks(None, query).await.unwrap().items.len(), 2);
    postgres.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bodies_of_a_day_go_with_their_partition() {
    let pair = Pair::new().await;
    let [one, two] = pair.stores();
    let day = 86_400;
    for (second, stores) in [(0, &one), (day, &one), (2 * day, &two)] {
        accept(stores, webhook(second, NewReading::Answered)).await;
    }
    let partitions = async || {
        let db = pair.one.connection().await.unwrap();
        partitions::all(&db).await.unwrap().len()
    };
    assert_eq!(partitions().await, 4, "three days, and the next one ahead");
    let keep = crate::storage::Keep {
        journal_since: at(2 * day),
        traces_since: at(0),
        bytes_max: None,
        rows_max: 100,
    };
    assert_eq!(two.journal.expire(keep).await.unwrap().requests, 2);
    assert_eq!(partitions().await, 2, "the day of the last one, and the next");
    accept(&one, webhook(1, NewReading::Answered)).await;
    assert_eq!(one.journal.webhooks(None, suite::all()).await.unwrap().items.len(), 2);
    pair.close().await;
}
