//! Who looks after a card, a deal or a task that this job makes.

use super::{Failure, facts::Loads, ledger::Ledger};
use crate::{
    account::{ResponsibleRule, Strategy},
    card::Person,
    id::PoolId,
    rules::{
        decision::Decision,
        responsible::{self, Choice, Chosen, Turn},
    },
};

impl Ledger<'_> {
    /// The manager's id in the CRM; `None` where the CRM decides. `holder` looks after the card or
    /// the deal already.
    pub(super) async fn responsible(
        &self,
        rule: &ResponsibleRule,
        agents: &[Person],
        holder: Option<&Person>,
    ) -> Result<Option<String>, Failure> {
        let asks_for_agent = rule.agent && !agents.is_empty();
        let managers = if asks_for_agent || rule.pool.is_some() || rule.default.is_some() {
            self.managers().await?
        } else {
            None
        };
        let managers = managers.as_deref();
        let chosen = responsible::choose(rule, agents, managers, holder);
        let chosen = match &chosen.choice {
            Choice::Draw(pool) => {
                if let Some(drawn) = self.drawn(pool, managers).await? {
                    let because = format!("it is their turn in the pool `{pool}`");
                    self.decide(Decision::new("responsible", drawn.as_str(), because));
                    return Ok(Some(drawn));
                }
                responsible::last_resort(rule, managers)
            }
            Choice::Manager(_) | Choice::Nobody => chosen,
        };
        let Chosen { choice, decision, remark } = chosen;
        self.decide(decision);
        if let Some(remark) = remark {
            self.remark(remark);
        }
        Ok(match choice {
            Choice::Manager(id) => Some(id),
            Choice::Draw(_) | Choice::Nobody => None,
        })
    }

    /// `None` where nobody of the pool is active.
    async fn drawn(
        &self,
        pool: &PoolId,
        managers: Option<&[Person]>,
    ) -> Result<Option<String>, Failure> {
        let snapshot = self.means.directory.snapshot();
        let Some(pool) = snapshot.pools.get(pool) else { return Ok(None) };
        let loads = if pool.strategy == Strategy::LeastLoaded {
            self.loads().await?
        } else {
            Loads::default()
        };
        let turn = Turn {
            strategy: pool.strategy,
            candidates: responsible::candidates(pool, managers, &loads.cards),
            counted_at: loads.counted_at,
            now: self.now(),
        };
        Ok(self.draw(&pool.id, turn).await?)
    }
}
