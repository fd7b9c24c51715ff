//! The loop that leases jobs and runs them.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use crate::{
    attempt::Runner,
    storage::{self, LeasedJob},
    tasks::Tasks,
};

/// Jobs leased in one go at most.
const LEASE_MAX: u32 = 32;

/// How the loop runs.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Jobs run at the same time; 0 runs none.
    pub slots: u32,
    /// How long a lease lasts.
    pub lease: Duration,
    /// Longest time between two looks at the queue.
    pub poll: Duration,
}

/// Runs until a stop; jobs that have started end on their own.
pub async fn run(runner: Runner, tasks: Tasks, options: Options) {
    let slots =
        Arc::new(Semaphore::new(usize::try_from(options.slots).unwrap_or(Semaphore::MAX_PERMITS)));
    if options.slots == 0 {
        return;
    }
    while !tasks.is_stopping() {
        // Waits for a free slot before it leases: a leased job starts at once.
        tokio::select! {
            () = tasks.stopping() => return,
            slot = slots.acquire() => drop(slot),
        }
        let free = u32::try_from(slots.available_permits()).unwrap_or(u32::MAX);
        match lease(&runner, free.min(LEASE_MAX), options.lease).await {
            Ok(jobs) if jobs.is_empty() => wait_for_work(&runner, &tasks, options.poll).await,
            Ok(jobs) => {
                for job in jobs {
                    start(&runner, &tasks, &slots, job).await;
                }
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no job could be leased");
                wait_for_work(&runner, &tasks, options.poll).await;
            }
        }
    }
}

async fn lease(runner: &Runner, limit: u32, length: Duration) -> storage::Result<Vec<LeasedJob>> {
    let now = runner.clock.now();
    let until = now.checked_add(length).unwrap_or(jiff::Timestamp::MAX);
    runner.journal.lease(limit.max(1), now, until).await
}

async fn start(runner: &Runner, tasks: &Tasks, slots: &Arc<Semaphore>, job: LeasedJob) {
    let Ok(slot) = Arc::clone(slots).acquire_owned().await else { return };
    let runner = runner.clone();
    tasks.spawn(async move {
        runner.run(job).await;
        drop(slot);
        // The lane may have a next head.
        runner.waiters.wake_worker();
    });
}

/// Ends at a wake-up, a stop, the next due time or the longest wait, whichever comes first.
async fn wait_for_work(runner: &Runner, tasks: &Tasks, poll: Duration) {
    let due = match runner.journal.next_due().await {
        Ok(Some(due)) => {
            Duration::try_from(due.duration_since(runner.clock.now())).unwrap_or(Duration::ZERO)
        }
        Ok(None) | Err(_) => poll,
    };
    // A lane that is due and yet was not leased cannot be: the shortest wait keeps it from a spin.
    let wait = due.clamp(poll.min(Duration::from_millis(50)), poll);
    tokio::select! {
        () = tasks.stopping() => {}
        () = runner.waiters.work() => {}
        () = tokio::time::sleep(wait) => {}
    }
}
