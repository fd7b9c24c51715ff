//! A shadow run: what another version of a plugin would have made of the events that were. Both
//! versions run their pure functions side by side; nothing is sent and nothing is kept.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Means, Sample, preview};
use crate::{
    account::Role,
    card::Problem,
    directory::Snapshot,
    event::{Event, EventOutcome, Received, Request, Response},
    id::{AccountId, EventId, IntegrationId},
    plugin::{Adapter, Error, Plugin},
    storage::{self, EventDetail, EventView, PageQuery, WebhookView},
};

/// Differences that are shown; beyond them they are counted.
const SHOWN_MAX: usize = 50;
/// Webhooks that are asked for at once.
const PAGE: u32 = 100;

/// What came of a shadow run.
#[derive(Debug, Default, Serialize)]
pub struct Shadow {
    /// Events, or webhooks of a channel, that both versions were given.
    pub events: u32,
    /// Those of which both made the same.
    pub same: u32,
    pub differ: u32,
    /// Those of which one version makes something else each time: nothing can be said of them.
    pub unsteady: u32,
    /// The first of the differences.
    pub differences: Vec<Contrast>,
    /// Accounts that the new version cannot work for as they are set.
    pub broken: Vec<(AccountId, Vec<Problem>)>,
}

/// One thing of which two versions make something else.
#[derive(Debug, Serialize)]
pub struct Contrast {
    pub account: AccountId,
    pub event: EventId,
    /// `receive`, `reply`, or `records` for what a CRM would be sent.
    pub function: &'static str,
    pub before: Value,
    pub after: Value,
}

/// The two versions of one account.
struct Pair {
    account: AccountId,
    before: Arc<Adapter>,
    after: Arc<Adapter>,
}

/// Replays the last `events` of each account through its version and through `next`.
pub async fn shadow(
    means: &Means,
    next: &Plugin,
    account: Option<&AccountId>,
    events: u32,
) -> storage::Result<Shadow> {
    let snapshot = means.directory.snapshot();
    let mut shadow = Shadow::default();
    for pair in pairs(means, &snapshot, next, account, &mut shadow) {
        if pair.before.has(Role::Channel) && next.has(Role::Channel) {
            for webhook in webhooks(means, &pair.account, events).await? {
                shadow.channel(means, &pair, &webhook).await?;
            }
        }
        if pair.before.has(Role::Contacts) && next.has(Role::Contacts) {
            shadow.crm(means, &snapshot, &pair, events).await?;
        }
    }
    Ok(shadow)
}

/// The accounts concerned, each with an adapter of both versions.
fn pairs(
    means: &Means,
    snapshot: &Snapshot,
    next: &Plugin,
    account: Option<&AccountId>,
    shadow: &mut Shadow,
) -> Vec<Pair> {
    let plugins = means.directory.plugins();
    let mut pairs = Vec::new();
    for entry in snapshot.accounts.values() {
        let account_of = &entry.account;
        let is_wanted = account.is_none_or(|id| account_of.id == *id);
        let Some(now) = snapshot.plugin_of(account_of) else { continue };
        if !is_wanted || account_of.plugin != next.record().manifest.name {
            continue;
        }
        // Of an account that does not work today there is nothing to compare with.
        let Ok(before) = plugins.bind_apart(now, Arc::clone(account_of)) else { continue };
        match plugins.bind_apart(next, Arc::clone(account_of)) {
            Ok(after) => pairs.push(Pair { account: account_of.id.clone(), before, after }),
            Err(problems) => shadow.broken.push((account_of.id.clone(), problems)),
        }
    }
    pairs
}

/// The last webhooks of a channel that told an event.
async fn webhooks(
    means: &Means,
    account: &AccountId,
    wanted: u32,
) -> storage::Result<Vec<WebhookView>> {
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let (mut found, mut before) = (Vec::new(), None);
    while found.len() < wanted {
        let query = PageQuery { before, limit: PAGE };
        let page = means.journal.webhooks(Some(account.clone()), query).await?;
        found.extend(page.items.into_iter().filter(|webhook| !webhook.events.is_empty()));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    found.truncate(wanted);
    Ok(found)
}

impl Shadow {
    /// `receive` on the webhook, and `reply` with what came of its events.
    async fn channel(
        &mut self,
        means: &Means,
        pair: &Pair,
        webhook: &WebhookView,
    ) -> storage::Result<()> {
        let Some(first) = webhook.events.first() else { return Ok(()) };
        let Some(detail) = means.journal.event(first.id).await? else { return Ok(()) };
        let request = &detail.request;
        self.compare(pair, first.id, &Play::Receive(request)).await;
        let outcomes: Vec<EventOutcome> = webhook.events.iter().map(outcome).collect();
        self.compare(pair, first.id, &Play::Reply(request, &outcomes)).await;
        Ok(())
    }

    /// What the CRM would have been sent for the events of every integration that leads to it.
    async fn crm(
        &mut self,
        means: &Means,
        snapshot: &Snapshot,
        pair: &Pair,
        events: u32,
    ) -> storage::Result<()> {
        for integration in snapshot.integrations.values().filter(|it| it.crm == pair.account) {
            let wanted = webhooks(means, &integration.channel, events).await?;
            for event in wanted.iter().flat_map(|webhook| &webhook.events) {
                let makes_a_job = event.jobs.iter().any(|job| job.integration == integration.id);
                if !makes_a_job || event.is_duplicate {
                    continue;
                }
                let Some(detail) = means.journal.event(event.id).await? else { continue };
                let integration = &integration.id;
                let trial = Trial { means, snapshot, detail: &detail, integration };
                self.compare(pair, event.id, &Play::Records(trial)).await;
            }
        }
        Ok(())
    }

    /// Runs both; where they differ, both once more: what differs from itself says nothing.
    async fn compare(&mut self, pair: &Pair, event: EventId, play: &Play<'_>) {
        self.events = self.events.saturating_add(1);
        let (before, after) = (play.run(&pair.before).await, play.run(&pair.after).await);
        if before == after {
            self.same = self.same.saturating_add(1);
            return;
        }
        if play.run(&pair.before).await != before || play.run(&pair.after).await != after {
            self.unsteady = self.unsteady.saturating_add(1);
            return;
        }
        self.differ = self.differ.saturating_add(1);
        if self.differences.len() < SHOWN_MAX {
            let account = pair.account.clone();
            let function = play.name();
            self.differences.push(Contrast { account, event, function, before, after });
        }
    }
}

/// What both versions are given.
enum Play<'a> {
    Receive(&'a Request),
    Reply(&'a Request, &'a [EventOutcome]),
    Records(Trial<'a>),
}

impl Play<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Receive(_) => "receive",
            Self::Reply(..) => "reply",
            Self::Records(_) => "records",
        }
    }

    async fn run(&self, adapter: &Arc<Adapter>) -> Value {
        match self {
            Self::Receive(request) => received(adapter.receive(request).await),
            Self::Reply(request, outcomes) => answered(adapter.reply(request, outcomes).await),
            Self::Records(trial) => trial.records(adapter).await,
        }
    }
}

/// One event on its way to a CRM.
struct Trial<'a> {
    means: &'a Means,
    snapshot: &'a Snapshot,
    detail: &'a EventDetail,
    integration: &'a IntegrationId,
}

impl Trial<'_> {
    /// What would be sent for a client whom nobody knows: so every mapping is asked for.
    async fn records(&self, crm: &Arc<Adapter>) -> Value {
        let Some(rulebook) = self.snapshot.rulebook_of(self.integration) else {
            return Value::Null;
        };
        let sample = Sample {
            event: &self.detail.event,
            channel: &self.detail.account,
            channel_adapter: None,
            crm,
            rulebook,
            body: Some(self.detail.request.body.clone()),
            received_at: self.detail.request.received_at,
            cards: None,
            looks_up: false,
        };
        match Box::pin(preview(self.means, sample)).await {
            Ok(preview) => {
                json!({ "writes": preview.writes, "problem": preview.outcome.problem })
            }
            Err(failure) => json!({ "error": failure.reason }),
        }
    }
}

/// What came of an event, as its sender was told then.
fn outcome(event: &EventView) -> EventOutcome {
    let mut known = event.jobs.iter().filter_map(|job| job.result.clone());
    known.next().unwrap_or_else(EventOutcome::nothing)
}

fn received(received: Result<Received, Error>) -> Value {
    match received {
        Ok(Received::Events(intake)) => json!({
            "events": intake.events.iter().map(event).collect::<Vec<_>>(),
            "fallback": answer(&intake.fallback),
        }),
        Ok(Received::Answer(response)) => json!({ "answer": answer(&response) }),
        Ok(Received::Reject(rejection)) => {
            json!({ "reject": { "status": rejection.status, "reason": rejection.reason } })
        }
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn answered(response: Result<Response, Error>) -> Value {
    response
        .map_or_else(|error| json!({ "error": error.to_string() }), |response| answer(&response))
}

/// The event with what the journal keeps beside it.
fn event(event: &Event) -> Value {
    json!({
        "event": event,
        "conversation": event.conversation,
        "dedup_key": event.dedup_key,
    })
}

fn answer(response: &Response) -> Value {
    json!({
        "status": response.status,
        "headers": response.headers,
        "body": String::from_utf8_lossy(&response.body),
    })
}
