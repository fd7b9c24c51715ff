//! What the journal shows of itself, beside what the model says.

use super::{
    lanes::Name,
    stage::{Stage, identifier},
    *,
};

impl Stage<'_> {
    /// All that the journal shows of itself.
    pub(super) async fn compare(&self) {
        let wrong = self.journal().reconcile(at(self.model.now)).await.unwrap();
        assert_eq!(wrong, 0, "nothing is to be set right");
        self.compare_jobs().await;
        self.compare_stuck().await;
        self.compare_next_due().await;
        for (index, integration) in self.integrations.iter().enumerate() {
            let id = Some(integration.id.clone());
            let letters = self.journal().dead_letters(id, all()).await.unwrap().items;
            let mut dead: Vec<JobId> = letters.iter().map(|letter| letter.job).collect();
            dead.reverse();
            assert_eq!(dead, self.model.dead(index, i64::MIN));
        }
        for ((crm, link), card) in &self.model.links {
            let crm = &self.accounts[1 + crm].id;
            let found = self.journal().linked_cards(crm, &[identifier(*link)]).await.unwrap();
            assert_eq!(found.iter().map(|link| &link.card).collect::<Vec<_>>(), [card]);
        }
    }

    async fn compare_jobs(&self) {
        for event in &self.model.events {
            for view in self.journal().jobs_of(*event).await.unwrap() {
                let job = &self.model.jobs[&view.job];
                assert_eq!((view.state, view.attempts), (job.state, job.attempts), "{view:?}");
                if job.state == JobState::Pending {
                    assert_eq!(view.run_at, Some(at(job.run_at)), "{view:?}");
                }
                assert_eq!(view.steps, job.steps);
            }
        }
    }

    async fn compare_stuck(&self) {
        let mut shown = BTreeMap::new();
        for view in self.stuck().await {
            let name = self.name(&view);
            let lane = &self.model.lanes[&name];
            let head = lane.stopped_by.or(self.model.head(name).map(|(id, _)| id));
            assert_eq!(Some(view.head), head, "{view:?}");
            let job = &self.model.jobs[&view.head];
            assert_eq!((view.event, view.attempts), (job.event, job.attempts), "{view:?}");
            match view.state {
                LaneState::Stopped => assert!(lane.stopped_by.is_some(), "{view:?}"),
                LaneState::Waiting => assert!(0 < job.attempts, "{view:?}"),
                LaneState::Held => {
                    assert_eq!(lane.stopped_by, None, "{view:?}");
                    let mut others = self.model.lanes.keys();
                    let waits = self.model.is_blocked(name)
                        || others.any(|other| self.model.may_stand_behind(name, *other));
                    assert!(waits, "nobody is before it: {view:?}");
                }
            }
            assert!(shown.insert(name, view.state).is_none(), "once each");
        }
        for (name, lane) in &self.model.lanes {
            let is_stopped = lane.stopped_by.is_some();
            assert_eq!(is_stopped, shown.get(name) == Some(&LaneState::Stopped), "{name:?}");
            if self.model.head(*name).is_some_and(|(_, head)| 0 < head.attempts) {
                assert!(shown.contains_key(name), "{name:?} is shown");
            }
        }
    }

    async fn compare_next_due(&self) {
        let next = self.next_due().await;
        let is_active =
            |name: &&Name| self.model.is_active(name.0) && self.model.head(**name).is_some();
        let active: Vec<Name> = self.model.lanes.keys().filter(is_active).copied().collect();
        let run_at = |name: &Name| self.model.lanes[name].run_at;
        if let Some(next) = next {
            assert!(active.iter().any(|name| at(run_at(name)) == next), "{next} is no lane's time");
        }
        // A lane that is blocked was due before, and so is whichever is offered its client first.
        let free = active.iter().filter(|name| !self.model.is_blocked(**name)).map(run_at).min();
        if let Some(free) = free {
            let latest = at(free.max(self.model.now));
            assert!(next.is_some_and(|next| next <= latest), "{next:?} and not {free}");
        }
    }

    /// The attempts that each job has had.
    pub(super) async fn compare_attempts(&self) {
        for event in &self.model.events {
            let attempts = self.journal().event(*event).await.unwrap().unwrap().attempts;
            for (id, job) in self.model.jobs.iter().filter(|(_, job)| job.event == *event) {
                let of_job = attempts.iter().filter(|attempt| attempt.job == *id);
                let log: Vec<_> =
                    of_job.map(|attempt| (attempt.number, attempt.outcome.as_str())).collect();
                assert_eq!(log, job.log, "{id}");
            }
        }
    }
}
