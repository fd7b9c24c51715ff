//! Answers in the place of the network, where nothing may go out: from a tape, or from a function.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;

use super::{Door, Egress, FetchError, Incoming};
use crate::{
    account::{Account, Manifest},
    card::Problem,
    plugin::secrets::Secrets,
};

/// Answers a request as it would go out, with the secrets in it.
pub type Answers = dyn Fn(&Request<Bytes>) -> Incoming + Send + Sync;

/// Who answers.
pub(in crate::plugin) trait Peer: Send + Sync {
    /// Answers a request as it would go out, with the secrets in it.
    fn answer(&self, request: &Request<Bytes>) -> Result<Incoming, FetchError>;

    /// Is told of a request that came to no answer.
    fn refused(&self, error: &FetchError);
}

/// A function that answers everything.
pub(in crate::plugin) struct Answering(pub(in crate::plugin) Arc<Answers>);

impl Peer for Answering {
    fn answer(&self, request: &Request<Bytes>) -> Result<Incoming, FetchError> {
        Ok((self.0)(request))
    }

    fn refused(&self, _error: &FetchError) {}
}

impl Egress {
    /// A way out that leads to `peer` and nowhere else. The host obtains no tokens for it.
    pub(in crate::plugin) fn door_to(
        &self,
        manifest: &Manifest,
        account: &Account,
        peer: Arc<dyn Peer>,
    ) -> Result<Door, Vec<Problem>> {
        let door = self.door(manifest, account)?;
        Ok(Door { peer: Some(peer), ..door })
    }
}

/// What the guest gets to see of an answer: the same as of one from the network.
pub(super) async fn answer(
    peer: &dyn Peer,
    request: Request<Full<Bytes>>,
    scrubber: &Secrets,
    bytes_max: usize,
) -> Result<Incoming, FetchError> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes);
    let body = body.unwrap_or_else(|never| match never {});
    let Incoming { status, headers, body } = peer.answer(&Request::from_parts(head, body))?;
    let body = scrubber.scrub_bytes(&body, bytes_max);
    let body = body
        .ok_or_else(|| FetchError::ResponseTooLarge(format!("more than {bytes_max} bytes")))?
        .into_owned();
    let headers = headers.into_iter().map(|(name, value)| (name, scrubber.scrub(&value))).collect();
    Ok(Incoming { status, headers, body })
}
