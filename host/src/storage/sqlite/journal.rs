//! The journal's face: encodes outside, writes through the one writer, reads through the pool.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Error, Result, Sqlite,
    accept::{self, Reading, Webhook},
    codec::to_timestamps,
    lanes::{self, Ending},
    views,
};
use crate::{
    id::{AccountId, Digest, EventId, IntegrationId, JobId, RequestId},
    outcome::{Blame, Next, Outcome},
    storage::{
        Accepted, DeadLetter, Depth, EventDetail, JobView, Journal, Lease, LeasedJob, NewReading,
        NewWebhook, Page, PageQuery, Settlement, Step, UnreadRequest, WebhookView,
    },
};

#[async_trait]
impl Journal for Sqlite {
    async fn accept(&self, webhook: NewWebhook) -> Result<Accepted> {
        let webhook = Webhook::encode(webhook)?;
        let rejected_max = self.rejected_max;
        self.writer.write(move |db| accept::store(db, &webhook, rejected_max)).await
    }

    async fn lease(&self, limit: u32, now: Timestamp, until: Timestamp) -> Result<Vec<LeasedJob>> {
        let rows = self.writer.write(move |db| lanes::lease(db, limit, now, until)).await?;
        let mut jobs = Vec::with_capacity(rows.len());
        for row in rows {
            let lease = row.lease();
            match row.decode() {
                Ok(job) => jobs.push(job),
                Err(error) => self.bury(lease, &error, now).await,
            }
        }
        Ok(jobs)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        let due = self.readers.read(lanes::next_due).await?;
        to_timestamps("lane", due)
    }

    async fn record_step(&self, lease: Lease, step: Step) -> Result<()> {
        self.writer.write(move |db| lanes::record_step(db, lease, &step)).await
    }

    async fn settle(&self, lease: Lease, settlement: Settlement, now: Timestamp) -> Result<()> {
        let ending = Ending::encode(settlement)?;
        self.writer.write(move |db| lanes::settle(db, lease, &ending, now)).await
    }

    async fn reap(&self, now: Timestamp) -> Result<u64> {
        self.writer.write(move |db| lanes::reap(db, now)).await
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

    async fn dead_letters(
        &self,
        integration: Option<IntegrationId>,
        page: PageQuery,
    ) -> Result<Page<DeadLetter>> {
        self.readers.read(move |db| views::dead_letters(db, integration.as_ref(), page)).await
    }

    async fn replay(&self, job: JobId, now: Timestamp) -> Result<bool> {
        self.writer.write(move |db| lanes::replay(db, job, now)).await
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
    /// A job whose rows are broken becomes a dead letter: it must keep neither the others nor its
    /// own lane from running.
    async fn bury(&self, lease: Lease, error: &Error, now: Timestamp) {
        tracing::error!(
            job.id = %lease.job,
            error = error as &dyn std::error::Error,
            "a job cannot be read: it is a dead letter"
        );
        let settlement = Settlement {
            next: Next::Dead,
            counts: true,
            outcome: Outcome::Permanent.name(),
            blame: Some(Blame::Host),
            reason: Some(error.to_string()),
            result: None,
            started_at: now,
            took_ms: 0,
        };
        if let Err(error) = self.settle(lease, settlement, now).await {
            tracing::error!(
                job.id = %lease.job,
                error = &error as &dyn std::error::Error,
                "a job that cannot be read is still leased"
            );
        }
    }
}
