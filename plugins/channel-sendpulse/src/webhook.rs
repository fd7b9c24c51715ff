//! One event of SendPulse: every member that this adapter reads, all of them optional.

use patchbay_sdk::json::tolerant::{Flag, List, Text};
use patchbay_sdk::tolerant;

use crate::said::Said;
use crate::variables::Variables;

/// More tags than this on one contact are not kept.
pub(crate) const MAX_TAGS: usize = 100;

tolerant! {
    pub(crate) struct Webhook<'a> {
        "service" => service: Text<'a>,
        "title" => title: Text<'a>,
        "bot" => bot: Bot<'a>,
        "contact" => contact: Contact<'a>,
        "info" => info: Info<'a>,
        "date" => date: Text<'a>,
        "operator" => operator: Operator<'a>,
    }

    pub(crate) struct Bot<'a> {
        "id" => id: Text<'a>,
        "name" => name: Text<'a>,
    }

    pub(crate) struct Contact<'a> {
        "id" => id: Text<'a>,
        "name" => name: Text<'a>,
        "username" => username: Text<'a>,
        "phone" => phone: Text<'a>,
        "email" => email: Text<'a>,
        "tags" => tags: List<Text<'a>, MAX_TAGS>,
        "variables" => variables: Variables<'a>,
        "last_message" => last_message: Text<'a>,
    }

    pub(crate) struct Info<'a> {
        "message" => message: InfoMessage<'a>,
        "flow" => flow: Flow<'a>,
    }

    pub(crate) struct InfoMessage<'a> {
        "id" => id: Text<'a>,
        "channel_data" => channel_data: ChannelData<'a>,
    }

    pub(crate) struct Flow<'a> {
        "id" => id: Text<'a>,
        "name" => name: Text<'a>,
    }

    pub(crate) struct ChannelData<'a> { "message" => message: ChannelMessage<'a> }

    /// A message in the messenger's own shape: each uses some of these.
    pub(crate) struct ChannelMessage<'a> {
        "id" => id: Text<'a>,
        "mid" => mid: Text<'a>,
        "message_id" => message_id: Text<'a>,
        "comment_id" => comment_id: Text<'a>,
        "item" => item: Text<'a>,
        "type" => kind: Text<'a>,
        "from" => from: Text<'a>,
        "is_echo" => is_echo: Flag,
        "text" => text: Said<'a>,
        "title" => title: Text<'a>,
        "caption" => caption: Text<'a>,
        "message" => message: Text<'a>,
        "button" => button: Button<'a>,
        "interactive" => interactive: Interactive<'a>,
    }

    pub(crate) struct Button<'a> { "text" => text: Text<'a> }

    pub(crate) struct Interactive<'a> {
        "button_reply" => button_reply: Choice<'a>,
        "list_reply" => list_reply: Choice<'a>,
    }

    pub(crate) struct Choice<'a> { "title" => title: Text<'a> }

    pub(crate) struct Operator<'a> {
        "username" => username: Text<'a>,
        "user_id" => user_id: Text<'a>,
        "email" => email: Text<'a>,
    }
}

impl Webhook<'_> {
    /// Whether it tells anything of anybody in SendPulse's words.
    pub(crate) fn is_event(&self) -> bool {
        let contact = &self.contact;
        let known = [&contact.id, &contact.name, &contact.username, &contact.phone, &contact.email];
        let is_named = self.title.get().is_some() || self.service.get().is_some();
        is_named
            && (known.iter().any(|text| text.get().is_some()) || contact.variables.names_anybody())
    }

    pub(crate) fn channel_message(&self) -> &ChannelMessage<'_> {
        &self.info.message.channel_data.message
    }
}
