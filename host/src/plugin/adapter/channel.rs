//! The exports of a channel adapter.

use super::Adapter;
use crate::{
    account::Role,
    card::AdapterError,
    event::{EventOutcome, Received, Request, Response},
    plugin::{convert::channel, error::Error, pulse::Beat, state::Export},
};

/// What it answers says how it went.
const RECEIVE: Export = Export { is_judged: true, ..Export::pure("receive") };
const REPLY: Export = Export::pure("reply");

impl Adapter {
    /// What the channel adapter makes of a webhook.
    ///
    /// One that is rejected is asked about again with the secrets that the account had before,
    /// while those still count: whoever signs it may not know the new ones yet.
    pub async fn receive(&self, request: &Request) -> Result<Received, Error> {
        let received = self.receive_by_any(request).await?;
        let is_refused = matches!(received, Received::Reject(_));
        self.beat(if is_refused { Beat::Complaint } else { Beat::Good });
        Ok(received)
    }

    async fn receive_by_any(&self, request: &Request) -> Result<Received, Error> {
        let received = self.receive_once(request).await;
        if let Ok(Received::Reject(_)) = received {
            let now = self.bound.clock.now();
            for (_, former) in self.former.iter().filter(|(until, _)| now < *until) {
                let again = former.receive_once(request).await;
                if let Ok(Received::Events(_) | Received::Answer(_)) = again {
                    return again;
                }
            }
        }
        received
    }

    async fn receive_once(&self, request: &Request) -> Result<Received, Error> {
        let guest = self.plugin.exports.channel.clone().ok_or(Error::Unsupported(Role::Channel))?;
        let request = channel::request(request);
        self.call(
            RECEIVE,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_receive(store, &request).await
                })
            },
            |answer| answer.map(channel::received).map_err(AdapterError::from),
        )
        .await
    }

    /// The vendor's answer, with one outcome for each event of `receive`, in its order.
    pub async fn reply(
        &self,
        request: &Request,
        outcomes: &[EventOutcome],
    ) -> Result<Response, Error> {
        let guest = self.plugin.exports.channel.clone().ok_or(Error::Unsupported(Role::Channel))?;
        let request = channel::request(request);
        let outcomes: Vec<_> = outcomes.iter().map(channel::outcome).collect();
        self.call(
            REPLY,
            move |store, instance| {
                Box::pin(async move {
                    guest.load(&mut *store, instance)?.call_reply(store, &request, &outcomes).await
                })
            },
            |answer| Ok(channel::response("reply", answer)),
        )
        .await
    }
}
