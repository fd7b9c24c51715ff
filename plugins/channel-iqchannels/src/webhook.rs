//! The bodies that come in: members that this adapter reads, all of them optional.

use patchbay_sdk::json::tolerant::{Flag, Item, List, Text};
use patchbay_sdk::tolerant;

/// More than this of one kind beside the event are not kept.
pub(crate) const MAX_NAMED: usize = 100;
/// More messages than this are counted, not kept.
pub(crate) const MAX_MESSAGES: usize = 10_000;

type Named<T> = List<T, MAX_NAMED>;

tolerant! {
    /// Any JSON body that this channel takes; a form fills the same members.
    pub(crate) struct Body<'a> {
        "ChatEvent" => event: ChatEvent<'a>,
        "Rels" => rels: Rels<'a>,
        "client" => client: Text<'a>,
        "clientIdType" => client_id_type: Text<'a>,
        "channelId" => channel_id: Text<'a>,
        "secretWord" => secret_word: Text<'a>,
        "token" => token: Text<'a>,
        "page" => page: Text<'a>,
    }

    pub(crate) struct ChatEvent<'a> {
        "Id" => id: Text<'a>,
        "Type" => kind: Text<'a>,
        "ChatId" => chat_id: Text<'a>,
        "TicketId" => ticket_id: Text<'a>,
        "MessageId" => message_id: Text<'a>,
        "Actor" => actor: Text<'a>,
        "ClientId" => client_id: Text<'a>,
        "UserId" => user_id: Text<'a>,
        "CreatedAt" => created_at: Text<'a>,
        "Transitive" => transitive: Flag,
    }

    pub(crate) struct Rels<'a> {
        "Channels" => channels: Named<Channel<'a>>,
        "Chats" => chats: Named<Chat<'a>>,
        "Clients" => clients: Named<Client<'a>>,
        "ChatMessages" => messages: List<ChatMessage<'a>, MAX_MESSAGES>,
        "Users" => users: Named<User<'a>>,
    }

    pub(crate) struct Channel<'a> {
        "Id" => id: Text<'a>,
        "Name" => name: Text<'a>,
    }

    pub(crate) struct Chat<'a> {
        "Id" => id: Text<'a>,
        "ClientId" => client_id: Text<'a>,
        "ChannelId" => channel_id: Text<'a>,
        "TicketId" => ticket_id: Text<'a>,
    }

    pub(crate) struct Client<'a> {
        "Id" => id: Text<'a>,
        "Name" => name: Text<'a>,
        "Phone" => phone: Text<'a>,
        "Email" => email: Text<'a>,
        "IntegrationId" => integration_id: Text<'a>,
    }

    pub(crate) struct ChatMessage<'a> {
        "Id" => id: Text<'a>,
        "ChatId" => chat_id: Text<'a>,
        "Author" => author: Text<'a>,
        "ClientId" => client_id: Text<'a>,
        "UserId" => user_id: Text<'a>,
        "Payload" => payload: Text<'a>,
        "Text" => text: Text<'a>,
        "FileId" => file_id: Text<'a>,
        "CreatedAt" => created_at: Text<'a>,
    }

    pub(crate) struct User<'a> {
        "Id" => id: Text<'a>,
        "Name" => name: Text<'a>,
        "DisplayName" => display_name: Text<'a>,
        "Email" => email: Text<'a>,
    }
}

/// An event and what it names, found by the ids.
#[derive(Debug)]
pub(crate) struct Webhook<'a> {
    pub(crate) event: ChatEvent<'a>,
    pub(crate) rels: Rels<'a>,
}

impl<'a> Webhook<'a> {
    pub(crate) fn chat(&self) -> Option<&Chat<'a>> {
        find(&self.rels.chats.items, &self.event.chat_id, |chat| &chat.id)
    }

    pub(crate) fn message(&self) -> Option<&ChatMessage<'a>> {
        find(&self.rels.messages.items, &self.event.message_id, |message| &message.id)
    }

    /// The event's own client, else the one of its chat.
    pub(crate) fn client_id(&self) -> Option<&str> {
        self.event.client_id.get().or_else(|| self.chat()?.client_id.get())
    }

    pub(crate) fn client(&self) -> Option<&Client<'a>> {
        let id = self.client_id()?;
        self.rels.clients.items.iter().find(|client| client.id.get() == Some(id))
    }

    pub(crate) fn user(&self, id: &Text<'_>) -> Option<&User<'a>> {
        find(&self.rels.users.items, id, |user| &user.id)
    }

    /// The short name of the channel, as the operator of the chat server gave it.
    pub(crate) fn channel(&self) -> Option<&str> {
        let id = &self.chat()?.channel_id;
        find(&self.rels.channels.items, id, |channel| &channel.id)?.name.get()
    }

    /// The enquiry that this is about, where the server tells enquiries apart.
    pub(crate) fn ticket_id(&self) -> Option<&str> {
        self.event.ticket_id.get().or_else(|| self.chat()?.ticket_id.get())
    }
}

fn find<'v, 'a, T>(
    items: &'v [T],
    id: &Text<'_>,
    id_of: impl Fn(&'v T) -> &'v Text<'a>,
) -> Option<&'v T>
where
    'a: 'v,
{
    let id = id.get()?;
    items.iter().find(|item| id_of(item).get() == Some(id))
}

impl Item for ChatEvent<'_> {
    fn is_blank(&self) -> bool {
        [&self.id, &self.kind].iter().all(|text| text.get().is_none())
    }
}

impl Item for ChatMessage<'_> {
    fn is_blank(&self) -> bool {
        [&self.text, &self.file_id].iter().all(|text| text.get().is_none())
    }
}

/// What has no id is found by none.
macro_rules! found_by_id {
    ($($name:ident)+) => {$(
        impl Item for $name<'_> {
            fn is_blank(&self) -> bool {
                self.id.get().is_none()
            }
        }
    )+};
}

found_by_id!(Channel Chat Client User);
