//! The optional exports of a channel adapter that tell the channel about a client.
//!
//! Each answers [`Error::Unsupported`] where the plugin does not export the interface.

use super::Adapter;
use crate::{
    account::Role,
    card::{Card, ExternalId},
    plugin::{
        bindings::patchbay::adapter::types as wit, convert::Fallible, error::Error,
        exports::Function, state::Export,
    },
};

pub(super) const PUSH_CARD: Function =
    Function::of(Role::ChannelPush, Export::reaching_out("push-card"));
pub(super) const TAG: Function = Function::of(Role::ChannelPush, Export::reaching_out("tag"));

impl Adapter {
    /// Shows a card on the channel's side. A repeat changes nothing.
    pub async fn push_card(&self, client: &ExternalId, card: &Card) -> Result<(), Error> {
        let (client, card) = (wit::ExternalId::from(client.clone()), wit::Card::from(card.clone()));
        self.call(PUSH_CARD, (client, card), |answer: Fallible<()>| Ok(Ok(answer?))).await
    }

    /// Marks the client with a tag on the channel's side. A repeat changes nothing.
    pub async fn tag(&self, client: &ExternalId, tag: &str) -> Result<(), Error> {
        let params = (wit::ExternalId::from(client.clone()), tag.to_owned());
        self.call(TAG, params, |answer: Fallible<()>| Ok(Ok(answer?))).await
    }
}
