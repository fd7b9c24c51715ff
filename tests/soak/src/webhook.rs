//! Jivo's webhooks, with ids and contacts of invented people.

use bytes::Bytes;
use serde_json::{Value, json};

/// Who writes, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Visitor {
    pub(crate) person: u64,
    pub(crate) channel: usize,
}

/// What happened. The number is the one of the chat or of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The client's contacts are known or not.
    Accepted {
        chat: u64,
        is_known: bool,
    },
    Updated {
        chat: u64,
    },
    Finished {
        chat: u64,
    },
    Offline {
        message: u64,
    },
}

/// One webhook. Its number is told in its body, where no adapter looks for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Webhook {
    pub(crate) number: u64,
    pub(crate) visitor: Visitor,
    pub(crate) event: Event,
}

const ACCEPTED: &str =
    include_str!("../../../plugins/channel-jivo/fixtures/chat_accepted.unknown_with_phone.json");
const UPDATED: &str =
    include_str!("../../../plugins/channel-jivo/fixtures/chat_updated.introduced.json");
const FINISHED: &str =
    include_str!("../../../plugins/channel-jivo/fixtures/chat_finished.one_agent.json");
const OFFLINE: &str = include_str!("../../../plugins/channel-jivo/fixtures/offline_message.json");

impl Visitor {
    pub(crate) fn phone(self) -> String {
        format!("+7900{:07}", 1_000_000 + self.person)
    }

    fn email(self) -> String {
        format!("visitor{}@example.com", self.person)
    }
}

impl Event {
    /// Whether the sender shows somebody what it is answered.
    pub(crate) fn wants_reply(self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Updated { .. })
    }

    /// Whether it names the client in a way that a card can be made for.
    pub(crate) fn is_introduced(self) -> bool {
        !matches!(self, Self::Accepted { is_known: false, .. })
    }

    /// The chat or message that it is about.
    pub(crate) fn episode(self) -> (bool, u64) {
        match self {
            Self::Accepted { chat, .. } | Self::Updated { chat } | Self::Finished { chat } => {
                (true, chat)
            }
            Self::Offline { message } => (false, message),
        }
    }
}

impl Webhook {
    pub(crate) fn body(&self) -> Bytes {
        let text = match self.event {
            Event::Accepted { .. } => ACCEPTED,
            Event::Updated { .. } => UPDATED,
            Event::Finished { .. } => FINISHED,
            Event::Offline { .. } => OFFLINE,
        };
        let mut body: Value = serde_json::from_str(text).expect("fixtures are JSON");
        body["soak"] = json!(self.number);
        body["widget_id"] = json!(format!("ZZsoak{:04}", self.visitor.channel));
        match self.event.episode() {
            (true, chat) => body["chat_id"] = json!(chat),
            (false, message) => body["offline_message_id"] = json!(message.to_string()),
        }
        let visitor = &mut body["visitor"];
        visitor["number"] = json!(self.visitor.person.to_string());
        let contacts = [
            ("name", format!("Visitor {}", self.visitor.person)),
            ("phone", self.visitor.phone()),
            ("email", self.visitor.email()),
        ];
        for (key, contact) in contacts {
            visitor[key] = if self.event.is_introduced() { json!(contact) } else { Value::Null };
        }
        body.to_string().into()
    }
}
