//! The model: what the lanes are meant to be, in plain values.

use std::collections::{BTreeMap, VecDeque};

use super::*;

/// Of the three integrations, the first and the last lead to the same CRM account.
pub(super) const CRM_OF: [usize; 3] = [0, 1, 0];

/// An event as a webhook tells it.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub dedup_key: u8,
    pub conversation: usize,
    pub client_keys: Vec<i64>,
    pub integrations: Vec<usize>,
}

/// A lane's name: its integration and its conversation.
pub(super) type Name = (usize, usize);

#[derive(Debug, Default)]
pub(super) struct Model {
    pub now: i64,
    /// By dedup key: the event that has it, and when it was received.
    pub known: BTreeMap<u8, (EventId, i64)>,
    pub events: Vec<EventId>,
    pub jobs: BTreeMap<JobId, Job>,
    pub lanes: BTreeMap<Name, Lane>,
    /// Leases that were settled or taken back.
    pub spent: Vec<Lease>,
    /// By CRM account and identifier.
    pub links: BTreeMap<(usize, u8), String>,
    pub paused_accounts: [bool; 3],
    pub disabled_integrations: [bool; 3],
}

#[derive(Debug)]
pub(super) struct Job {
    pub event: EventId,
    pub lane: Name,
    pub client_keys: Vec<i64>,
    pub accepted_at: i64,
    pub state: JobState,
    pub attempts: u32,
    pub is_again: bool,
    pub run_at: i64,
    pub died_at: i64,
    pub steps: Vec<Step>,
    /// Number and outcome of each attempt.
    pub log: Vec<(u32, &'static str)>,
    pub done: u32,
}

#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Pending jobs in their order.
    pub queue: VecDeque<JobId>,
    pub run_at: i64,
    pub fence: i64,
    pub running: Option<Running>,
    pub stopped_by: Option<JobId>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    pub lease: Lease,
    pub until: i64,
}

impl Model {
    pub(super) fn accept(&mut self, told: &Told, event: EventId, jobs: &[JobView]) {
        self.known.insert(told.dedup_key, (event, self.now));
        self.events.push(event);
        assert_eq!(jobs.len(), told.integrations.len(), "a job for each integration");
        for (view, integration) in jobs.iter().zip(&told.integrations) {
            let lane = (*integration, told.conversation);
            let job = Job {
                event,
                lane,
                client_keys: told.client_keys.clone(),
                accepted_at: self.now,
                state: JobState::Pending,
                attempts: 0,
                is_again: false,
                run_at: self.now,
                died_at: 0,
                steps: Vec::new(),
                log: Vec::new(),
                done: 0,
            };
            assert!(self.jobs.insert(view.job, job).is_none(), "a job of its own");
            self.append(lane, view.job);
        }
    }

    /// At the end; a lane that rests wakes.
    fn append(&mut self, name: Name, job: JobId) {
        let lane = self.lanes.entry(name).or_default();
        if lane.queue.is_empty() && lane.running.is_none() && lane.stopped_by.is_none() {
            lane.run_at = self.now;
        }
        lane.queue.push_back(job);
    }

    pub(super) fn start(&mut self, lease: Lease, until: i64) {
        let job = self.jobs.get_mut(&lease.job).unwrap();
        job.state = JobState::Leased;
        let lane = self.lanes.get_mut(&job.lane).unwrap();
        lane.queue.pop_front();
        lane.fence = lease.fence;
        lane.running = Some(Running { lease, until });
    }

    /// Ends the attempt that has the lease.
    pub(super) fn settle(&mut self, lease: Lease, end: End, outcome: &'static str) {
        let now = self.now;
        let job = self.jobs.get_mut(&lease.job).unwrap();
        let lane = self.lanes.get_mut(&job.lane).unwrap();
        job.log.push((job.attempts + 1, outcome));
        job.is_again = true;
        lane.running = None;
        lane.run_at = now;
        self.spent.push(lease);
        let counts = !matches!(end, End::Again { counts: false, .. });
        job.attempts += u32::from(counts);
        match end {
            End::Done => {
                job.state = JobState::Done;
                job.done += 1;
            }
            End::Again { wait, .. } => {
                job.state = JobState::Pending;
                job.run_at = now + wait;
                lane.run_at = job.run_at;
                lane.queue.push_front(lease.job);
            }
            End::Dead { stops_lane } => {
                job.state = JobState::Dead;
                job.died_at = now;
                lane.stopped_by = stops_lane.then_some(lease.job);
            }
        }
    }

    /// Returns how many leases were taken back.
    pub(super) fn reap(&mut self) -> u64 {
        let lost: Vec<Lease> = self
            .running()
            .filter(|running| running.until < self.now)
            .map(|running| running.lease)
            .collect();
        for lease in &lost {
            self.settle(*lease, End::Again { wait: 0, counts: true }, "lost");
        }
        lost.len().try_into().unwrap()
    }

    pub(super) fn running(&self) -> impl Iterator<Item = Running> {
        self.lanes.values().filter_map(|lane| lane.running)
    }

    pub(super) fn replay(&mut self, id: JobId) -> bool {
        let job = self.jobs.get_mut(&id).unwrap();
        if job.state != JobState::Dead {
            return false;
        }
        job.state = JobState::Pending;
        (job.attempts, job.is_again, job.run_at) = (0, true, self.now);
        let name = job.lane;
        let lane = self.lanes.get_mut(&name).unwrap();
        if lane.stopped_by == Some(id) {
            lane.stopped_by = None;
            lane.run_at = self.now;
            lane.queue.push_front(id);
        } else {
            self.append(name, id);
        }
        true
    }

    pub(super) fn resume(&mut self, name: Name) -> bool {
        let lane = self.lanes.get_mut(&name).unwrap();
        let was_stopped = lane.stopped_by.take().is_some();
        if was_stopped {
            lane.run_at = self.now;
        }
        was_stopped
    }

    /// The oldest dead jobs of an integration, dead since then.
    pub(super) fn dead(&self, integration: usize, since: i64) -> Vec<JobId> {
        let is_wanted = |job: &Job| {
            job.state == JobState::Dead && job.lane.0 == integration && since <= job.died_at
        };
        self.jobs.iter().filter(|(_, job)| is_wanted(job)).map(|(id, _)| *id).collect()
    }

    pub(super) fn is_active(&self, integration: usize) -> bool {
        let [channel, crms @ ..] = self.paused_accounts;
        !channel && !crms[CRM_OF[integration]] && !self.disabled_integrations[integration]
    }

    /// The job that a lane waits to run, unless it runs one or is stopped.
    pub(super) fn head(&self, name: Name) -> Option<(JobId, &Job)> {
        let lane = &self.lanes[&name];
        if lane.running.is_some() || lane.stopped_by.is_some() {
            return None;
        }
        lane.queue.front().map(|id| (*id, &self.jobs[id]))
    }

    /// Whether somebody works on the client of the lane's head in the same CRM account.
    pub(super) fn is_blocked(&self, name: Name) -> bool {
        let Some((_, head)) = self.head(name) else { return false };
        self.running().map(|running| &self.jobs[&running.lease.job]).any(|other| {
            CRM_OF[other.lane.0] == CRM_OF[name.0]
                && head.client_keys.iter().any(|key| other.client_keys.contains(key))
        })
    }

    /// Whether the head is due, its integration may run, and nobody works on its client.
    pub(super) fn is_free(&self, name: Name) -> bool {
        self.is_due(name) && !self.is_blocked(name)
    }

    pub(super) fn is_due(&self, name: Name) -> bool {
        self.head(name).is_some() && self.is_active(name.0) && self.lanes[&name].run_at <= self.now
    }

    /// Whether the lane may wait for its turn behind another one of its integration: both wait for
    /// the same client.
    pub(super) fn may_stand_behind(&self, name: Name, other: Name) -> bool {
        let (Some((_, head)), Some((_, before))) = (self.head(name), self.head(other)) else {
            return false;
        };
        name != other
            && name.0 == other.0
            && self.lanes[&other].run_at <= self.now
            && head.client_keys.iter().any(|key| before.client_keys.contains(key))
    }
}
