//! Who looks after a card, a deal or a task.

use std::collections::BTreeMap;

use super::{decision::Decision, pool::WEIGHT_MAX};
use crate::{
    account::{Pool, ResponsibleRule},
    card::Person,
    event::{Remark, RemarkKind},
    id::PoolId,
};

mod turns;

pub use self::turns::{Candidate, PoolState, Turn, draw};

/// Who was found, or where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A manager's id in the CRM.
    Manager(String),
    /// Whoever is next in this pool; `last_resort` where nobody of it is active.
    Draw(PoolId),
    /// The CRM decides.
    Nobody,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub choice: Choice,
    pub decision: Decision,
    pub remark: Option<Remark>,
}

impl Chosen {
    fn new(choice: Choice, decided: impl Into<String>, because: impl Into<String>) -> Self {
        let decision = Decision::new("responsible", decided, because);
        Self { choice, decision, remark: None }
    }
}

/// The first that there is: the agent, the holder (the card's or the open deal's manager), the
/// pool, the default.
///
/// `managers` is `None` where the CRM does not tell who its managers are: then an agent is nobody
/// it knows, and the rest is taken at its word.
pub fn choose(
    rule: &ResponsibleRule,
    agents: &[Person],
    managers: Option<&[Person]>,
    holder: Option<&Person>,
) -> Chosen {
    if rule.agent
        && let Some(id) = agents.iter().find_map(|agent| manager_of(agent, managers?))
    {
        return Chosen::new(
            Choice::Manager(id.clone()),
            format!("manager {id}"),
            "the agent of the conversation has the same e-mail or login",
        );
    }
    if let Some(id) = holder.and_then(|holder| active_id(holder, managers)) {
        let because = "the card, or its open deal, is this manager's";
        return Chosen::new(Choice::Manager(id.clone()), format!("manager {id}"), because);
    }
    match &rule.pool {
        Some(pool) => Chosen::new(
            Choice::Draw(pool.clone()),
            format!("whoever is next in the pool {pool}"),
            "there is no agent that the CRM knows, and no active manager yet",
        ),
        None => last_resort(rule, managers),
    }
}

/// The default; for rules without a pool, and for a pool of whom nobody is active.
pub fn last_resort(rule: &ResponsibleRule, managers: Option<&[Person]>) -> Chosen {
    let is_pool_empty = rule.pool.is_some();
    let Some(default) = &rule.default else {
        let mut chosen = Chosen::new(Choice::Nobody, "the CRM decides", "no rule names anybody");
        if is_pool_empty {
            "nobody of the pool is active".clone_into(&mut chosen.decision.because);
            chosen.remark = Some(no_manager("nobody of the pool is active: the CRM decides"));
        }
        return chosen;
    };
    let Some(id) = resolve(default, managers) else {
        let because = "the default is no active manager of the CRM";
        let mut chosen = Chosen::new(Choice::Nobody, "the CRM decides", because);
        chosen.remark = Some(no_manager(
            "`rules.responsible.default` is no active manager of the CRM: the CRM decides",
        ));
        return chosen;
    };
    let because = if is_pool_empty { "nobody of the pool is active" } else { "the default" };
    let mut chosen = Chosen::new(Choice::Manager(id.clone()), format!("manager {id}"), because);
    chosen.remark = is_pool_empty
        .then(|| no_manager("nobody of the pool is active: the default manager was taken"));
    chosen
}

/// The active members in the pool's order. `loads` counts cards by the manager's id.
pub fn candidates(
    pool: &Pool,
    managers: Option<&[Person]>,
    loads: &BTreeMap<String, u64>,
) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::with_capacity(pool.members.len());
    for member in &pool.members {
        let Some(manager) = resolve(&member.manager, managers) else { continue };
        // One person, by id and by e-mail, has one turn.
        if found.iter().any(|known| known.manager == manager) {
            continue;
        }
        let load = loads.get(&manager).copied().unwrap_or(0);
        let weight = member.weight.clamp(1, WEIGHT_MAX);
        found.push(Candidate { manager, weight, load });
    }
    found
}

/// The id of the active manager with this id or e-mail.
fn resolve(wanted: &str, managers: Option<&[Person]>) -> Option<String> {
    let Some(managers) = managers else { return Some(wanted.to_owned()) };
    let by_id = managers.iter().find(|it| it.id.as_deref() == Some(wanted));
    let by_email = || managers.iter().find(|it| is_same(it.email.as_deref(), wanted));
    by_id.or_else(by_email).filter(|it| it.active)?.id.clone()
}

/// The holder's id, where the holder is active as far as the CRM tells.
fn active_id(holder: &Person, managers: Option<&[Person]>) -> Option<String> {
    let id = holder.id.as_deref()?;
    let is_active = managers
        .is_none_or(|managers| managers.iter().any(|it| it.active && it.id.as_deref() == Some(id)));
    is_active.then(|| id.to_owned())
}

/// The active manager whom the CRM knows by the agent's e-mail or login. Ids are of two systems
/// and say nothing, and neither does a name that is a number or of several words: it is no login.
fn manager_of(agent: &Person, managers: &[Person]) -> Option<String> {
    let is_login = |name: &&str| {
        !name.trim().contains(char::is_whitespace) && name.chars().any(char::is_alphabetic)
    };
    let logins = [agent.email.as_deref(), agent.name.as_deref().filter(is_login)];
    let is_agent = |manager: &&Person| {
        let names = [manager.email.as_deref(), manager.id.as_deref()];
        logins.into_iter().flatten().any(|login| names.iter().any(|name| is_same(*name, login)))
    };
    managers.iter().filter(|manager| manager.active).find(is_agent)?.id.clone()
}

fn is_same(one: Option<&str>, other: &str) -> bool {
    let other = other.trim();
    !other.is_empty() && one.is_some_and(|one| one.trim().to_lowercase() == other.to_lowercase())
}

fn no_manager(text: &str) -> Remark {
    Remark { kind: RemarkKind::NoManager, text: text.to_owned() }
}

#[cfg(test)]
mod tests;
