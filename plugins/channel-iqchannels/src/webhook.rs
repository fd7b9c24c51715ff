//! The bodies that come in: members that this adapter reads, all of them optional.

use patchbay_sdk::json::tolerant::{Flag, Text};

/// Structs whose members may be absent, and borrow from the body but for those after the semicolon.
/// What is not named is skipped.
macro_rules! members {
    ($($(#[$meta:meta])* struct $name:ident<$life:lifetime> {
        $($key:literal => $field:ident: $type:ty),+
        $(; $($own_key:literal => $own:ident: $own_type:ty),+)? $(,)?
    })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(default)]
        pub(crate) struct $name<$life> {
            $(#[serde(rename = $key, borrow)] pub(crate) $field: $type,)+
            $($(#[serde(rename = $own_key)] pub(crate) $own: $own_type),+)?
        }
    )+};
}

/// A list of the vendor: `null` where Go had none.
type List<T> = Option<Vec<T>>;

members! {
    /// Any JSON body that this channel takes; a form fills the same members.
    struct Body<'a> {
        "ChatEvent" => event: Option<ChatEvent<'a>>,
        "Rels" => rels: Option<Rels<'a>>,
        "client" => client: Text<'a>,
        "clientIdType" => client_id_type: Text<'a>,
        "channelId" => channel_id: Text<'a>,
        "secretWord" => secret_word: Text<'a>,
        "token" => token: Text<'a>,
        "page" => page: Text<'a>,
    }

    struct ChatEvent<'a> {
        "Id" => id: Text<'a>,
        "Type" => kind: Text<'a>,
        "ChatId" => chat_id: Text<'a>,
        "TicketId" => ticket_id: Text<'a>,
        "MessageId" => message_id: Text<'a>,
        "Actor" => actor: Text<'a>,
        "ClientId" => client_id: Text<'a>,
        "UserId" => user_id: Text<'a>,
        "CreatedAt" => created_at: Text<'a>;
        "Transitive" => transitive: Flag,
    }

    struct Rels<'a> {
        "Channels" => channels: List<Channel<'a>>,
        "Chats" => chats: List<Chat<'a>>,
        "Clients" => clients: List<Client<'a>>,
        "ChatMessages" => messages: List<ChatMessage<'a>>,
        "Users" => users: List<User<'a>>,
    }

    struct Channel<'a> {
        "Id" => id: Text<'a>,
        "Name" => name: Text<'a>,
    }

    struct Chat<'a> {
        "Id" => id: Text<'a>,
        "ClientId" => client_id: Text<'a>,
        "ChannelId" => channel_id: Text<'a>,
        "TicketId" => ticket_id: Text<'a>,
    }

    struct Client<'a> {
        "Id" => id: Text<'a>,
        "Name" => name: Text<'a>,
        "Phone" => phone: Text<'a>,
        "Email" => email: Text<'a>,
        "IntegrationId" => integration_id: Text<'a>,
    }

    struct ChatMessage<'a> {
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

    struct User<'a> {
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
        find(self.rels.chats.as_ref(), &self.event.chat_id, |chat| &chat.id)
    }

    pub(crate) fn message(&self) -> Option<&ChatMessage<'a>> {
        find(self.rels.messages.as_ref(), &self.event.message_id, |message| &message.id)
    }

    /// The event's own client, else the one of its chat.
    pub(crate) fn client_id(&self) -> Option<&str> {
        self.event.client_id.get().or_else(|| self.chat()?.client_id.get())
    }

    pub(crate) fn client(&self) -> Option<&Client<'a>> {
        let id = self.client_id()?;
        self.rels.clients.as_ref()?.iter().find(|client| client.id.get() == Some(id))
    }

    pub(crate) fn user(&self, id: &Text<'_>) -> Option<&User<'a>> {
        find(self.rels.users.as_ref(), id, |user| &user.id)
    }

    /// The short name of the channel, as the operator of the chat server gave it.
    pub(crate) fn channel(&self) -> Option<&str> {
        let id = &self.chat()?.channel_id;
        find(self.rels.channels.as_ref(), id, |channel| &channel.id)?.name.get()
    }

    /// The enquiry that this is about, where the server tells enquiries apart.
    pub(crate) fn ticket_id(&self) -> Option<&str> {
        self.event.ticket_id.get().or_else(|| self.chat()?.ticket_id.get())
    }
}

fn find<'v, 'a, T>(
    list: Option<&'v Vec<T>>,
    id: &Text<'_>,
    id_of: impl Fn(&'v T) -> &'v Text<'a>,
) -> Option<&'v T>
where
    'a: 'v,
{
    let id = id.get()?;
    list?.iter().find(|item| id_of(item).get() == Some(id))
}
