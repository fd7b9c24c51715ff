//! Everything the process runs in the background, and the way it stops.

use std::{
    future::{Future, poll_fn},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Duration,
};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Spawns and counts background work; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Tasks {
    /// Runs `work` until it ends; a stop waits for it.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(work);
    }

    /// Runs a loop until it ends by itself; after a panic it is started again.
    pub fn keep<F>(&self, name: &'static str, start: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        self.spawn(async move {
            while caught(start()).await.is_err() && !tasks.is_stopping() {
                tracing::error!(name, "a loop of the host has panicked, and is started again");
                tokio::select! {
                    () = tasks.stopping() => {}
                    () = tokio::time::sleep(RESTART_DELAY) => {}
                }
            }
        });
    }

    /// Asks every loop to end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Ends when a stop was asked for.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Asks all work to end at once: the time for it to end by itself is over.
    pub fn cut_off(&self) {
        self.cut.cancel();
    }

    /// Ends when work was asked to end at once.
    pub async fn cut(&self) {
        self.cut.cancelled().await;
    }

    /// Ends when a stop was asked for and all work has ended.
    pub async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// Between the panic of a loop and its next start.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// The work was ended by a panic: a bug of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct Panicked;

/// Runs `work`, and ends it alone if it panics. What it held is dropped.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut work = pin!(work);
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(_payload) => Poll::Ready(Err(Panicked)),
    })
    .await
}

/// SIGTERM and SIGINT, caught from the moment this is made.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Catches the signals from now on; until then they end the process at once.
    pub fn catch() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt })
    }

    /// Ends at the next of them.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_panics_is_started_again() {
        let (tasks, starts) = (Tasks::default(), Arc::new(AtomicU32::new(0)));
        let counted = Arc::clone(&starts);
        tasks.keep("test", move || {
            let start = counted.fetch_add(1, Ordering::Relaxed);
            async move { assert!(1 < start, "the first two starts fail") }
        });
        tasks.ended().await;
        assert_eq!(starts.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_panic_ends_its_work_alone() {
        assert_eq!(caught(async { 7 }).await, Ok(7));
        assert_eq!(caught(async { panic!("a bug") }).await, Err::<(), _>(Panicked));
    }
}
