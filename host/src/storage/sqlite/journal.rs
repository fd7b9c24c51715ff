//! The journal's face: encodes outside, writes through the one writer, reads through the pool.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Error, Result, Sqlite, accept,
    codec::{to_micros, to_timestamps},
    lease, links, replay, retention,
    rows::{Ending, Reading, Webhook, unreadable},
    settle, upkeep, views,
};
use crate::{
    card::Identifier,
    id::{AccountId, ClientKey, Digest, EventId, IntegrationId, JobId, LaneId, RequestId},
    storage::{
        Accepted, Claim, DeadLetter, Depth, Erased, EventDetail, Expired, IdentityLink, JobView,
        Journal, Keep, LaneView, Lease, LeasedJob, NewReading, NewWebhook, Page, PageQuery,
        ReplayFilter, Settlement, Step, UnreadRequest, WebhookView,
    },
};

#[async_trait]
impl Journal for Sqlite {
    async fn accept(&self, webhook: NewWebhook) -> Result<Accepted> {
        let webhook = Webhook::encode(webhook)?;
        let rejected_max = self.rejected_max;
        self.writer.write(move |db| accept::store(db, &webhook, rejected_max)).await
    }

    async fn lease(&self, claim: Claim) -> Result<Vec<LeasedJob>> {
        let now = claim.now;
        let rows = self.writer.write(move |db| lease::lease(db, &claim)).await?;
        let mut jobs = Vec::with_capacity(rows.len());
        for row in rows {
            let lease = row.lease;
            match row.decode() {
                Ok(job) => jobs.push(job),
                Err(error) => self.bury(lease, &error, now).await,
            }
        }
        Ok(jobs)
    }

    async fn next_due(&self, integrations: &[IntegrationId]) -> Result<Option<Timestamp>> {
        let integrations = integrations.to_vec();
        let due = self.readers.read(move |db| lease::next_due(db, &integrations)).await?;
        to_timestamps("lane", due)
    }

    async fn record_step(&self, lease: Lease, step: Step) -> Result<()> {
        self.writer.write(move |db| settle::record_step(db, lease, &step)).await
    }

    async fn settle(&self, lease: Lease, settlement: Settlement, now: Timestamp) -> Result<()> {
        let ending = Ending::encode(settlement)?;
        self.writer.write(move |db| settle::settle(db, lease, &ending, now)).await
    }

    async fn reap(&self, now: Timestamp) -> Result<u64> {
        self.writer.write(move |db| settle::reap(db, now)).await
    }

    async fn lock_client(&self, lease: Lease, crm: &AccountId, key: ClientKey) -> Result<bool> {
        let crm = crm.clone();
        self.writer.write(move |db| settle::lock_client(db, lease, crm.as_str(), key)).await
    }

    async fn extend(&self, lease: Lease, until: Timestamp) -> Result<()> {
        self.writer.write(move |db| settle::extend(db, lease, until)).await
    }

    async fn reconcile(&self, now: Timestamp) -> Result<u64> {
        let faults = self.readers.read(upkeep::find).await?;
        if faults.is_empty() {
            return Ok(0);
        }
        self.writer.write(move |db| upkeep::mend(db, &faults, to_micros(now))).await
    }

    async fn linked_cards(
        &self,
        crm: &AccountId,
        identifiers: &[Identifier],
    ) -> Result<Vec<IdentityLink>> {
        let (crm, identifiers) = (crm.clone(), identifiers.to_vec());
        self.readers.read(move |db| links::find(db, &crm, &identifiers)).await
    }

    async fn stuck_lanes(
        &self,
        integration: Option<IntegrationId>,
        page: PageQuery,
    ) -> Result<Page<LaneView>> {
        self.readers.read(move |db| views::stuck_lanes(db, integration.as_ref(), page)).await
    }

    async fn resume_lane(&self, lane: LaneId, now: Timestamp) -> Result<bool> {
        self.writer.write(move |db| replay::resume(db, lane, now)).await
    }

    /// The dead letters are looked for beside the writer, which then puts back those that are dead
    /// still.
    async fn replay_all(&self, filter: &ReplayFilter, limit: u32, now: Timestamp) -> Result<u64> {
        let filter = filter.clone();
        let jobs = self.readers.read(move |db| replay::find(db, &filter, limit)).await?;
        self.writer
            .write(move |db| {
                let mut count = 0;
                for job in &jobs {
                    count += u64::from(replay::replay(db, *job, now)?);
                }
                Ok(count)
            })
            .await
    }

    async fn expire(&self, keep: Keep) -> Result<Expired> {
        let candidates = self.readers.read(move |db| retention::find(db, &keep)).await?;
        self.writer.write(move |db| retention::remove(db, &keep, &candidates)).await
    }

    async fn forget(&self, identifier: &Identifier, now: Timestamp) -> Result<Erased> {
        self.erase(identifier, now).await
    }

    async fn jobs_of(&self, event: EventId) -> Result<Vec<JobView>> {
        self.readers.read(move |db| views::jobs_of(db, event)).await
    }

    async fn webhooks(
        &self,
        account: Option<AccountId>,
        page: PageQuery,
    ) -> Result<Page<WebhookView>> {
        self.readers.read(move |db| views::webhooks(db, account.as_ref(), page)).await
    }

    async fn event(&self, event: EventId) -> Result<Option<EventDetail>> {
        self.readers.read(move |db| views::event(db, event)).await
    }

    async fn body_of(&self, event: EventId) -> Result<Option<Bytes>> {
        self.readers.read(move |db| views::body_of(db, event)).await
    }

    async fn dead_letters(
        &self,
        integration: Option<IntegrationId>,
        page: PageQuery,
    ) -> Result<Page<DeadLetter>> {
        self.readers.read(move |db| views::dead_letters(db, integration.as_ref(), page)).await
    }

    async fn replay(&self, job: JobId, now: Timestamp) -> Result<bool> {
        self.writer.write(move |db| replay::replay(db, job, now)).await
    }

    async fn unread(
        &self,
        account: &AccountId,
        plugin: Digest,
        limit: u32,
    ) -> Result<Vec<UnreadRequest>> {
        let account = account.clone();
        self.readers.read(move |db| views::unread(db, &account, plugin, limit)).await
    }

    async fn reread(
        &self,
        request: RequestId,
        plugin: Digest,
        reading: NewReading,
        now: Timestamp,
    ) -> Result<Accepted> {
        let reading = Reading::encode(reading)?;
        let rejected_max = self.rejected_max;
        self.writer
            .write(move |db| accept::replace(db, request, plugin, &reading, now, rejected_max))
            .await
    }

    async fn depth(&self) -> Result<Depth> {
        self.readers.read(views::depth).await
    }
}

impl Sqlite {
    /// A job whose rows are broken becomes a dead letter.
    async fn bury(&self, lease: Lease, error: &Error, now: Timestamp) {
        let settlement = unreadable(lease, error, now);
        if let Err(error) = self.settle(lease, settlement, now).await {
            tracing::error!(
                job.id = %lease.job,
                error = &error as &dyn std::error::Error,
                "a job that cannot be read is still leased"
            );
        }
    }
}
