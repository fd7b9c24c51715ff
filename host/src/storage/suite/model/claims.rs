//! Which leases a claim may give, and which it must.
//!
//! What is left open: which of several lanes that wait for one client comes first, and the order of
//! lanes that were due at the same time.

use super::{lanes::Name, *};

/// A claim, and what is left of it.
#[derive(Debug)]
pub(super) struct Quota {
    pub shares: [(u32, u32, u32); 3],
    pub limit: u32,
}

impl Quota {
    fn left(&self, integration: usize, is_again: bool) -> u32 {
        let (first, again, room) = self.shares[integration];
        room.min(if is_again { again } else { first })
    }

    fn take(&mut self, integration: usize, is_again: bool) {
        let (first, again, room) = &mut self.shares[integration];
        for left in [if is_again { again } else { first }, room] {
            *left = left.checked_sub(1).expect("no more than the share");
        }
        self.limit = self.limit.checked_sub(1).expect("no more than the limit");
    }
}

impl Model {
    /// Takes over what was leased, after it is found right.
    pub(super) fn claimed(&mut self, mut quota: Quota, until: i64, jobs: &[LeasedJob]) {
        let mut started = Vec::new();
        for leased in jobs {
            let id = leased.lease.job;
            let job = self.jobs.get(&id).expect("a job that was accepted");
            let name = job.lane;
            assert_eq!(self.head(name).map(|(head, _)| head), Some(id), "{name:?}: the head");
            assert!(self.is_due(name), "{name:?} is due and active");
            assert!(!self.is_blocked(name), "{name:?}: nobody works on its client");
            assert!(self.lanes[&name].fence < leased.lease.fence, "{name:?}: a new fence");
            assert_eq!(
                (leased.event_id, leased.attempt, leased.is_again, leased.accepted_at),
                (job.event, job.attempts + 1, job.is_again, at(job.accepted_at)),
            );
            assert_eq!(leased.steps, job.steps);
            quota.take(name.0, job.is_again);
            started.push((name, self.lanes[&name].run_at));
            self.start(leased.lease, until);
        }
        let open = self.open(&quota);
        if quota.limit == 0 {
            self.check_order(&quota, &open, &started);
        } else {
            assert_eq!(open, [], "there was room, {quota:?} is left");
        }
    }

    /// Lanes that could run within the quota, and need not wait behind another one.
    fn open(&self, quota: &Quota) -> Vec<Name> {
        let has_share = |name: Name| {
            let again = self.head(name).is_some_and(|(_, head)| head.is_again);
            0 < quota.left(name.0, again)
        };
        let names = || self.lanes.keys().copied();
        names()
            .filter(|name| self.is_free(*name) && has_share(*name))
            .filter(|name| {
                !names().any(|other| {
                    self.may_stand_behind(*name, other) && (quota.limit == 0 || !has_share(other))
                })
            })
            .collect()
    }

    /// With more due than the limit: the oldest of each integration, in turns.
    fn check_order(&self, quota: &Quota, open: &[Name], started: &[(Name, i64)]) {
        let count =
            |integration: usize| started.iter().filter(|(it, _)| it.0 == integration).count();
        for name in open {
            let run_at = self.lanes[name].run_at;
            for (other, other_run_at) in started.iter().filter(|(other, _)| other.0 == name.0) {
                assert!(*other_run_at <= run_at, "{name:?} is older than {other:?}, {quota:?}");
            }
            // A lane that is due and cannot run takes a turn as well.
            let passed = self
                .lanes
                .keys()
                .filter(|it| it.0 == name.0 && self.is_due(**it) && self.is_blocked(**it));
            let turns = count(name.0) + passed.count();
            for other in 0..3 {
                assert!(
                    count(other) <= turns + 1,
                    "{name:?} waits for integration {other}: {started:?}"
                );
            }
        }
    }
}
