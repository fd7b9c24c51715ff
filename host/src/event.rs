//! A webhook, the events read from it and the answer to it. Plain data, as in `wit/channel.wit`.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::card::{
    AdapterError, Assignment, Call, Card, Field, Identifier, Message, Person, Transcript,
};

/// A webhook exactly as it arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// What follows the webhook URL, without the query, still encoded.
    pub path: String,
    pub query: String,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Bytes,
    pub received_at: Timestamp,
    pub remote_address: String,
}

impl std::fmt::Debug for Request {
    /// Sizes only: headers and bodies hold personal data and secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// An answer to a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }
}

/// A page that a channel shows in another system's window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub content_type: String,
    /// Who may frame it and what it may load.
    pub content_security_policy: String,
    pub body: Vec<u8>,
}

/// What a channel adapter made of a webhook.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    Events(Intake),
    Answer(Response),
    Reject(Rejection),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Intake {
    pub events: Vec<Event>,
    /// The answer where no event wants a reply, and the safe one at the deadline.
    pub fallback: Response,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub status: u16,
    pub reason: String,
}

/// One thing that happened between a client and the company.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The adapter's own; not kept with the event, which the journal knows by its id.
    #[serde(skip)]
    pub dedup_key: Option<String>,
    /// The lane.
    #[serde(skip)]
    pub conversation: String,
    /// The chat, call or form within the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<String>,
    pub wants_reply: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<String>,
    pub kind: Kind,
    pub client: Vec<Identifier>,
    pub fields: Vec<Field>,
    pub agents: Vec<Person>,
    /// An object for templates and filters; `None` for the body itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    ConversationStarted,
    ClientUpdated,
    ConversationAssigned(String),
    ConversationFinished(Transcript),
    MessageReceived(Message),
    OfflineMessage(String),
    LeadSubmitted,
    CallStarted(Call),
    CallForwarded(Call),
    CallAnswered(Call),
    CallFinished(Call),
    CallRated(Call),
    ClientAsked,
    ManagersAsked(Option<String>),
    Ignored(String),
}

impl Kind {
    /// The name as in the contract, for the journal and for metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ConversationStarted => "conversation-started",
            Self::ClientUpdated => "client-updated",
            Self::ConversationAssigned(_) => "conversation-assigned",
            Self::ConversationFinished(_) => "conversation-finished",
            Self::MessageReceived(_) => "message-received",
            Self::OfflineMessage(_) => "offline-message",
            Self::LeadSubmitted => "lead-submitted",
            Self::CallStarted(_) => "call-started",
            Self::CallForwarded(_) => "call-forwarded",
            Self::CallAnswered(_) => "call-answered",
            Self::CallFinished(_) => "call-finished",
            Self::CallRated(_) => "call-rated",
            Self::ClientAsked => "client-asked",
            Self::ManagersAsked(_) => "managers-asked",
            Self::Ignored(_) => "ignored",
        }
    }

    /// Whether there is anything to do for a CRM.
    pub fn makes_a_job(&self) -> bool {
        !matches!(self, Self::Ignored(_))
    }
}

/// What became of the client's card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    None,
    Found,
    Created,
    Updated,
}

/// What the host did with one event: what `reply` renders and the journal shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventOutcome {
    pub effect: Effect,
    pub cards: Vec<Card>,
    pub assignments: Vec<Assignment>,
    pub next_page: Option<String>,
    pub problem: Option<AdapterError>,
    /// What the operator should know of it. Not for the channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

/// Something that the rules decided and that nobody would expect. No personal data but ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    pub kind: RemarkKind,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemarkKind {
    /// The filter let it not through: nothing was done.
    Filtered,
    /// Two or more cards match: none was merged, a person has to.
    Conflict,
    /// The CRM has no tasks: a note says the same.
    TaskAsNote,
    /// The CRM, or the channel, cannot do what a rule asks for.
    Unsupported,
    /// A rule forbids what else would have been made.
    Forbidden,
    /// Nobody of the pool is active, or the default is no manager: the CRM decides.
    NoManager,
    /// A template failed: its field was left alone.
    Template,
    /// The card that an agent has named is none of the CRM's.
    UnknownCard,
}

impl EventOutcome {
    /// Nothing was found, made or asked for.
    pub fn nothing() -> Self {
        Self {
            effect: Effect::None,
            cards: Vec::new(),
            assignments: Vec::new(),
            next_page: None,
            problem: None,
            remarks: Vec::new(),
        }
    }
}
