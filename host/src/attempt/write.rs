//! Writes to a CRM or a channel as values: an attempt sends them, a preview shows them.

use serde::{Serialize, Serializer, ser::Error as _};

use crate::{
    account::Role,
    card::{Card, Deal, ExternalId, Note, Subject, Task},
    plugin::{self, Adapter},
};

/// One write. What an attempt sends is what a preview shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Write {
    Contact {
        /// `None` makes a card.
        id: Option<String>,
        #[serde(serialize_with = "as_json")]
        native: String,
    },
    Deal {
        /// `None` opens a deal.
        id: Option<String>,
        card: String,
        #[serde(serialize_with = "as_json")]
        native: String,
        manager: Option<String>,
    },
    Task(Task),
    Note {
        subject: Subject,
        note: Note,
    },
    Tag {
        client: ExternalId,
        tag: String,
    },
    PushCard {
        client: ExternalId,
        card: Card,
    },
}

/// What a write is answered with.
#[derive(Debug)]
pub(super) enum Answer {
    Card(Card),
    Deal(Deal),
    Id(String),
    Nothing,
}

impl Write {
    /// Whether it goes to the channel, not to the CRM.
    pub(super) fn is_push(&self) -> bool {
        matches!(self, Self::Tag { .. } | Self::PushCard { .. })
    }

    pub(super) async fn send(
        &self,
        crm: &Adapter,
        channel: Option<&Adapter>,
        key: &str,
    ) -> Result<Answer, plugin::Error> {
        let channel = channel.ok_or(plugin::Error::Unsupported(Role::ChannelPush));
        Ok(match self {
            Self::Contact { id, native } => {
                Answer::Card(crm.upsert_contact(id.as_deref(), native, key).await?)
            }
            Self::Deal { id, card, native, manager } => {
                let (id, manager) = (id.as_deref(), manager.as_deref());
                Answer::Deal(crm.upsert_deal(id, card, native, manager, key).await?)
            }
            Self::Task(task) => Answer::Id(crm.create_task(task, key).await?),
            Self::Note { subject, note } => Answer::Id(crm.add_note(subject, note, key).await?),
            Self::Tag { client, tag } => {
                channel?.tag(client, tag).await?;
                Answer::Nothing
            }
            Self::PushCard { client, card } => {
                channel?.push_card(client, card).await?;
                Answer::Nothing
            }
        })
    }
}

/// What kind of answer a caller reads.
pub(super) trait Answered: Sized {
    /// `None` where the write was of another kind.
    fn of(answer: Answer) -> Option<Self>;
}

impl Answered for Card {
    fn of(answer: Answer) -> Option<Self> {
        if let Answer::Card(card) = answer { Some(card) } else { None }
    }
}

impl Answered for Deal {
    fn of(answer: Answer) -> Option<Self> {
        if let Answer::Deal(deal) = answer { Some(deal) } else { None }
    }
}

impl Answered for String {
    fn of(answer: Answer) -> Option<Self> {
        if let Answer::Id(id) = answer { Some(id) } else { None }
    }
}

impl Answered for () {
    fn of(answer: Answer) -> Option<Self> {
        if let Answer::Nothing = answer { Some(()) } else { None }
    }
}

/// A record of the CRM's own, as the JSON that it is.
fn as_json<S: Serializer>(native: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let record: serde_json::Value = serde_json::from_str(native).map_err(S::Error::custom)?;
    record.serialize(serializer)
}
