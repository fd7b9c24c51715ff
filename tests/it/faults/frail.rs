//! A journal that fails where a test wants it, before or after it has done what it was asked.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use patchbay::{
    card::Identifier,
    id::{AccountId, ClientKey, Digest, EventId, IntegrationId, JobId, LaneId, RequestId},
    storage::{
        Accepted, Claim, DeadLetter, Depth, Erased, Error, EventDetail, Expired, IdentityLink,
        JobView, Journal, Keep, LaneView, Lease, LeasedJob, NewReading, NewWebhook, Page,
        PageQuery, ReplayFilter, Result, Settlement, Step, UnreadRequest, WebhookView,
    },
};

/// What of the journal a webhook and its job need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Op {
    Accept,
    Lease,
    LinkedCards,
    LockClient,
    RecordStep,
    Settle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Nothing is done.
    Before,
    /// All is done, and the answer is lost.
    After,
}

/// Fails once it is told to; else it is the journal that it wraps.
#[derive(Debug)]
pub(super) struct Frail {
    inner: Arc<dyn Journal>,
    script: Arc<Script>,
}

/// Which calls fail. Calls are counted from the last [`Script::fail`] or [`Script::pass`].
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: Vec<Op>,
    fault: Option<Fault>,
}

#[derive(Debug, Clone, Copy)]
struct Fault {
    op: Op,
    /// The first call that fails, counted from 1, and the last.
    first: usize,
    last: usize,
    when: When,
}

impl Script {
    /// The `call`-th call of this kind fails, counted from 1.
    pub(super) fn fail(&self, op: Op, call: usize, when: When) {
        self.set(Some(Fault { op, first: call, last: call, when }));
    }

    /// The first so many calls of this kind fail.
    pub(super) fn fail_first(&self, op: Op, calls: usize, when: When) {
        self.set(Some(Fault { op, first: 1, last: calls, when }));
    }

    /// None fails.
    pub(super) fn pass(&self) {
        self.set(None);
    }

    /// Calls so far.
    pub(super) fn calls(&self, op: Op) -> usize {
        self.0.lock().unwrap().calls.iter().filter(|call| **call == op).count()
    }

    fn set(&self, fault: Option<Fault>) {
        *self.0.lock().unwrap() = State { calls: Vec::new(), fault };
    }

    /// Counts the call, and tells how it fails.
    fn arrive(&self, op: Op) -> Option<When> {
        let mut state = self.0.lock().unwrap();
        state.calls.push(op);
        let number = state.calls.iter().filter(|call| **call == op).count();
        let meets = |fault: &Fault| fault.op == op && (fault.first..=fault.last).contains(&number);
        state.fault.filter(meets).map(|fault| fault.when)
    }
}

impl Frail {
    pub(super) fn new(inner: Arc<dyn Journal>, script: Arc<Script>) -> Self {
        Self { inner, script }
    }

    async fn guard<T>(&self, op: Op, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        match self.script.arrive(op) {
            Some(When::Before) => Err(down()),
            Some(When::After) => call.await.and(Err(down())),
            None => call.await,
        }
    }
}

fn down() -> Error {
    Error::Unavailable("the test wants it so".into())
}

#[async_trait]
impl Journal for Frail {
    async fn accept(&self, webhook: NewWebhook) -> Result<Accepted> {
        self.guard(Op::Accept, self.inner.accept(webhook)).await
    }

    /// Looks that find nothing do not count.
    async fn lease(&self, claim: Claim) -> Result<Vec<LeasedJob>> {
        if self.inner.depth().await?.pending_jobs == 0 {
            return self.inner.lease(claim).await;
        }
        self.guard(Op::Lease, self.inner.lease(claim)).await
    }

    async fn next_due(&self, integrations: &[IntegrationId]) -> Result<Option<Timestamp>> {
        self.inner.next_due(integrations).await
    }

    async fn lock_client(&self, lease: Lease, crm: &AccountId, key: ClientKey) -> Result<bool> {
        self.guard(Op::LockClient, self.inner.lock_client(lease, crm, key)).await
    }

    async fn extend(&self, lease: Lease, until: Timestamp) -> Result<()> {
        self.inner.extend(lease, until).await
    }

    async fn record_step(&self, lease: Lease, step: Step) -> Result<()> {
        self.guard(Op::RecordStep, self.inner.record_step(lease, step)).await
    }

    async fn settle(&self, lease: Lease, settlement: Settlement, now: Timestamp) -> Result<()> {
        self.guard(Op::Settle, self.inner.settle(lease, settlement, now)).await
    }

    async fn reap(&self, now: Timestamp) -> Result<u64> {
        self.inner.reap(now).await
    }

    async fn reconcile(&self, now: Timestamp) -> Result<u64> {
        self.inner.reconcile(now).await
    }

    async fn linked_cards(
        &self,
        crm: &AccountId,
        identifiers: &[Identifier],
    ) -> Result<Vec<IdentityLink>> {
        self.guard(Op::LinkedCards, self.inner.linked_cards(crm, identifiers)).await
    }

    async fn stuck_lanes(
        &self,
        integration: Option<IntegrationId>,
        page: PageQuery,
    ) -> Result<Page<LaneView>> {
        self.inner.stuck_lanes(integration, page).await
    }

    async fn resume_lane(&self, lane: LaneId, now: Timestamp) -> Result<bool> {
        self.inner.resume_lane(lane, now).await
    }

    async fn jobs_of(&self, event: EventId) -> Result<Vec<JobView>> {
        self.inner.jobs_of(event).await
    }

    async fn webhooks(
        &self,
        account: Option<AccountId>,
        page: PageQuery,
    ) -> Result<Page<WebhookView>> {
        self.inner.webhooks(account, page).await
    }

    async fn event(&self, event: EventId) -> Result<Option<EventDetail>> {
        self.inner.event(event).await
    }

    async fn body_of(&self, event: EventId) -> Result<Option<Bytes>> {
        self.inner.body_of(event).await
    }

    async fn dead_letters(
        &self,
        integration: Option<IntegrationId>,
        page: PageQuery,
    ) -> Result<Page<DeadLetter>> {
        self.inner.dead_letters(integration, page).await
    }

    async fn replay(&self, job: JobId, now: Timestamp) -> Result<bool> {
        self.inner.replay(job, now).await
    }

    async fn replay_all(&self, filter: &ReplayFilter, limit: u32, now: Timestamp) -> Result<u64> {
        self.inner.replay_all(filter, limit, now).await
    }

    async fn unread(
        &self,
        account: &AccountId,
        plugin: Digest,
        limit: u32,
    ) -> Result<Vec<UnreadRequest>> {
        self.inner.unread(account, plugin, limit).await
    }

    async fn reread(
        &self,
        request: RequestId,
        plugin: Digest,
        reading: NewReading,
        now: Timestamp,
    ) -> Result<Accepted> {
        self.inner.reread(request, plugin, reading, now).await
    }

    async fn depth(&self) -> Result<Depth> {
        self.inner.depth().await
    }

    async fn expire(&self, keep: Keep) -> Result<Expired> {
        self.inner.expire(keep).await
    }

    async fn forget(&self, identifier: &Identifier, now: Timestamp) -> Result<Erased> {
        self.inner.forget(identifier, now).await
    }
}
