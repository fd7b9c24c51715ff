//! A plain HTTP client.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::time::timeout;

#[derive(Debug, Clone)]
pub(crate) struct Web(Client<HttpConnector, Full<Bytes>>);

impl Web {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// The status of the answer, once it is there whole; `None` if there is none within `patience`.
    pub(crate) async fn post(&self, url: &str, body: Bytes, patience: Duration) -> Option<u16> {
        let request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
        let (status, _) = self.send(request.body(Full::new(body)).ok()?, patience).await?;
        Some(status)
    }

    /// The body of an answer that is a success.
    pub(crate) async fn text(&self, url: &str, token: &str) -> Option<String> {
        let request = Request::builder().method(Method::GET).uri(url);
        let request = request.header(header::AUTHORIZATION, format!("bearer {token}"));
        let request = request.body(Full::default()).ok()?;
        let (status, body) = self.send(request, Duration::from_secs(30)).await?;
        let is_success = (200..300).contains(&status);
        String::from_utf8(body.to_vec()).ok().filter(|_| is_success)
    }

    /// The same, as JSON.
    pub(crate) async fn json(&self, url: &str, token: &str) -> Option<Value> {
        serde_json::from_str(&self.text(url, token).await?).ok()
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
        patience: Duration,
    ) -> Option<(u16, Bytes)> {
        let answer = async {
            let response = self.0.request(request).await.ok()?;
            let status = response.status().as_u16();
            Some((status, response.into_body().collect().await.ok()?.to_bytes()))
        };
        timeout(patience, answer).await.ok()?
    }
}
