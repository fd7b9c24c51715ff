//! The loop that leases jobs and runs them.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::{
    attempt::Runner,
    id::IntegrationId,
    shares::{Open, Place, Shares},
    storage::{self, Claim, LeasedJob},
    tasks::Tasks,
};

/// Jobs leased in one go at most.
const LEASE_MAX: u32 = 32;

/// The shortest wait after a look that found nothing, so that a lane which is due and yet cannot
/// be leased does not keep the loop spinning.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// How the loop runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Jobs run at the same time; 0 runs none.
    pub slots: u32,
    pub shares: Shares,
    /// Longest time between two looks at the queue.
    pub poll: Duration,
}

/// Runs until a stop; jobs that have started end on their own.
pub async fn run(runner: Runner, tasks: Tasks, options: Options) {
    if options.slots == 0 {
        return;
    }
    let slots =
        Arc::new(Semaphore::new(usize::try_from(options.slots).unwrap_or(Semaphore::MAX_PERMITS)));
    while !tasks.is_stopping() {
        // Waits for a free slot before it leases: a leased job starts at once.
        tokio::select! {
            () = tasks.stopping() => return,
            slot = slots.acquire() => drop(slot),
        }
        let now = runner.means.clock.now();
        let open = options.shares.open(&runner.means.directory.snapshot(), now);
        match lease(&runner, &open, now).await {
            Ok(jobs) if jobs.is_empty() => {
                wait_for_work(&runner, &tasks, &open, options.poll).await;
            }
            Ok(jobs) => {
                for job in jobs {
                    start(&runner, &tasks, &slots, &options.shares, job).await;
                }
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no job could be leased");
                wait_for_work(&runner, &tasks, &open, options.poll).await;
            }
        }
    }
}

async fn lease(runner: &Runner, open: &Open, now: Timestamp) -> storage::Result<Vec<LeasedJob>> {
    if open.shares.is_empty() || open.limit == 0 {
        return Ok(Vec::new());
    }
    let until = now.checked_add(runner.lease).unwrap_or(Timestamp::MAX);
    let limit = open.limit.min(LEASE_MAX);
    runner.means.journal.lease(Claim { shares: open.shares.clone(), limit, now, until }).await
}

async fn start(
    runner: &Runner,
    tasks: &Tasks,
    slots: &Arc<Semaphore>,
    shares: &Shares,
    job: LeasedJob,
) {
    let place = place(runner, shares, &job);
    let Ok(slot) = Arc::clone(slots).acquire_owned().await else { return };
    let runner = runner.clone();
    tasks.spawn(async move {
        Box::pin(runner.run(job)).await;
        drop((place, slot));
        // The lane may have a next head, and the account room for one more.
        runner.waiters.wake_worker();
    });
}

fn place(runner: &Runner, shares: &Shares, job: &LeasedJob) -> Option<Place> {
    let snapshot = runner.means.directory.snapshot();
    let integration = snapshot.integrations.get(&job.integration)?;
    Some(shares.take(&integration.crm, job.is_again))
}

/// Ends at a wake-up, a stop, the next due time or the longest wait, whichever comes first.
async fn wait_for_work(runner: &Runner, tasks: &Tasks, open: &Open, poll: Duration) {
    let integrations: Vec<IntegrationId> =
        open.shares.iter().map(|share| share.integration.clone()).collect();
    // Without an answer the longest wait does.
    let due = runner.means.journal.next_due(&integrations).await.unwrap_or_default();
    let next = [due, open.next_open].into_iter().flatten().min();
    let wait = next.map_or(poll, |next| {
        Duration::try_from(next.duration_since(runner.means.clock.now())).unwrap_or(Duration::ZERO)
    });
    let wait = wait.clamp(poll.min(PAUSE_MIN), poll);
    tokio::select! {
        () = tasks.stopping() => {}
        () = runner.waiters.work() => {}
        () = tokio::time::sleep(wait) => {}
    }
}
