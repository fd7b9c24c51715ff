//! What has to be done from time to time: expired leases, unread webhooks, gauges.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::{
    clock::Clock,
    directory::Directory,
    shares::Shares,
    storage::{self, Access, Journal, Keep},
    tasks::Tasks,
    telemetry::Metrics,
    waiters::Waiters,
};

/// Between two rounds.
const INTERVAL: Duration = Duration::from_secs(5);

/// Between two looks for what must never be wrong.
const RECONCILE_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// Between two rounds of retention that found nothing more.
const EXPIRE_INTERVAL: SignedDuration = SignedDuration::from_mins(10);

/// Rows that one write removes at most, and the pause after it: nobody waits long for either.
const EXPIRE_ROWS: u32 = 500;
const EXPIRE_PAUSE: Duration = Duration::from_millis(50);

/// Lines of the audit log that are kept at most.
const CHANGES_MAX: u32 = 1_000_000;

/// The loop's own view of the host.
#[derive(Debug, Clone)]
pub struct Upkeep {
    pub journal: Arc<dyn Journal>,
    pub directory: Arc<Directory>,
    pub clock: Arc<dyn Clock>,
    pub waiters: Waiters,
    pub metrics: Metrics,
    /// Tells whoever reads unread webhooks again that it is time.
    pub reread: Arc<Notify>,
    pub shares: Shares,
    pub access: Arc<dyn Access>,
    pub retention: Retention,
}

/// How long what was received is kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    pub journal: SignedDuration,
    pub traces: SignedDuration,
    /// The lines of the audit log.
    pub changes: SignedDuration,
    pub bytes_max: Option<u64>,
}

impl Retention {
    fn keep(self, now: Timestamp) -> Keep {
        let since = |length| now.checked_sub(length).unwrap_or(Timestamp::MIN);
        Keep {
            journal_since: since(self.journal),
            traces_since: since(self.traces),
            bytes_max: self.bytes_max,
            rows_max: EXPIRE_ROWS,
        }
    }
}

/// Removes what is not to be kept, piece by piece, until a stop.
pub async fn run_retention(upkeep: Upkeep, tasks: Tasks) {
    while !tasks.is_stopping() {
        let changes_left = expire_changes(&upkeep).await;
        let pause = match upkeep.journal.expire(upkeep.retention.keep(upkeep.clock.now())).await {
            Ok(expired) => {
                upkeep.metrics.requests_expired.inc_by(expired.requests);
                if expired.is_more || changes_left {
                    EXPIRE_PAUSE
                } else {
                    EXPIRE_INTERVAL.unsigned_abs()
                }
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "what is too old could not be removed, and is tried again");
                EXPIRE_INTERVAL.unsigned_abs()
            }
        };
        tokio::select! {
            () = tasks.stopping() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Removes one piece of the audit log. Returns whether there may be more to remove.
async fn expire_changes(upkeep: &Upkeep) -> bool {
    let now = upkeep.clock.now();
    let since = now.checked_sub(upkeep.retention.changes).unwrap_or(Timestamp::MIN);
    match upkeep.access.expire_changes(since, CHANGES_MAX, EXPIRE_ROWS).await {
        Ok(removed) => u64::from(EXPIRE_ROWS) <= removed,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "old lines of the audit log stay, and are tried again");
            false
        }
    }
}

/// Runs until a stop.
pub async fn run(upkeep: Upkeep, tasks: Tasks) {
    let mut reconciled_at = None;
    while !tasks.is_stopping() {
        if let Err(error) = round(&upkeep, &mut reconciled_at).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "upkeep failed, and is tried again"
            );
        }
        tokio::select! {
            () = tasks.stopping() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

async fn round(upkeep: &Upkeep, reconciled_at: &mut Option<Timestamp>) -> storage::Result<()> {
    let now = upkeep.clock.now();
    if reconciled_at.is_none_or(|at| RECONCILE_INTERVAL <= now.duration_since(at)) {
        reconcile(upkeep, now).await?;
        *reconciled_at = Some(now);
    }
    let held = upkeep.shares.held(now);
    upkeep.metrics.accounts_held.set(i64::try_from(held).unwrap_or(i64::MAX));
    let lost = upkeep.journal.reap(now).await?;
    if 0 < lost {
        upkeep.metrics.leases_lost.inc_by(lost);
        upkeep.waiters.wake_worker();
        tracing::warn!(lost, "leases ran out: their jobs are attempted again");
    }
    let depth = upkeep.journal.depth().await?;
    let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    upkeep.metrics.jobs_pending.set(gauge(depth.pending_jobs));
    upkeep.metrics.jobs_dead.set(gauge(depth.dead_jobs));
    upkeep.metrics.requests_unread.set(gauge(depth.unread_requests));
    let oldest = depth.oldest_pending.map_or(0, |at| now.as_second() - at.as_second());
    upkeep.metrics.oldest_pending_seconds.set(oldest.max(0));
    if 0 < depth.unread_requests {
        upkeep.reread.notify_one();
    }
    Ok(())
}

async fn reconcile(upkeep: &Upkeep, now: Timestamp) -> storage::Result<()> {
    let wrong = upkeep.journal.reconcile(now).await?;
    if 0 < wrong {
        upkeep.metrics.lanes_reconciled.inc_by(wrong);
        upkeep.waiters.wake_worker();
        tracing::error!(wrong, "lanes had lost their work, and have it back: the host has a bug");
    }
    Ok(())
}
