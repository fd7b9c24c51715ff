//! The optional exports of a channel adapter that tell the channel about a client.
//!
//! Each answers [`Error::Unsupported`] where the plugin does not export the interface.

use super::Adapter;
use crate::{
    account::Role,
    card::{AdapterError, Card, ExternalId},
    plugin::{error::Error, state::Export},
};

const PUSH_CARD: Export = Export::reaching_out("push-card");
const TAG: Export = Export::reaching_out("tag");

impl Adapter {
    /// Shows a card on the channel's side. A repeat changes nothing.
    pub async fn push_card(&self, client: &ExternalId, card: &Card) -> Result<(), Error> {
        let exports = &self.plugin.exports;
        let guest = exports.channel_push.clone().ok_or(Error::Unsupported(Role::ChannelPush))?;
        let (client, card) = (client.clone().into(), card.clone().into());
        self.call(
            PUSH_CARD,
            move |store, instance| {
                Box::pin(async move {
                    let guest = guest.load(&mut *store, instance)?;
                    guest.call_push_card(store, &client, &card).await
                })
            },
            |answer| answer.map(Ok).map_err(AdapterError::from),
        )
        .await
    }

    /// Marks the client with a tag on the channel's side. A repeat changes nothing.
    pub async fn tag(&self, client: &ExternalId, tag: &str) -> Result<(), Error> {
        let exports = &self.plugin.exports;
        let guest = exports.channel_push.clone().ok_or(Error::Unsupported(Role::ChannelPush))?;
        let (client, tag) = (client.clone().into(), tag.to_owned());
        self.call(
            TAG,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_tag(store, &client, &tag).await
                })
            },
            |answer| answer.map(Ok).map_err(AdapterError::from),
        )
        .await
    }
}
