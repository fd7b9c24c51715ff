//! Who waits for the outcome of which event.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Notify, watch};

use crate::id::EventId;

/// Wakes the senders' requests whose events were worked on, and the workers when there is work.
///
/// A wake-up says only that something changed: whoever waits reads the journal again.
#[derive(Debug, Clone, Default)]
pub struct Waiters {
    events: Arc<Mutex<HashMap<EventId, Waited>>>,
    work: Arc<Notify>,
}

/// An event that is waited for, by how many.
#[derive(Debug)]
struct Waited {
    changes: watch::Sender<()>,
    waits: usize,
}

/// One wait; the end of it is the drop.
#[derive(Debug)]
pub struct Wait {
    waiters: Waiters,
    event: EventId,
    changes: watch::Receiver<()>,
}

impl Waiters {
    /// Starts to wait; what is settled from now on wakes [`Wait::changed`].
    pub fn wait_for(&self, event: EventId) -> Wait {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = events
            .entry(event)
            .or_insert_with(|| Waited { changes: watch::Sender::new(()), waits: 0 });
        waited.waits += 1;
        Wait { waiters: self.clone(), event, changes: waited.changes.subscribe() }
    }

    /// Something became of the event.
    pub fn settled(&self, event: EventId) {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waited) = events.get(&event) {
            waited.changes.send_replace(());
        }
    }

    /// Something may have become of any event.
    pub fn settled_all(&self) {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        for waited in events.values() {
            waited.changes.send_replace(());
        }
    }

    /// There may be a job to lease.
    pub fn wake_worker(&self) {
        self.work.notify_one();
    }

    /// Ends at the next [`Waiters::wake_worker`], or at once if there was one since the last call.
    pub async fn work(&self) {
        self.work.notified().await;
    }
}

impl Wait {
    /// Ends when something became of the event since the last call, or since the wait began.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // The sender lives as long as this wait; without it nothing will ever change.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut events = self.waiters.events.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted here and not by the receivers: those are dropped after this, without the lock.
        let Some(waited) = events.get_mut(&self.event) else { return };
        waited.waits = waited.waits.saturating_sub(1);
        if waited.waits == 0 {
            events.remove(&self.event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_settled_between_two_looks_is_not_missed() {
        let waiters = Waiters::default();
        let (mut one, mut two) = (waiters.wait_for(EventId(1)), waiters.wait_for(EventId(1)));
        waiters.settled(EventId(1));
        one.changed().await;
        two.changed().await;
        let again = tokio::time::timeout(std::time::Duration::from_secs(1), one.changed()).await;
        assert!(again.is_err(), "nothing was settled since");
    }

    #[test]
    fn the_last_wait_leaves_nothing_behind() {
        let waiters = Waiters::default();
        let one = waiters.wait_for(EventId(1));
        drop(waiters.wait_for(EventId(1)));
        assert_eq!(waiters.events.lock().unwrap().len(), 1);
        drop(one);
        assert_eq!(waiters.events.lock().unwrap().len(), 0);
    }

    #[test]
    fn waits_that_end_at_the_same_time_leave_nothing_behind() {
        let waiters = Waiters::default();
        for event in (0..2000).map(EventId) {
            let both = std::sync::Barrier::new(2);
            let waits = [waiters.wait_for(event), waiters.wait_for(event)];
            std::thread::scope(|scope| {
                for wait in waits {
                    let both = &both;
                    scope.spawn(move || {
                        both.wait();
                        drop(wait);
                    });
                }
            });
        }
        assert_eq!(waiters.events.lock().unwrap().len(), 0);
    }
}
