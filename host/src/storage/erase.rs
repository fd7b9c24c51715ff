//! Whom an erasure is about, and what is left of what is erased: the same for every backend.

use crate::{
    card::{Call, ExternalId, Identifier, Message, Transcript},
    event::{Event, EventOutcome, Kind},
    id::ClientKey,
    rules::identity,
    storage::codec::event_from_json,
};

/// An id of fewer letters stands in the texts of others, too: it is not looked for in them.
const TEXT_MIN: usize = 7;

/// What stands where something was told.
pub(super) const REASON: &str = "erased on request";

/// Whom to forget.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) identifier: Identifier,
    key: ClientKey,
    /// How the identifier stands in a body, in lower case.
    texts: Vec<String>,
}

impl Client {
    /// An identifier that is no address is taken as it is.
    pub(super) fn new(identifier: &Identifier) -> Self {
        let identifier = identity::normal(identifier).unwrap_or_else(|| identifier.clone());
        let texts = match &identifier {
            Identifier::Phone(phone) => {
                vec![phone.chars().filter(char::is_ascii_digit).collect::<String>()]
            }
            Identifier::Email(email) => {
                vec![email.clone(), email.replace('@', "%40"), email.replace('@', "\\u0040")]
            }
            Identifier::External(ExternalId { id, .. }) | Identifier::Card(id) => {
                vec![id.to_lowercase()]
            }
        };
        let texts = texts.into_iter().filter(|text| TEXT_MIN <= text.chars().count()).collect();
        Self { key: identity::client_key(&identifier), identifier, texts }
    }

    /// What its events are found by.
    pub(super) fn key(&self) -> ClientKey {
        self.key
    }

    pub(super) fn is_told_in(&self, bytes: &[u8]) -> bool {
        let bytes = String::from_utf8_lossy(bytes).to_lowercase();
        self.texts.iter().any(|text| bytes.contains(text))
    }

    /// The key alone may be another client's by chance.
    pub(super) fn is_client_of(
        &self,
        keys: &[ClientKey],
        payload: &str,
        conversation: String,
    ) -> bool {
        if !keys.contains(&self.key) {
            return false;
        }
        let names_it = event_from_json(payload, conversation)
            .map(|event| identity::identifiers(&event).contains(&self.identifier));
        names_it.unwrap_or(true) || self.is_told_in(payload.as_bytes())
    }
}

/// The cards that a job has worked on, by what it answered and by what its steps did.
pub(super) fn cards_in(result: Option<&str>, steps: &[String]) -> Vec<String> {
    let outcome = result.and_then(|json| serde_json::from_str::<EventOutcome>(json).ok());
    let mut cards: Vec<String> =
        outcome.into_iter().flat_map(|outcome| outcome.cards).map(|card| card.id).collect();
    for step in steps {
        let result = serde_json::from_str::<serde_json::Value>(step).ok();
        cards.extend(
            result.and_then(|result| Some(result.pointer("/card/id")?.as_str()?.to_owned())),
        );
    }
    cards
}

/// The event without anything but its kind.
pub(super) fn bare(event: Option<Event>) -> Event {
    let kind = event.map_or_else(|| Kind::Ignored(String::new()), |event| bare_kind(event.kind));
    Event {
        dedup_key: None,
        conversation: String::new(),
        episode: None,
        wants_reply: false,
        occurred_at: None,
        kind,
        client: Vec::new(),
        fields: Vec::new(),
        agents: Vec::new(),
        context: None,
    }
}

fn bare_kind(kind: Kind) -> Kind {
    let bare_call = |call: Call| Call {
        id: String::new(),
        direction: call.direction,
        client_number: None,
        agent_number: None,
        line: None,
        status: None,
        missed: call.missed,
        duration_s: None,
        recording_url: None,
        rating: None,
    };
    match kind {
        Kind::ConversationStarted
        | Kind::ClientUpdated
        | Kind::LeadSubmitted
        | Kind::ClientAsked => kind,
        Kind::ConversationAssigned(_) => Kind::ConversationAssigned(String::new()),
        Kind::ConversationFinished(_) => Kind::ConversationFinished(Transcript {
            started_at: None,
            finished_at: None,
            topic: None,
            rating: None,
            messages: Vec::new(),
        }),
        Kind::MessageReceived(message) => Kind::MessageReceived(Message {
            author: message.author,
            agent: None,
            sent_at: None,
            text: String::new(),
        }),
        Kind::OfflineMessage(_) => Kind::OfflineMessage(String::new()),
        Kind::CallStarted(call) => Kind::CallStarted(bare_call(call)),
        Kind::CallForwarded(call) => Kind::CallForwarded(bare_call(call)),
        Kind::CallAnswered(call) => Kind::CallAnswered(bare_call(call)),
        Kind::CallFinished(call) => Kind::CallFinished(bare_call(call)),
        Kind::CallRated(call) => Kind::CallRated(bare_call(call)),
        Kind::ManagersAsked(_) => Kind::ManagersAsked(None),
        Kind::Ignored(_) => Kind::Ignored(String::new()),
    }
}
