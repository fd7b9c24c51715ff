//! One request and its answer: secrets put in on the way out, and taken out of what comes back.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, header::AUTHORIZATION};
use hyper_util::client::legacy::connect::capture_connection;
use tokio::time;
use url::Url;

use super::{
    Denied, Door, FetchError, Incoming, Outgoing, Reach, Token, answers, millis, permits,
    permits::TOKENS_KEY, request, response,
};
use crate::plugin::secrets::Secrets;

/// What goes out, with the secrets in it.
struct Ready {
    request: Request<Full<Bytes>>,
    url: Url,
    method: String,
    reach: Reach,
    limit: Duration,
}

impl Door {
    /// Sends one request and reads its whole response.
    pub async fn fetch(&self, request: Outgoing) -> Result<Incoming, FetchError> {
        self.fetch_with(request, None).await
    }

    /// The same, with this token unless the request has an `authorization` header of its own.
    pub(in crate::plugin) async fn fetch_with(
        &self,
        request: Outgoing,
        token: Option<&Token>,
    ) -> Result<Incoming, FetchError> {
        let filling = self.for_guests.as_ref().unwrap_or(&self.secrets);
        let scrubber = (&*self.scrubber(), self.response_bytes_max);
        let answer = match self.ready(request, filling, token) {
            Ok(ready) => self.exchange(ready, scrubber).await,
            Err(refused) => Err(refused),
        };
        if let (Some(peer), Err(error)) = (&self.peer, &answer) {
            peer.refused(error);
        }
        answer
    }

    /// The answer of a token endpoint, as it came: for the host alone.
    pub(super) async fn fetch_token(
        &self,
        request: Outgoing,
        bytes_max: usize,
    ) -> Result<Incoming, FetchError> {
        let nothing = Secrets::new([].into_iter());
        let bytes_max = bytes_max.min(self.response_bytes_max);
        let ready = self.ready(request, &self.secrets, None)?;
        self.exchange(ready, (&nothing, bytes_max)).await
    }

    /// The request as it may go out.
    fn ready(
        &self,
        request: Outgoing,
        filling: &Secrets,
        token: Option<&Token>,
    ) -> Result<Ready, FetchError> {
        let url = request::read_url(&request.url, &self.secrets)?;
        // Before any secret is put in.
        let method = request.method.clone();
        let reach = self.reach(&url, &method)?;
        let held_back = self.held_back(&request, &url, filling);
        let fewer = held_back.map_err(|denied| self.denied(&url, &method, denied))?;
        let limit = request.timeout_ms.map_or(self.timeout, |own| self.timeout.min(millis(own)));
        let filling = fewer.as_ref().unwrap_or(filling);
        let mut request = request::build(request, &url, filling, self.request_bytes_max)?;
        if let Some(token) = token {
            if !self.permits.lets_secret(TOKENS_KEY, &url) {
                let denied = permits::secret_denied(TOKENS_KEY, &url);
                return Err(self.denied(&url, &method, denied));
            }
            request::whole_answers_only(request.headers())?;
            request.headers_mut().entry(AUTHORIZATION).or_insert_with(|| token.header());
        }
        Ok(Ready { request, url, method, reach, limit })
    }

    /// The secrets that may go to this place, where those are not all.
    fn held_back(
        &self,
        request: &Outgoing,
        url: &Url,
        filling: &Secrets,
    ) -> Result<Option<Secrets>, Denied> {
        let kept = filling.only(|key| !self.permits.lets_secret(key, url));
        if kept.is_empty() {
            return Ok(None);
        }
        let headers = request.headers.iter().map(|(_, value)| value.as_bytes());
        let texts = headers.chain([request.url.as_bytes(), &request.body]);
        match kept.named_in(texts) {
            Some(key) => Err(permits::secret_denied(key, url)),
            None => Ok(Some(filling.only(|key| self.permits.lets_secret(key, url)))),
        }
    }

    async fn exchange(
        &self,
        ready: Ready,
        (scrubber, response_bytes_max): (&Secrets, usize),
    ) -> Result<Incoming, FetchError> {
        let Ready { mut request, url, method, reach, limit } = ready;
        if let Some(peer) = &self.peer {
            return answers::answer(&**peer, request, scrubber, response_bytes_max).await;
        }
        let client = match reach {
            Reach::Public => &self.public,
            Reach::Private => &self.private,
            Reach::Exact => &self.exact,
        };
        let connection = capture_connection(&mut request);
        let exchange = async {
            let response = client
                .request(request)
                .await
                .map_err(|error| self.failure(&url, &method, &error))?;
            response::read(response, scrubber, response_bytes_max).await
        };
        match time::timeout(limit, exchange).await {
            Ok(result) => result,
            // Hyper notes the connection in the step before it hands the request over to it.
            Err(_elapsed) if connection.connection_metadata().is_none() => Err(
                FetchError::Unreachable(format!("no connection within {} ms", limit.as_millis())),
            ),
            Err(_elapsed) => Err(FetchError::Interrupted(format!(
                "no whole response within {} ms",
                limit.as_millis()
            ))),
        }
    }
}
