//! What has to be done from time to time: expired leases, unread webhooks, gauges.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{
    clock::Clock,
    directory::Directory,
    storage::{self, Journal},
    tasks::Tasks,
    telemetry::Metrics,
    waiters::Waiters,
};

/// Between two rounds.
const INTERVAL: Duration = Duration::from_secs(5);

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
}

/// Runs until a stop.
pub async fn run(upkeep: Upkeep, tasks: Tasks) {
    while !tasks.is_stopping() {
        if let Err(error) = round(&upkeep).await {
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

async fn round(upkeep: &Upkeep) -> storage::Result<()> {
    let now = upkeep.clock.now();
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
