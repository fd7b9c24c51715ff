//! Every attack on a host in a process of its own, beside a neighbour whose latency is measured, and
//! a look at what is left. `cargo xtask hostile` makes ten thousand.
#![expect(clippy::print_stdout, reason = "a measurement that nobody sees was none")]

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    attacks::{self, Attack, Way},
    figures::{Held, Latency, causes, gauge},
};
use crate::{
    enquiries::accepted,
    harness::{Web, eventually},
    program::{Program, Site},
};

const SECRET: &str = "s3cr3t-of-the-hostile-account";
/// Between two webhooks of the neighbour.
const PACE: Duration = Duration::from_millis(50);
/// The neighbour's webhooks before the attacks, and again after them: enough for a p99 where the
/// attacks are thousands.
const ALONE: u64 = 40;
const ALONE_AMONG_THOUSANDS: u64 = 1000;
/// Memory that a host may hold more after the attacks than after the first of each: pages of the
/// database, of the pool and of the allocator, whatever the number of attacks.
const SLACK_KIB: u64 = 96 << 10;
/// A slot of the pool keeps the image of the last plugin that was in it, which is a file.
const FILES_SLACK: usize = 64;
/// Threads of the runtime for what blocks, which end when they have had nothing to do for a while.
const THREADS_SLACK: usize = 16;

const LIMITS: &str = "
[limits]
pure_cpu_ms = 50
cpu_ms = 50
memory_bytes = 33554432
handles = 200
kv_account_bytes = 4194304
calls = 16
calls_per_plugin = 12
calls_per_account = 8
breaker_traps = 4000000000
compile_ms = 20000
[versions]
watch_s = 0
";

/// A number that `cargo xtask hostile` sets, or the one for every day.
fn repetitions() -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "how long to go on is told by whoever runs it")]
    let given = std::env::var("PATCHBAY_HOSTILE");
    given.ok().map(|text| text.parse().unwrap())
}

struct Scene {
    program: Program,
    hostile_url: String,
    neighbour_url: String,
    chats: Arc<AtomicU64>,
    /// What went wrong. Told at the end, with the whole table before it.
    faults: Mutex<Vec<String>>,
}

impl Scene {
    async fn open(site: &mut Site) -> Self {
        let program = site.serve(&[]).await;
        let put = async |path: &str, body: serde_json::Value| {
            let answer = program.api(Method::PUT, path, body.to_string()).await;
            assert!(answer.status.is_success(), "{path}: {answer:?}");
            answer.json()
        };
        put("/accounts/notebook", json!({ "plugin": "crm-notebook" })).await;
        let url = |account: serde_json::Value| account["webhook_url"].as_str().unwrap().to_owned();
        let neighbour = put("/accounts/jivo", json!({ "plugin": "channel-jivo" })).await;
        put("/integrations/one", json!({ "channel": "jivo", "crm": "notebook" })).await;
        let hostile = json!({
            "plugin": "guest-hostile",
            "settings": { "shown": "plain" },
            "secrets": { "hidden": SECRET },
            "grants": [{ "allow": "https://allowed.example" }],
        });
        let hostile = put("/accounts/hostile", hostile).await;
        // Its port is known only now.
        let at = |url: String| format!("{}/hooks/{}", program.url, url.rsplit('/').next().unwrap());
        let (hostile_url, neighbour_url) = (at(url(hostile)), at(url(neighbour)));
        Self {
            program,
            hostile_url,
            neighbour_url,
            chats: Arc::default(),
            faults: Mutex::default(),
        }
    }

    /// One attack. The host must answer, and say that it is up.
    async fn attack(&self, attack: &Attack, number: u64) {
        let Attack { name, target, .. } = attack;
        let answer = match &attack.way {
            Way::Webhook => {
                let url = format!("{}/{name}?{target}", self.hostile_url);
                self.program.hook(&url, json!({ "number": number }).to_string()).await
            }
            Way::Cards => {
                let path = format!("/accounts/hostile/cards?card={name}&email={target}");
                self.program.api(Method::GET, &path, "").await
            }
            Way::Upload(bytes) => self.program.api(Method::POST, "/plugins", bytes.clone()).await,
        };
        let is_right = match &attack.way {
            Way::Webhook => matches!(answer.status, StatusCode::OK | StatusCode::ACCEPTED),
            Way::Cards => matches!(answer.status, StatusCode::OK | StatusCode::BAD_GATEWAY),
            Way::Upload(_) => answer.status == StatusCode::UNPROCESSABLE_ENTITY,
        };
        self.check(is_right, || format!("{name}: {answer:?}"));
        let body = String::from_utf8_lossy(&answer.body);
        self.check(!body.contains(SECRET), || format!("{name} carries the secret out: {body}"));
    }

    fn check(&self, is_right: bool, fault: impl FnOnce() -> String) {
        if !is_right {
            self.faults.lock().unwrap().push(fault());
        }
    }

    async fn metrics(&self) -> String {
        let page = Request::get(format!("{}/metrics", self.program.url));
        let answer = Web::new().send(page.body(Full::new(Bytes::new())).unwrap()).await;
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    /// A neighbour's webhook whose answer holds what the CRM knows, again and again until `enough`.
    fn neighbour(&self, enough: CancellationToken, most: u64) -> JoinSet<Vec<Duration>> {
        let (url, chats) = (self.neighbour_url.clone(), Arc::clone(&self.chats));
        let mut running = JoinSet::new();
        running.spawn(async move {
            let web = Web::new();
            let (mut pace, mut took) = (interval(PACE), Vec::new());
            while !enough.is_cancelled() && u64::try_from(took.len()).unwrap() < most {
                pace.tick().await;
                let chat = chats.fetch_add(1, Ordering::Relaxed);
                let sent = Instant::now();
                let answer = web.hook(&url, accepted(chat, 1).to_string()).await;
                took.push(sent.elapsed());
                assert_eq!(answer.status, StatusCode::OK, "the neighbour: {answer:?}");
                let reply = answer.json();
                assert!(reply["contact_info"]["phone"].is_string(), "the neighbour: {reply}");
            }
            took
        });
        running
    }

    async fn alone(&self) -> Latency {
        let count = repetitions().map_or(ALONE, |_many| ALONE_AMONG_THOUSANDS);
        let mut neighbour = self.neighbour(CancellationToken::new(), count);
        Latency::of(neighbour.join_next().await.unwrap().unwrap())
    }

    /// So many attacks of one kind beside the neighbour. One line of the table.
    async fn batch(&self, attack: &Attack, times: u64) -> Vec<Duration> {
        let before = causes(&self.metrics().await);
        let enough = CancellationToken::new();
        let mut neighbour = self.neighbour(enough.clone(), u64::MAX);
        let started = Instant::now();
        for number in 0..times {
            self.attack(attack, number).await;
        }
        let each = started.elapsed() / u32::try_from(times).unwrap();
        enough.cancel();
        let took = neighbour.join_next().await.unwrap().unwrap();
        let told = self.told(attack, times, &before).await;
        let way = match attack.way {
            Way::Webhook => "webhook",
            Way::Cards => "cards",
            Way::Upload(_) => "upload",
        };
        println!(
            "| {} {} | {way} | {times} | {:.1} | {told} | {} |",
            attack.name,
            attack.target,
            each.as_secs_f64() * 1000.0,
            Latency::of(took.clone())
        );
        took
    }

    /// The causes that the metrics have counted up, which are those of the attack.
    async fn told(
        &self,
        attack: &Attack,
        times: u64,
        before: &std::collections::BTreeMap<String, u64>,
    ) -> String {
        let after = causes(&self.metrics().await);
        let more = |cause: &&str| {
            after.get(*cause).copied().unwrap_or(0) - before.get(*cause).copied().unwrap_or(0)
        };
        let named: u64 = attack.causes.iter().map(&more).sum();
        self.check(times <= named, || {
            let more: Vec<_> = after.keys().filter(|cause| 0 < more(&cause.as_str())).collect();
            format!("{}: {named} of {times} named, beside {more:?}", attack.name)
        });
        let found = attack.causes.iter().filter(|cause| 0 < more(cause));
        found.map(|cause| format!("{cause} {}", more(cause))).collect::<Vec<_>>().join(", ")
    }

    /// Nothing is in work, and the pool is empty.
    async fn is_idle(&self) {
        eventually("every slot of the pool is free", async || {
            let page = self.metrics().await;
            ["calls_in_flight", "pool_instances", "pool_memories", "pool_stacks"]
                .iter()
                .all(|name| gauge(&page, &format!("patchbay_{name}")) == Some(0))
        })
        .await;
    }

    /// When threads that have nothing to do have ended, and connections are as they were.
    async fn held(&self, no_more_than: Option<Held>) -> Held {
        let pid = self.program.pid();
        let Some(most) = no_more_than else {
            sleep(Duration::from_secs(1)).await;
            return Held::by(pid);
        };
        let is_settled = |held: Held| {
            held.files <= most.files + FILES_SLACK && held.threads <= most.threads + THREADS_SLACK
        };
        let until = Instant::now() + Duration::from_secs(30);
        while !is_settled(Held::by(pid)) && Instant::now() < until {
            sleep(Duration::from_millis(100)).await;
        }
        let held = Held::by(pid);
        self.check(is_settled(held), || format!("files or threads are left: {held}"));
        held
    }
}

/// No file below, and no line of the log, holds the secret.
fn is_nowhere(site: &Site) {
    let mut open = vec![site.path("data")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                assert!(!holds(&path), "{} holds the secret", path.display());
            }
        }
    }
    assert!(!site.log().contains(SECRET), "the log holds the secret");
}

fn holds(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap();
    bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_attacks_leave_nothing_and_the_neighbour_is_served() {
    let all = attacks::all();
    let kinds = u64::try_from(all.len()).unwrap();
    let each = repetitions().map_or(2, |count| count.div_ceil(kinds).max(2));
    let plugins = ["channel_jivo", "crm_notebook", "guest_hostile"];
    let mut site = Site::new(&plugins, LIMITS);
    let scene = Scene::open(&mut site).await;
    let alone = scene.alone().await;
    // What is made once, as connections and warm memories, is there before it is looked at.
    for attack in &all {
        scene.attack(attack, u64::MAX).await;
    }
    scene.is_idle().await;
    let before = scene.held(None).await;

    println!("| attack | way | times | ms each | in the metrics | neighbour p50 / p99, ms |");
    println!("|---|---|---|---|---|---|");
    let (mut beside, mut made) = (Vec::new(), 0);
    for attack in &all {
        let times = if attack.is_slow { each.div_ceil(10) } else { each };
        beside.extend(scene.batch(attack, times).await);
        made += times;
    }

    scene.is_idle().await;
    let after = scene.held(Some(before)).await;
    let (beside, again) = (Latency::of(beside), scene.alone().await);
    println!();
    println!("{made} attacks of {kinds} kinds");
    println!("before: {before}");
    println!("after:  {after}");
    println!(
        "neighbour alone before {alone}, beside {beside} ({} webhooks), alone after {again}",
        beside.count
    );
    let faults = scene.faults.lock().unwrap().clone();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(after.resident_kib <= before.resident_kib + SLACK_KIB, "memory: {before} {after}");
    // Whoever waits for an attack waits for seconds; a busy machine costs less.
    assert!(beside.p50 < alone.p50.max(again.p50) * 3 + Duration::from_millis(500), "{beside}");
    assert_eq!(scene.program.terminate().await, Some(0));
    is_nowhere(&site);
}
