//! What the journal holds at the end, read over the API.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{task::JoinSet, time::sleep};

use crate::{site::Site, web::Web};

/// Events read at the same time.
const READERS: usize = 8;

/// How often a host is asked that does not answer.
const TRIES: u32 = 10;

/// One event as it was accepted, and what was done for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) event: i64,
    /// The number of the webhook, as its body tells.
    pub(crate) number: u64,
    /// Webhooks that repeated it.
    pub(crate) repeats: u64,
    pub(crate) jobs: Vec<Job>,
    /// The outcomes of its attempts.
    pub(crate) outcomes: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) state: String,
    pub(crate) attempts: u64,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) is_done: bool,
}

/// Jobs that are not at their end, as all hosts together count them: some do it late.
pub(crate) async fn pending(site: &Site) -> u64 {
    let mut pending = 0;
    for seat in site.up() {
        let text = site.web.text(&format!("{}/metrics", seat.url), "").await.unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("patchbay_jobs_pending "));
        pending += line.and_then(|count| count.parse::<u64>().ok()).unwrap_or(1);
    }
    pending
}

impl Entry {
    /// Its place among the events of its lane. Of webhooks that come to two hosts at the same time
    /// the ids of the events may cross; those of the jobs are given under the lane's lock.
    pub(crate) fn place(&self) -> (i64, i64) {
        (self.jobs.iter().map(|job| job.id).min().unwrap_or(i64::MAX), self.event)
    }
}

/// Every event, in the order in which they were accepted.
pub(crate) async fn read(site: &Arc<Site>) -> Vec<Entry> {
    let listed = list(site).await;
    let mut found: Vec<(i64, u64)> = Vec::new();
    for (event, is_repeat) in listed {
        match found.last_mut() {
            Some((last, repeats)) if *last == event => *repeats += u64::from(is_repeat),
            _ => found.push((event, u64::from(is_repeat))),
        }
    }
    let found = Arc::new(found);
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (site, found) = (Arc::clone(site), Arc::clone(&found));
        readers.spawn(async move {
            let mut entries = Vec::new();
            for (event, repeats) in found.iter().skip(reader).step_by(READERS) {
                let seat = &site.seats[reader % site.seats.len()];
                let detail = get(&site, &seat.url, &format!("/events/{event}")).await;
                entries.push(entry(&detail, *repeats));
            }
            entries
        });
    }
    let mut entries: Vec<Entry> = readers.join_all().await.into_iter().flatten().collect();
    entries.sort_by_key(Entry::place);
    entries
}

/// The events of all webhooks by their ids, and whether the webhook repeated it.
async fn list(site: &Site) -> Vec<(i64, bool)> {
    let mut listed = Vec::new();
    let mut before = String::new();
    loop {
        let page = get(site, &site.seats[0].url, &format!("/events?limit=500{before}")).await;
        for webhook in page["items"].as_array().into_iter().flatten() {
            for event in webhook["events"].as_array().into_iter().flatten() {
                let is_repeat = event["duplicate"].as_bool().unwrap_or_default();
                listed.push((event["id"].as_i64().unwrap_or_default(), is_repeat));
            }
        }
        let Some(next) = page["next"].as_i64() else { break };
        before = format!("&before={next}");
    }
    listed.sort_unstable();
    listed
}

async fn get(site: &Site, url: &str, path: &str) -> Value {
    let url = format!("{url}/api/v1{path}");
    let web: &Web = &site.web;
    for _ in 0..TRIES {
        if let Some(body) = web.json(&url, &site.token).await {
            return body;
        }
        sleep(Duration::from_secs(1)).await;
    }
    panic!("no answer from {url}")
}

fn entry(detail: &Value, repeats: u64) -> Entry {
    let outcomes = detail["attempts"].as_array().into_iter().flatten();
    Entry {
        event: detail["id"].as_i64().unwrap_or_default(),
        number: detail["request"]["body"]["soak"].as_u64().unwrap_or_default(),
        repeats,
        jobs: detail["jobs"].as_array().into_iter().flatten().map(job).collect(),
        outcomes: outcomes.map(|attempt| text(&attempt["outcome"])).collect(),
    }
}

fn job(job: &Value) -> Job {
    let step = |step: &Value| Step {
        name: text(&step["name"]),
        key: text(&step["idempotency_key"]),
        is_done: step["state"] == "done",
    };
    Job {
        id: job["id"].as_i64().unwrap_or_default(),
        state: text(&job["state"]),
        attempts: job["attempts"].as_u64().unwrap_or_default(),
        steps: job["steps"].as_array().into_iter().flatten().map(step).collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
