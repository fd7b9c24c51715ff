//! The rules of an integration, as an operator writes them. Plain data.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, PoolId};

/// How an integration turns an event into changes of its CRM.
///
/// Templates and expressions are minijinja over the event's context, with names of the host's own
/// beside it: see `rules/context.rs`, and `rules/template` for the filters and the limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// An expression; an event for which it is not true is kept as filtered. `None` lets all through.
    pub filter: Option<String>,
    /// Whether the fields that the adapter read are used where no mapping names their key.
    pub own_fields: bool,
    /// What fills the fields of the contact and the deal.
    pub mapping: Vec<Mapping>,
    /// Which values win on a card or deal that has others, where a mapping does not say.
    pub update: Update,
    pub phone: PhoneRule,
    pub contact: ContactRule,
    pub deal: DealRule,
    pub task: TaskRule,
    pub note: NoteRule,
    pub responsible: ResponsibleRule,
    /// Lines for the agent, after those that the CRM adapter gives.
    pub lines: Vec<LineRule>,
    pub push: PushRule,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            filter: None,
            own_fields: true,
            mapping: Vec::new(),
            update: Update::default(),
            phone: PhoneRule::default(),
            contact: ContactRule::default(),
            deal: DealRule::default(),
            task: TaskRule::default(),
            note: NoteRule::default(),
            responsible: ResponsibleRule::default(),
            lines: Vec::new(),
            push: PushRule::default(),
        }
    }
}

/// One field and the template that fills it. An empty result leaves the field alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// `contact.` or `deal.` and the field's key, canonical or the CRM's own: `contact.phone`.
    pub field: String,
    /// A template. A value that is one expression and nothing else keeps its type: a list stays one.
    pub value: String,
    /// Which value wins; `None` for the integration's `update`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
}

/// Which value wins on a card that has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Update {
    /// The card's; only what is empty is filled in.
    #[default]
    OnlyEmpty,
    /// The event's. A phone or an e-mail that loses is kept as an additional one where the CRM can.
    All,
    /// The card's, always: the field is set on new cards and deals only.
    NewOnly,
}

/// The phone standard: one for an integration.
///
/// A number that does not keep it is kept as received and recognises nobody. Without a country and
/// without digits, numbers that name no country are compared digit by digit as received.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhoneRule {
    /// The country of numbers that name none, as ISO 3166 has it: `UA`.
    pub country: Option<String>,
    /// Digits that a number has, the country's code among them; another number is kept as received.
    pub digits: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContactRule {
    /// Whether an unknown client becomes a card.
    pub create: bool,
}

impl Default for ContactRule {
    fn default() -> Self {
        Self { create: true }
    }
}

/// Used where the integration's option `deals` is on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DealRule {
    /// Kinds of events that open a deal, for example `lead-submitted`; empty for every enquiry.
    /// `client-updated` is one where a client says who they are during a chat that has opened none.
    pub events: Vec<String>,
}

/// Used where the integration's option `tasks` is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskRule {
    /// Whether an enquiry of a client whose deal is open becomes a task.
    pub on_repeat: bool,
    /// Minutes after the event was received: when a task is due.
    pub due_minutes: u32,
    pub offline_message: Wording,
    pub missed_call: Wording,
    pub repeat: Wording,
}

impl Default for TaskRule {
    fn default() -> Self {
        Self {
            on_repeat: true,
            due_minutes: 24 * 60,
            offline_message: Wording::default(),
            missed_call: Wording::default(),
            repeat: Wording::default(),
        }
    }
}

/// Templates for a task's texts; `None` for the built-in words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wording {
    pub title: Option<String>,
    pub text: Option<String>,
}

/// Used where the integration's option `notes` is on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoteRule {
    /// Whether an enquiry leaves a note of where it came from: channel, page, referrer, campaign.
    pub source: bool,
    /// Whether each message leaves a note with its author: for channels that tell the messages of a
    /// conversation one by one, and not again at its end.
    pub messages: bool,
}

/// Who looks after a new card, deal or task: the first that there is, in the order of the fields.
///
/// A card's own manager comes after `agent` and before `pool`; the task of an open deal, or of a card
/// that has a manager, is theirs before all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResponsibleRule {
    /// Whether the agent of the conversation is taken, where the CRM knows a manager with the same
    /// e-mail or login.
    pub agent: bool,
    /// Managers who take turns.
    pub pool: Option<PoolId>,
    /// A manager's id or e-mail in the CRM.
    pub default: Option<String>,
}

impl Default for ResponsibleRule {
    fn default() -> Self {
        Self { agent: true, pool: None, default: None }
    }
}

/// A line that an agent is shown. Templates see the card as `card`; an empty text shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineRule {
    pub title: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What the channel is told once the CRM is up to date, where its adapter can.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushRule {
    /// A template: the tag that the client gets.
    pub tag: Option<String>,
    /// Whether the card is shown.
    pub card: bool,
}

/// A named collection of managers who take turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    pub id: PoolId,
    /// The CRM account whose managers they are.
    pub crm: AccountId,
    #[serde(default)]
    pub strategy: Strategy,
    pub members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The manager's id or e-mail in the CRM.
    pub manager: String,
    /// Turns in comparison with the others, where the strategy is weighted: 1 to 100.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

/// Who is next. A manager who is not active in the CRM is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// In turn, as often as their weights say.
    Weighted,
    /// Whoever looks after the fewest cards.
    LeastLoaded,
}
