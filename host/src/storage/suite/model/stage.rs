//! Runs each operation on the journal and on the model, and compares the two.

use super::{
    claims::Quota,
    lanes::{CRM_OF, Name},
    *,
};

pub(super) const LEASE_S: i64 = 10;
const WINDOW_S: i64 = 8;
/// Cases share a database, and none of their times.
const CASE_S: i64 = 10_000;
const PLENTY: u32 = 1000;

/// One case: accounts and integrations of its own, and what the model makes of them.
pub(super) struct Stage<'a> {
    stores: &'a Stores,
    pub(super) accounts: [Account; 3],
    pub(super) integrations: [Integration; 3],
    pub(super) model: Model,
    begin: i64,
}

impl<'a> Stage<'a> {
    pub(super) async fn new(stores: &'a Stores, number: i64) -> Self {
        let begin = (number + 1) * CASE_S;
        // What a case that failed has left behind.
        stores.journal.reap(at(begin)).await.unwrap();
        let accounts =
            ["channel", "crm-0", "crm-1"].map(|name| account(&format!("{name}-{number}")));
        for account in &accounts {
            stores.registry.put_account(None, account.clone()).await.unwrap();
        }
        let integrations = [0, 1, 2].map(|index| Integration {
            channel: accounts[0].id.clone(),
            crm: accounts[1 + CRM_OF[index]].id.clone(),
            ..integration(&format!("it-{index}-{number}"), "odoo")
        });
        for integration in &integrations {
            stores.registry.put_integration(integration.clone()).await.unwrap();
        }
        let model = Model { now: begin, ..Model::default() };
        Self { stores, accounts, integrations, model, begin }
    }

    pub(super) fn journal(&self) -> &'a dyn Journal {
        self.stores.journal.as_ref()
    }

    pub(super) async fn run(&mut self, operation: &Operation) {
        let now = at(self.model.now);
        match operation {
            Operation::Accept(told) => self.accept(told).await,
            Operation::Lease { shares, limit } => self.lease(*shares, *limit).await,
            Operation::LeaseAll => self.lease_all().await,
            Operation::Settle { which, end, link } => {
                if let Some(lease) = pick(self.leases(), *which) {
                    self.settle(lease, *end, *link).await;
                }
            }
            Operation::RecordStep { which, name, state } => {
                if let Some(lease) = pick(self.leases(), *which) {
                    self.record_step(lease, *name, *state).await;
                }
            }
            Operation::Extend { which, seconds } => {
                if let Some(lease) = pick(self.leases(), *which) {
                    self.extend(lease, self.model.now + seconds).await;
                }
            }
            Operation::TooLate { which, ask } => {
                if let Some(lease) = pick(self.model.spent.clone(), *which) {
                    self.ask_too_late(lease, *ask).await;
                }
            }
            Operation::Reap => {
                assert_eq!(self.journal().reap(now).await.unwrap(), self.model.reap());
            }
            Operation::Replay(which) => {
                if let Some(job) = pick(self.model.jobs.keys().copied().collect(), *which) {
                    let replayed = self.journal().replay(job, now).await.unwrap();
                    assert_eq!(replayed, self.model.replay(job));
                }
            }
            Operation::ReplayAll { integration, seconds, limit } => {
                self.replay_all(*integration, self.model.now - seconds, *limit).await;
            }
            Operation::Resume(which) => {
                if let Some(view) = pick(self.stuck().await, *which) {
                    let resumed = self.journal().resume_lane(view.lane, now).await.unwrap();
                    assert_eq!(resumed, self.model.resume(self.name(&view)));
                }
            }
            Operation::SwitchAccount(index) => self.switch_account(*index).await,
            Operation::SwitchIntegration(index) => self.switch_integration(*index).await,
            Operation::Pass(seconds) => self.model.now += seconds,
        }
    }

    async fn accept(&mut self, told: &[Told]) {
        let now = self.model.now;
        let events = told.iter().map(|told| NewEvent {
            dedup_since: at(now - WINDOW_S),
            client_keys: told.client_keys.iter().copied().map(ClientKey).collect(),
            integrations: told
                .integrations
                .iter()
                .map(|it| self.integrations[*it].id.clone())
                .collect(),
            ..new_event(&format!("key-{}", told.dedup_key), &conversation(told.conversation), &[])
        });
        let reading = NewReading::Events(events.collect());
        let webhook = NewWebhook { account: self.accounts[0].id.clone(), ..webhook(now, reading) };
        let accepted = accept(self.stores, webhook).await.events;
        assert_eq!(accepted.len(), told.len());
        for (told, accepted) in told.iter().zip(accepted) {
            let known = self.model.known.get(&told.dedup_key);
            if let Some((id, _)) = known.filter(|(_, received_at)| now - WINDOW_S <= *received_at) {
                assert_eq!(accepted, AcceptedEvent { id: *id, is_duplicate: true }, "{told:?}");
            } else {
                assert!(!accepted.is_duplicate, "{told:?}");
                let jobs = self.journal().jobs_of(accepted.id).await.unwrap();
                self.model.accept(told, accepted.id, &jobs);
            }
        }
    }

    async fn lease(&mut self, shares: [(u32, u32, u32); 3], limit: u32) {
        let until = self.model.now + LEASE_S;
        let shares_of = self.integrations.iter().zip(shares);
        let claim = Claim {
            shares: shares_of
                .map(|(it, (first, again, room))| Share {
                    integration: it.id.clone(),
                    first,
                    again,
                    room,
                })
                .collect(),
            limit,
            now: at(self.model.now),
            until: at(until),
        };
        let jobs = self.journal().lease(claim).await.unwrap();
        self.model.claimed(Quota { shares, limit }, until, &jobs);
    }

    /// Afterwards nothing is due, and who waits for a client is shown as held.
    async fn lease_all(&mut self) {
        self.lease([(PLENTY, PLENTY, PLENTY); 3], PLENTY).await;
        let due = self.next_due().await;
        assert!(due.is_none_or(|due| at(self.model.now) < due), "{due:?} is over");
        let held: Vec<Name> = self
            .stuck()
            .await
            .iter()
            .filter(|view| view.state == LaneState::Held)
            .map(|view| self.name(view))
            .collect();
        for name in self.model.lanes.keys().filter(|name| self.model.is_due(**name)) {
            assert!(self.model.is_blocked(*name) && held.contains(name), "{name:?} is held");
        }
    }

    async fn settle(&mut self, lease: Lease, end: End, link: Option<u8>) {
        let crm = CRM_OF[self.model.jobs[&lease.job].lane.0];
        let card = format!("card-{}", self.model.spent.len());
        let links = link.map(|link| IdentityLink {
            crm: self.accounts[1 + crm].id.clone(),
            identifier: identifier(link),
            card: card.clone(),
        });
        let settlement = Settlement { links: links.into_iter().collect(), ..self.ending(end) };
        let outcome = settlement.outcome;
        self.journal().settle(lease, settlement, at(self.model.now)).await.unwrap();
        self.model.settle(lease, end, outcome);
        if let Some(link) = link {
            self.model.links.insert((crm, link), card);
        }
    }

    fn ending(&self, end: End) -> Settlement {
        match end {
            End::Done => settlement(Next::Done),
            End::Again { wait, counts } => {
                Settlement { counts, ..settlement(Next::ReadyAt(at(self.model.now + wait))) }
            }
            End::Dead { stops_lane } => Settlement { stops_lane, ..settlement(Next::Dead) },
        }
    }

    async fn record_step(&mut self, lease: Lease, name: u8, state: StepState) {
        let step = step(name, lease.fence, state);
        self.journal().record_step(lease, step.clone()).await.unwrap();
        let steps = &mut self.model.jobs.get_mut(&lease.job).unwrap().steps;
        match steps.iter_mut().find(|known| known.name == step.name) {
            Some(known) => *known = step,
            None => steps.push(step),
        }
    }

    async fn extend(&mut self, lease: Lease, until: i64) {
        self.journal().extend(lease, at(until)).await.unwrap();
        let lane = self.model.jobs[&lease.job].lane;
        let running = self.model.lanes.get_mut(&lane).unwrap().running.as_mut().unwrap();
        running.until = running.until.max(until);
    }

    async fn ask_too_late(&self, lease: Lease, ask: Ask) {
        let now = self.model.now;
        let answer = match ask {
            Ask::Settle => self.journal().settle(lease, settlement(Next::Done), at(now)).await,
            Ask::RecordStep => {
                self.journal().record_step(lease, step(0, -1, StepState::Done)).await
            }
            Ask::Extend => self.journal().extend(lease, at(now + 1000)).await,
        };
        assert!(matches!(answer, Err(Error::LeaseLost)), "{answer:?}");
    }

    async fn replay_all(&mut self, integration: usize, since: i64, limit: u32) {
        let filter = ReplayFilter {
            integration: Some(self.integrations[integration].id.clone()),
            died_since: Some(at(since)),
            ..ReplayFilter::default()
        };
        let now = at(self.model.now);
        let replayed = self.journal().replay_all(&filter, limit, now).await.unwrap();
        let mut dead = self.model.dead(integration, since);
        dead.truncate(limit.try_into().unwrap());
        assert_eq!(replayed, u64::try_from(dead.len()).unwrap());
        for job in dead {
            self.model.replay(job);
        }
    }

    async fn switch_account(&mut self, index: usize) {
        let is_paused = &mut self.model.paused_accounts[index];
        *is_paused = !*is_paused;
        let state = if *is_paused {
            AccountState::Paused("refused".to_owned())
        } else {
            AccountState::Active
        };
        let before = self.accounts[index].clone();
        self.accounts[index].state = state;
        let after = self.accounts[index].clone();
        self.stores.registry.put_account(Some(&before), after).await.unwrap();
    }

    async fn switch_integration(&mut self, index: usize) {
        let is_disabled = &mut self.model.disabled_integrations[index];
        *is_disabled = !*is_disabled;
        self.integrations[index].enabled = !*is_disabled;
        self.stores.registry.put_integration(self.integrations[index].clone()).await.unwrap();
    }

    fn leases(&self) -> Vec<Lease> {
        self.model.running().map(|running| running.lease).collect()
    }

    pub(super) async fn next_due(&self) -> Option<Timestamp> {
        let integrations = self.integrations.each_ref().map(|it| it.id.clone());
        self.journal().next_due(&integrations).await.unwrap()
    }

    pub(super) async fn stuck(&self) -> Vec<LaneView> {
        let mut views = Vec::new();
        for integration in &self.integrations {
            let id = Some(integration.id.clone());
            let found = self.journal().stuck_lanes(id, all()).await.unwrap().items;
            assert!(found.is_sorted_by(|one, next| next.lane < one.lane), "the newest first");
            views.extend(found);
        }
        views
    }

    pub(super) fn name(&self, view: &LaneView) -> Name {
        let integration = self.integrations.iter().position(|it| it.id == view.integration);
        let conversation = (0..CONVERSATIONS).find(|it| conversation(*it) == view.conversation);
        (integration.unwrap(), conversation.unwrap())
    }

    /// Everything is let go on, and runs: each job that waits exactly once more.
    pub(super) async fn drain(mut self) {
        for index in 0..3 {
            if self.model.paused_accounts[index] {
                self.switch_account(index).await;
            }
            if self.model.disabled_integrations[index] {
                self.switch_integration(index).await;
            }
        }
        for view in self.stuck().await {
            let now = at(self.model.now);
            let resumed = self.journal().resume_lane(view.lane, now).await.unwrap();
            assert_eq!(resumed, self.model.resume(self.name(&view)));
        }
        self.model.now += CASE_S / 2;
        assert_eq!(self.journal().reap(at(self.model.now)).await.unwrap(), self.model.reap());
        loop {
            self.lease_all().await;
            let leases = self.leases();
            if leases.is_empty() {
                break;
            }
            for lease in leases {
                self.settle(lease, End::Done, None).await;
            }
            self.model.now += 1;
        }
        self.compare().await;
        assert_eq!(self.next_due().await, None);
        assert!(self.begin <= self.model.now && self.model.now < self.begin + CASE_S);
        for (id, job) in &self.model.jobs {
            assert_eq!(u32::from(job.state == JobState::Done), job.done, "{id}: {job:?}");
            assert!(matches!(job.state, JobState::Done | JobState::Dead), "{id}: {job:?}");
        }
        self.compare_attempts().await;
    }
}

fn pick<T>(mut items: Vec<T>, which: Index) -> Option<T> {
    if items.is_empty() { None } else { Some(items.swap_remove(which.index(items.len()))) }
}

pub(super) fn conversation(number: usize) -> String {
    format!("chat-{number}")
}

pub(super) fn identifier(number: u8) -> Identifier {
    Identifier::Phone(format!("+1555010{number}"))
}

fn step(name: u8, fence: i64, state: StepState) -> Step {
    let result = (state == StepState::Done).then(|| format!("\"made under {fence}\""));
    let name = format!("step-{name}");
    Step { idempotency_key: format!("{name}-{fence}"), name, state, result }
}
