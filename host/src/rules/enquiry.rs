//! What an event asks for beside the card: a deal, a task, a note.

use crate::{
    card::{Call, Card, Deal, Direction, ExternalId, Field, Identifier, Note, Transcript, Value},
    event::{Event, Kind},
    id::AccountId,
};

/// What of a new contact's fields describes the deal too.
const DEAL_KEYS: &[&str] = &[
    "comment",
    "source",
    "site",
    "page-url",
    "page-title",
    "referrer",
    "utm-source",
    "utm-medium",
    "utm-campaign",
    "utm-term",
    "utm-content",
];

/// Systems whose ids are the host's own: no channel's adapter writes them, see `identity`.
const EPISODE: &str = "patchbay:episode:";
pub const DEAL_MADE: &str = "patchbay:deal";

/// What a manager is asked to do, without its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    pub title: String,
    pub text: String,
}

/// What becomes of the deal of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DealStep {
    /// Nothing: the event is no enquiry, or a rule forbids it.
    Nothing,
    /// A new one is made.
    Open,
    /// The open one gets what `policy::deal_update` says.
    Update,
}

/// The events that may open a deal, by the names of their kinds.
pub(super) const ENQUIRIES: &[&str] = &[
    "conversation-started",
    "client-updated",
    "offline-message",
    "lead-submitted",
    "call-finished",
];

/// Whether the client came with a wish of their own: such an event opens a deal.
///
/// So does a client who says who they are during a chat, if the chat has opened nothing so far.
pub fn is_enquiry(event: &Event) -> bool {
    match &event.kind {
        Kind::ClientUpdated => event.episode.is_some(),
        Kind::ConversationStarted | Kind::OfflineMessage(_) | Kind::LeadSubmitted => true,
        Kind::CallFinished(call) => call.direction == Direction::Inbound,
        Kind::ConversationAssigned(_)
        | Kind::ConversationFinished(_)
        | Kind::MessageReceived(_)
        | Kind::CallStarted(_)
        | Kind::CallForwarded(_)
        | Kind::CallAnswered(_)
        | Kind::CallRated(_)
        | Kind::ClientAsked
        | Kind::ManagersAsked(_)
        | Kind::Ignored(_) => false,
    }
}

/// What an episode is remembered by, once something was made of it: an id that leads to its card.
pub fn episode_of(event: &Event, channel: &AccountId) -> Option<Identifier> {
    let id = event.episode.clone()?;
    Some(Identifier::External(ExternalId { system: format!("{EPISODE}{channel}"), id }))
}

/// The fields of a new deal: a title, and where the client came from.
pub fn deal_fields(event: &Event, card: &Card) -> Vec<Field> {
    let name = text(&card.fields, "name").or_else(|| text(&event.fields, "name"));
    let title = match name {
        Some(name) => format!("{}: {name}", title(&event.kind)),
        None => title(&event.kind).to_owned(),
    };
    let is_wanted = |field: &&Field| DEAL_KEYS.contains(&field.key.as_str());
    let mut fields = vec![Field { key: "title".to_owned(), value: Value::Text(title) }];
    fields.extend(event.fields.iter().filter(is_wanted).cloned());
    fields
}

/// The task of an event. `open` is the deal that the client had before.
pub fn errand(event: &Event, open: Option<&Deal>) -> Option<Errand> {
    match &event.kind {
        Kind::OfflineMessage(text) => {
            Some(Errand { title: "Answer the offline message".to_owned(), text: text.clone() })
        }
        Kind::CallFinished(call) if is_missed(call) => {
            let number = call.client_number.clone().unwrap_or_default();
            Some(Errand { title: "Call back".to_owned(), text: number })
        }
        _ if is_enquiry(event) => open.map(|deal| Errand {
            title: "The client has come again".to_owned(),
            text: format!("The deal \u{201c}{}\u{201d} is open.", deal.title),
        }),
        _ => None,
    }
}

/// What is written down of a message where the rules want each one: a conversation of its own.
pub(super) fn message_note(event: &Event) -> Option<Note> {
    let Kind::MessageReceived(message) = &event.kind else { return None };
    let moment = message.sent_at.clone().or_else(|| event.occurred_at.clone());
    Some(Note::Transcript(Transcript {
        started_at: moment.clone(),
        finished_at: moment,
        topic: None,
        rating: None,
        messages: vec![message.clone()],
    }))
}

/// What is written down of an event.
pub fn note(event: &Event) -> Option<Note> {
    match &event.kind {
        Kind::ConversationFinished(transcript) => Some(Note::Transcript(transcript.clone())),
        Kind::CallFinished(call) => Some(Note::Call(call.clone())),
        Kind::OfflineMessage(text) => Some(Note::Text(text.clone())),
        _ => None,
    }
}

pub(super) fn is_missed(call: &Call) -> bool {
    call.missed && call.direction == Direction::Inbound
}

fn title(kind: &Kind) -> &'static str {
    match kind {
        Kind::OfflineMessage(_) => "Offline message",
        Kind::LeadSubmitted => "Form",
        Kind::CallFinished(_) => "Call",
        _ => "Chat",
    }
}

fn text<'a>(fields: &'a [Field], key: &str) -> Option<&'a str> {
    fields.iter().find(|field| field.key == key).and_then(|field| match &field.value {
        Value::Text(text) if !text.trim().is_empty() => Some(text.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind) -> Event {
        let field = |key: &str, text: &str| Field {
            key: key.to_owned(),
            value: Value::Text(text.to_owned()),
        };
        Event {
            dedup_key: None,
            conversation: "chat:1".to_owned(),
            episode: None,
            wants_reply: false,
            occurred_at: None,
            kind,
            client: Vec::new(),
            fields: vec![field("name", "Anna Test"), field("utm-source", "ads"), field("x", "y")],
            agents: Vec::new(),
            context: None,
        }
    }

    fn card() -> Card {
        Card {
            id: "7".to_owned(),
            url: None,
            manager: None,
            fields: Vec::new(),
            lines: Vec::new(),
            matched: Vec::new(),
        }
    }

    fn deal() -> Deal {
        Deal {
            id: "3".to_owned(),
            url: None,
            title: "Chat".to_owned(),
            stage: None,
            manager: None,
            fields: Vec::new(),
        }
    }

    fn call(direction: Direction, missed: bool) -> Call {
        Call {
            id: "1".to_owned(),
            direction,
            client_number: Some("+79000000001".to_owned()),
            agent_number: None,
            line: None,
            status: None,
            missed,
            duration_s: None,
            recording_url: None,
            rating: None,
        }
    }

    fn offline() -> Kind {
        Kind::OfflineMessage("please write".to_owned())
    }

    #[test]
    fn an_offline_message_asks_for_all_three() {
        let event = event(offline());
        assert!(is_enquiry(&event));
        assert_eq!(errand(&event, None).unwrap().title, "Answer the offline message");
        assert_eq!(note(&event), Some(Note::Text("please write".to_owned())));
    }

    #[test]
    fn a_chat_is_a_task_only_for_whom_a_deal_is_open() {
        let event = event(Kind::ConversationStarted);
        assert_eq!(errand(&event, None), None);
        assert_eq!(errand(&event, Some(&deal())).unwrap().title, "The client has come again");
        assert_eq!(note(&event), None);
    }

    #[test]
    fn only_a_call_from_the_client_that_nobody_took_is_called_back() {
        let errand = |call| errand(&event(Kind::CallFinished(call)), None);
        assert_eq!(errand(call(Direction::Inbound, true)).unwrap().text, "+79000000001");
        assert_eq!(errand(call(Direction::Inbound, false)), None);
        assert_eq!(errand(call(Direction::Outbound, true)), None);
        assert!(!is_enquiry(&event(Kind::CallFinished(call(Direction::Outbound, false)))));
    }

    #[test]
    fn the_end_of_a_conversation_opens_nothing() {
        let transcript = Transcript {
            started_at: None,
            finished_at: None,
            topic: None,
            rating: None,
            messages: Vec::new(),
        };
        let event = event(Kind::ConversationFinished(transcript.clone()));
        assert!(!is_enquiry(&event));
        assert_eq!(errand(&event, Some(&deal())), None);
        assert_eq!(note(&event), Some(Note::Transcript(transcript)));
    }

    #[test]
    fn who_is_introduced_during_a_chat_has_a_wish_and_whose_data_change_has_none() {
        let changed = event(Kind::ClientUpdated);
        assert!(!is_enquiry(&changed));
        assert_eq!(errand(&changed, Some(&deal())), None);
        let introduced = Event { episode: Some("chat:1".to_owned()), ..changed };
        assert!(is_enquiry(&introduced));
        assert_eq!(errand(&introduced, None), None);
        assert_eq!(errand(&introduced, Some(&deal())).unwrap().title, "The client has come again");
    }

    #[test]
    fn a_deal_tells_who_came_and_from_where() {
        let fields = deal_fields(&event(Kind::ConversationStarted), &card());
        let keys: Vec<&str> = fields.iter().map(|field| field.key.as_str()).collect();
        assert_eq!(keys, ["title", "utm-source"]);
        assert_eq!(fields[0].value, Value::Text("Chat: Anna Test".to_owned()));
    }
}
