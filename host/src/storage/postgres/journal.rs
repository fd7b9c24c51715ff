//! The journal's face: encodes first, then asks the database, then tells the other hosts.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Error, Postgres, Result, accept, again,
    codec::{to_micros, to_timestamps},
    forget, lanes, lease, mend,
    queries::{column, rows},
    replay, retention,
    values::{Ending, Reading, Webhook, link, unreadable},
    views,
};
use crate::{
    card::Identifier,
    id::{AccountId, ClientKey, Digest, EventId, IntegrationId, JobId, LaneId, RequestId},
    outcome::Next,
    storage::{
        Accepted, Claim, DeadLetter, Depth, Erased, EventDetail, Expired, IdentityLink, JobView,
        Journal, Keep, LaneView, Lease, LeasedJob, NewReading, NewWebhook, Page, PageQuery,
        ReplayFilter, Settlement, Step, UnreadRequest, WebhookView,
    },
};

#[async_trait]
impl Journal for Postgres {
    async fn accept(&self, webhook: NewWebhook) -> Result<Accepted> {
        let webhook = Webhook::encode(webhook)?;
        self.ingest.store(Webhook { reading: accept::clean(webhook.reading), ..webhook }).await
    }

    async fn lease(&self, claim: Claim) -> Result<Vec<LeasedJob>> {
        let rows = lease::lease(self, &claim).await?;
        let mut jobs = Vec::with_capacity(rows.len());
        for row in rows {
            let lease = row.lease;
            match row.decode() {
                Ok(job) => jobs.push(job),
                Err(error) => self.bury(lease, &error, claim.now).await,
            }
        }
        Ok(jobs)
    }

    async fn next_due(&self, integrations: &[IntegrationId]) -> Result<Option<Timestamp>> {
        let sql = "SELECT min(due.run_at) FROM active_integration
                   CROSS JOIN (VALUES (FALSE), (TRUE)) AS kind (is_again)
                   CROSS JOIN LATERAL (
                       SELECT run_at FROM lane
                       WHERE lane.integration = active_integration.id
                         AND lane.is_again = kind.is_again AND state = 'ready'
                       ORDER BY run_at LIMIT 1) due
                   WHERE active_integration.id = ANY($1)";
        let ids: Vec<&str> = integrations.iter().map(IntegrationId::as_str).collect();
        let db = self.connection().await?;
        let due: Vec<Option<i64>> = column(&db, sql, &[&ids]).await?;
        to_timestamps("lane", due.first().copied().flatten())
    }

    async fn lock_client(&self, lease: Lease, crm: &AccountId, key: ClientKey) -> Result<bool> {
        again(|| lanes::lock_client(self, lease, crm, key)).await
    }

    async fn extend(&self, lease: Lease, until: Timestamp) -> Result<()> {
        lanes::extend(self, lease, until).await
    }

    async fn record_step(&self, lease: Lease, step: Step) -> Result<()> {
        again(|| lanes::record_step(self, lease, &step)).await
    }

    async fn settle(&self, lease: Lease, settlement: Settlement, now: Timestamp) -> Result<()> {
        let has_ended = !matches!(settlement.next, Next::ReadyAt(_));
        let ending = Ending::encode(settlement)?;
        let event = again(|| lanes::settle(self, lease, &ending, now)).await?;
        let notes = self.news.notes();
        if has_ended {
            notes.settled(event);
        }
        notes.work();
        Ok(())
    }

    async fn reap(&self, now: Timestamp) -> Result<u64> {
        let reaped = lanes::reap(self, now).await?;
        Ok(self.told_work(reaped))
    }

    async fn reconcile(&self, now: Timestamp) -> Result<u64> {
        let mended = mend::reconcile(self, now).await?;
        Ok(self.told_work(mended))
    }

    async fn linked_cards(
        &self,
        crm: &AccountId,
        identifiers: &[Identifier],
    ) -> Result<Vec<IdentityLink>> {
        let columns: Vec<(&str, String)> =
            identifiers.iter().map(lanes::link_columns_of).collect::<Result<_>>()?;
        let (kinds, values): (Vec<&str>, Vec<String>) = columns.into_iter().unzip();
        let sql = "SELECT t.ord, identity_link.card
                   FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS t (kind, value, ord)
                   JOIN identity_link ON crm = $1 AND identity_link.kind = t.kind
                                     AND identity_link.value = t.value
                   ORDER BY t.ord";
        let db = self.connection().await?;
        let mut links = Vec::new();
        for row in rows(&db, sql, &[&crm.as_str(), &kinds, &values]).await? {
            let ord: i64 = row.try_get(0)?;
            let asked = usize::try_from(ord - 1).ok().and_then(|index| identifiers.get(index));
            let card: String = row.try_get(1)?;
            links.extend(asked.map(|identifier| link(crm, identifier, card)));
        }
        Ok(links)
    }

    async fn stuck_lanes(
        &self,
        integration: Option<IntegrationId>,
        page: PageQuery,
    ) -> Result<Page<LaneView>> {
        views::stuck_lanes(&self.connection().await?, integration.as_ref(), page).await
    }

    async fn resume_lane(&self, lane: LaneId, now: Timestamp) -> Result<bool> {
        let resumed = again(|| replay::resume(self, lane, now)).await?;
        self.news.notes().work();
        Ok(resumed)
    }

    async fn jobs_of(&self, event: EventId) -> Result<Vec<JobView>> {
        let mut jobs = views::jobs_of(&self.connection().await?, &[event.0]).await?;
        Ok(jobs.remove(&event.0).unwrap_or_default())
    }

    async fn webhooks(
        &self,
        account: Option<AccountId>,
        page: PageQuery,
    ) -> Result<Page<WebhookView>> {
        views::webhooks(&self.connection().await?, account.as_ref(), page).await
    }

    async fn event(&self, event: EventId) -> Result<Option<EventDetail>> {
        views::event(&self.connection().await?, event).await
    }

    async fn body_of(&self, event: EventId) -> Result<Option<Bytes>> {
        views::body_of(&self.connection().await?, event).await
    }

    async fn dead_letters(
        &self,
        integration: Option<IntegrationId>,
        page: PageQuery,
    ) -> Result<Page<DeadLetter>> {
        views::dead_letters(&self.connection().await?, integration.as_ref(), page).await
    }

    async fn replay(&self, job: JobId, now: Timestamp) -> Result<bool> {
        let replayed = again(|| replay::replay(self, job, now)).await?;
        self.news.notes().work();
        Ok(replayed)
    }

    async fn replay_all(&self, filter: &ReplayFilter, limit: u32, now: Timestamp) -> Result<u64> {
        let replayed = replay::replay_all(self, filter, limit, now).await?;
        Ok(self.told_work(replayed))
    }

    async fn unread(
        &self,
        account: &AccountId,
        plugin: Digest,
        limit: u32,
    ) -> Result<Vec<UnreadRequest>> {
        views::unread(&self.connection().await?, account, plugin, limit).await
    }

    async fn reread(
        &self,
        request: RequestId,
        plugin: Digest,
        reading: NewReading,
        now: Timestamp,
    ) -> Result<Accepted> {
        let reading = accept::clean(Reading::encode(reading)?);
        let stored = again(|| self.reread_once(request, plugin, &reading, now)).await?;
        if stored.has_jobs {
            self.news.notes().work();
        }
        stored.accepted.into_iter().next().ok_or_else(|| super::unavailable("nothing was stored"))
    }

    async fn depth(&self) -> Result<Depth> {
        views::depth(&self.connection().await?).await
    }

    async fn expire(&self, keep: Keep) -> Result<Expired> {
        retention::expire(self, keep).await
    }

    async fn forget(&self, identifier: &Identifier, now: Timestamp) -> Result<Erased> {
        let erased = forget::forget(self, identifier, to_micros(now)).await?;
        self.news.notes().work();
        Ok(erased)
    }
}

impl Postgres {
    async fn reread_once(
        &self,
        request: RequestId,
        plugin: Digest,
        reading: &Reading,
        now: Timestamp,
    ) -> Result<accept::Stored> {
        let mut db = self.connection().await?;
        let transaction = db.transaction().await?;
        let rejected_max = self.ingest.rejected_max();
        let stored =
            accept::replace(&transaction, request, plugin, reading, now, rejected_max).await?;
        super::commit(transaction, stored).await
    }

    /// Tells the other hosts that there is work, if there is.
    fn told_work(&self, lanes: u64) -> u64 {
        if 0 < lanes {
            self.news.notes().work();
        }
        lanes
    }

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
