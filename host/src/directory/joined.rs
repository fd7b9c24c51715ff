//! Integrations and pools: what joins accounts, and the rules it is done by.

use std::{collections::BTreeMap, sync::Arc};

use super::{Directory, Error, Snapshot, invalid};
use crate::{
    account::{Integration, IntegrationOptions, Pool, Role, Rules},
    card::Problem,
    id::{AccountId, IntegrationId, PoolId},
    rules::{book::Rulebook, pool},
};

/// The rules of every integration, or what is wrong with them.
pub(super) type Books = BTreeMap<IntegrationId, Result<Arc<Rulebook>, Vec<Problem>>>;

impl Snapshot {
    /// Compiles rules for an integration of this CRM account, without keeping them.
    pub fn compile(
        &self,
        channel: &AccountId,
        crm: &AccountId,
        rules: Rules,
        options: IntegrationOptions,
    ) -> Result<Rulebook, Vec<Problem>> {
        let mut problems = self.push_problems(channel, &rules);
        problems.extend(self.pool_problem(crm, &rules));
        with(Rulebook::compile(rules, options), problems)
    }

    fn pool_problem(&self, crm: &AccountId, rules: &Rules) -> Option<Problem> {
        let wanted = rules.responsible.pool.as_ref()?;
        let message = match self.pools.get(wanted) {
            Some(pool) if pool.crm == *crm => return None,
            Some(pool) => {
                format!("the managers of pool `{wanted}` are those of account `{}`", pool.crm)
            }
            None => format!("there is no pool `{wanted}`: create it first"),
        };
        Some(problem("rules.responsible.pool", message))
    }

    /// A channel whose plugin cannot be told anything, and rules that tell it something.
    fn push_problems(&self, channel: &AccountId, rules: &Rules) -> Vec<Problem> {
        let plugin = self.accounts.get(channel).and_then(|entry| self.plugin_of(&entry.account));
        if plugin.is_none_or(|plugin| plugin.has(Role::ChannelPush)) {
            return Vec::new();
        }
        let message = || format!("the channel of account `{channel}` cannot be told anything");
        let asked =
            [("rules.push.tag", rules.push.tag.is_some()), ("rules.push.card", rules.push.card)];
        let asked = asked.into_iter().filter(|(_, is_asked)| *is_asked);
        asked.map(|(field, _)| problem(field, message())).collect()
    }
}

/// The rules of all integrations.
pub(super) fn books(before: &Snapshot, next: &Snapshot) -> Books {
    let mut books = Books::new();
    for integration in next.integrations.values() {
        let book = book(before, next, integration);
        if let Err(problems) = &book
            && before.problems_of(&integration.id) != problems
        {
            tracing::error!(
                integration.name = %integration.id,
                ?problems,
                "the rules of an integration are not right any more: its jobs wait"
            );
        }
        books.insert(integration.id.clone(), book);
    }
    books
}

/// What did not change keeps its book. Of a push that its channel cannot do any more the journal
/// tells.
fn book(
    before: &Snapshot,
    next: &Snapshot,
    integration: &Integration,
) -> Result<Arc<Rulebook>, Vec<Problem>> {
    let Integration { id, crm, options, rules, .. } = integration;
    let is_same = before.integrations.get(id) == Some(integration);
    let compiled = match before.rulebook_of(id).filter(|_| is_same) {
        Some(kept) => Ok(Arc::clone(kept)),
        None => Rulebook::compile(rules.clone(), *options).map(Arc::new),
    };
    with(compiled, next.pool_problem(crm, rules))
}

/// The book, unless there are more problems.
fn with<B>(
    compiled: Result<B, Vec<Problem>>,
    more: impl IntoIterator<Item = Problem>,
) -> Result<B, Vec<Problem>> {
    let more: Vec<Problem> = more.into_iter().collect();
    match compiled {
        Ok(book) if more.is_empty() => Ok(book),
        Ok(_) => Err(more),
        Err(found) => Err([found, more].concat()),
    }
}

impl Directory {
    /// Sets an integration, after its two ends and its rules were checked.
    pub async fn put_integration(self: &Arc<Self>, integration: Integration) -> Result<(), Error> {
        let directory = Arc::clone(self);
        self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            let snapshot = directory.snapshot();
            let Integration { channel, crm, rules, options, .. } = &integration;
            let mut problems: Vec<Problem> = [
                end_problem(&snapshot, "channel", channel, Role::Channel),
                end_problem(&snapshot, "crm", crm, Role::Contacts),
            ]
            .into_iter()
            .flatten()
            .collect();
            let compiled = snapshot.compile(channel, crm, rules.clone(), *options);
            problems.extend(compiled.err().unwrap_or_default());
            if !problems.is_empty() {
                return Err(Error::Invalid(problems));
            }
            directory.stores.registry.put_integration(integration).await?;
            directory.reload().await
        })
        .await
    }

    /// Sets a pool, after it was checked.
    pub async fn put_pool(self: &Arc<Self>, pool: Pool) -> Result<(), Error> {
        let directory = Arc::clone(self);
        self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            let snapshot = directory.snapshot();
            let mut problems = pool::problems(&pool);
            problems.extend(end_problem(&snapshot, "crm", &pool.crm, Role::Contacts));
            if !problems.is_empty() {
                return Err(Error::Invalid(problems));
            }
            let before = snapshot.pools.get(&pool.id);
            if before.is_some_and(|before| before.crm != pool.crm)
                && let Some(user) = user_of(&snapshot, &pool.id)
            {
                let message = format!("integration `{user}` draws from it: its CRM account stays");
                return Err(invalid("crm", message));
            }
            directory.stores.registry.put_pool(pool).await?;
            directory.reload().await
        })
        .await
    }

    /// Removes a pool that no integration draws from. Returns whether there was one.
    pub async fn delete_pool(self: &Arc<Self>, id: PoolId) -> Result<bool, Error> {
        let directory = Arc::clone(self);
        self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            if let Some(user) = user_of(&directory.snapshot(), &id) {
                return Err(Error::InUse(format!(
                    "integration `{user}` draws from pool `{id}`: change its rules first"
                )));
            }
            let deleted = directory.stores.registry.delete_pool(&id).await?;
            directory.reload().await?;
            Ok(deleted)
        })
        .await
    }
}

/// An integration that draws from the pool.
fn user_of<'a>(snapshot: &'a Snapshot, pool: &PoolId) -> Option<&'a IntegrationId> {
    let draws = |it: &&Integration| it.rules.responsible.pool.as_ref() == Some(pool);
    snapshot.integrations.values().find(draws).map(|it| &it.id)
}

fn problem(field: &str, message: String) -> Problem {
    Problem { field: Some(field.to_owned()), message }
}

fn end_problem(snapshot: &Snapshot, field: &str, id: &AccountId, role: Role) -> Option<Problem> {
    let wanted = if role == Role::Channel { "a channel" } else { "a CRM" };
    let message = match snapshot.accounts.get(id) {
        None => format!("there is no account `{id}`: create it first"),
        Some(entry) => match snapshot.plugin_of(&entry.account) {
            Some(plugin) if plugin.has(role) => return None,
            Some(_) => format!("the plugin of account `{id}` is not {wanted} adapter"),
            None => format!("the plugin of account `{id}` is not installed"),
        },
    };
    Some(Problem { field: Some(field.to_owned()), message })
}
