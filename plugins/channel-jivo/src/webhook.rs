//! The body of a Jivo webhook: every member that this adapter reads, all of them optional.

use patchbay_sdk::json::tolerant::{Flag, Item, List, Seconds, Text};
use patchbay_sdk::tolerant;

/// More agents than this in one chat are not kept.
pub(crate) const MAX_AGENTS: usize = 100;
/// More tags than this on one client are not kept.
pub(crate) const MAX_TAGS: usize = 100;
/// More messages than this in one transcript are counted, not kept.
pub(crate) const MAX_MESSAGES: usize = 10_000;

tolerant! {
    pub(crate) struct Webhook<'a> {
        "event_name" => event_name: Text<'a>,
        "widget_id" => widget_id: Text<'a>,
        "chat_id" => chat_id: Text<'a>,
        "client_id" => client_id: Text<'a>,
        "offline_message_id" => offline_message_id: Text<'a>,
        "visitor" => visitor: Visitor<'a>,
        "agent" => agent: Agent<'a>,
        "agents" => agents: List<Agent<'a>, MAX_AGENTS>,
        "assigned_agent" => assigned_agent: Agent<'a>,
        "department" => department: Named<'a>,
        "organization" => organization: Named<'a>,
        "tags" => tags: List<Titled<'a>, MAX_TAGS>,
        "status" => status: Titled<'a>,
        "topic" => topic: Titled<'a>,
        "session" => session: Session<'a>,
        "page" => page: Page<'a>,
        "analytics" => analytics: Analytics<'a>,
        "user_token" => user_token: Text<'a>,
        "message" => message: Text<'a>,
        "assign_to" => assign_to: Text<'a>,
        "chat" => chat: Chat<'a>,
        "plain_messages" => plain_messages: Text<'a>,
        "call" => call: CallState<'a>,
    }

    pub(crate) struct Visitor<'a> {
        "name" => name: Text<'a>,
        "email" => email: Text<'a>,
        "phone" => phone: Text<'a>,
        "number" => number: Text<'a>,
        "description" => description: Text<'a>,
    }

    pub(crate) struct Agent<'a> {
        "id" => id: Text<'a>,
        "name" => name: Text<'a>,
        "email" => email: Text<'a>,
        "phone" => phone: Text<'a>,
    }

    pub(crate) struct Named<'a> { "name" => name: Text<'a> }

    pub(crate) struct Titled<'a> { "title" => title: Text<'a> }

    pub(crate) struct Session<'a> {
        "geoip" => geoip: Geoip<'a>,
        "utm" => utm: Text<'a>,
        "utm_json" => utm_json: Utm<'a>,
    }

    pub(crate) struct Geoip<'a> {
        "country" => country: Text<'a>,
        "region" => region: Text<'a>,
        "city" => city: Text<'a>,
    }

    pub(crate) struct Utm<'a> {
        "source" => source: Text<'a>,
        "medium" => medium: Text<'a>,
        "campaign" => campaign: Text<'a>,
        "term" => term: Text<'a>,
        "content" => content: Text<'a>,
    }

    pub(crate) struct Page<'a> {
        "url" => url: Text<'a>,
        "title" => title: Text<'a>,
    }

    pub(crate) struct Analytics<'a> {
        "ga" => ga: Text<'a>,
        "ym" => ym: Text<'a>,
    }

    pub(crate) struct Chat<'a> {
        "messages" => messages: List<ChatMessage<'a>, MAX_MESSAGES>,
        "rate" => rate: Text<'a>,
        "blacklisted" => blacklisted: Flag,
    }

    pub(crate) struct ChatMessage<'a> {
        "timestamp" => timestamp: Seconds,
        "type" => author: Text<'a>,
        "agent_id" => agent_id: Text<'a>,
        "message" => message: Text<'a>,
    }

    /// A call and how far it is.
    pub(crate) struct CallState<'a> {
        "type" => direction: Text<'a>,
        "phone" => phone: Text<'a>,
        "status" => status: Text<'a>,
        "record_url" => record_url: Text<'a>,
        "reason" => reason: Text<'a>,
    }
}

impl Webhook<'_> {
    /// `client_updated` had another meaning once: contacts changed inside a chat, as `chat_updated` tells now.
    pub(crate) fn is_contact_change_in_chat(&self) -> bool {
        self.chat_id.get().is_some() && !self.agent.is_blank()
    }

    /// Jivo shows the agent what this event is answered with.
    pub(crate) fn wants_reply(&self) -> bool {
        match self.event_name.get() {
            Some("chat_accepted" | "chat_updated") => true,
            Some("client_updated") => self.is_contact_change_in_chat(),
            _ => false,
        }
    }
}

impl Item for Agent<'_> {
    fn is_blank(&self) -> bool {
        [&self.id, &self.name, &self.email].iter().all(|text| text.get().is_none())
    }
}

impl Item for Titled<'_> {
    fn is_blank(&self) -> bool {
        self.title.get().is_none()
    }
}

impl Item for ChatMessage<'_> {
    fn is_blank(&self) -> bool {
        self.message.get().is_none()
    }
}
