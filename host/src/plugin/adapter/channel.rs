//! The exports of a channel adapter.

use super::Adapter;
use crate::{
    account::Role,
    event::{EventOutcome, Received, Request, Response},
    plugin::{
        bindings::exports::patchbay::adapter::channel::Outcome,
        convert::{Fallible, channel},
        error::Error,
        exports::Function,
        pulse::Beat,
        state::Export,
    },
};

/// What it answers says how it went.
pub(super) const RECEIVE: Function =
    Function::of(Role::Channel, Export { is_judged: true, ..Export::pure("receive") });
pub(super) const REPLY: Function = Function::of(Role::Channel, Export::pure("reply"));

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
        let read = |answer: Fallible<_>| Ok(channel::received(answer?));
        self.call(RECEIVE, (channel::request(request),), read).await
    }

    /// The vendor's answer, with one outcome for each event of `receive`, in its order.
    pub async fn reply(
        &self,
        request: &Request,
        outcomes: &[EventOutcome],
    ) -> Result<Response, Error> {
        let outcomes: Vec<Outcome> = outcomes.iter().map(channel::outcome).collect();
        let read = |answer| Ok(channel::response("reply", answer));
        self.call(REPLY, (channel::request(request), outcomes), read).await
    }
}
