//! A client of the host's own API, for the commands that talk to a running host.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde_json::Value;

use super::{Error, RemoteArgs};
use crate::{config, secret::Secret};

/// Longest wait for an answer: an upload is compiled before it is answered.
const TIME_MAX: Duration = Duration::from_mins(3);

/// Largest answer read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// One host, and the token for it.
#[derive(Debug)]
pub(super) struct ApiClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: String,
    token: Secret<String>,
}

impl ApiClient {
    pub(super) fn new(remote: &RemoteArgs) -> Result<Self, Error> {
        let provider = rustls::crypto::ring::default_provider();
        let tls = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Unavailable(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots(remote.ca_file.as_deref())?)
            .with_no_client_auth();
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let url = remote.url.trim_end_matches('/').to_owned();
        Ok(Self { client, url, token: token(remote.token_file.as_deref())? })
    }

    /// Sends a request to a path below `/api/v1`; the answer's JSON, or `Null` without one.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Value, Error> {
        let response = self.request(method, path, "application/json", None, body).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let bytes = body.map_err(|error| self.unreachable(&error))?.to_bytes();
        let answer = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() { Ok(answer) } else { Err(refusal(status, &answer)) }
    }

    /// The same, giving each line of an answer of JSON lines to `line` as it comes. Returns the
    /// last one.
    pub(super) async fn send_for_lines(
        &self,
        path: &str,
        header: Option<(&str, String)>,
        body: Vec<u8>,
        line: impl Fn(&Value),
    ) -> Result<Value, Error> {
        let accept = "application/x-ndjson";
        let response = self.request(Method::POST, path, accept, header, body).await?;
        let status = response.status();
        let mut body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let (mut rest, mut last) = (Vec::new(), Value::Null);
        loop {
            let frame = tokio::time::timeout(TIME_MAX, body.frame()).await;
            let frame = frame.map_err(|error| self.unreachable(&error))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| self.unreachable(&error))?;
            rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let whole: Vec<u8> = rest.drain(..=end).collect();
                last = serde_json::from_slice(&whole).unwrap_or(Value::Null);
                line(&last);
            }
        }
        if !rest.is_empty() {
            last = serde_json::from_slice(&rest).unwrap_or(Value::Null);
        }
        if status.is_success() { Ok(last) } else { Err(refusal(status, &last)) }
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        header: Option<(&str, String)>,
        body: Vec<u8>,
    ) -> Result<Response<Incoming>, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.url))
            .header(header::AUTHORIZATION, format!("bearer {}", self.token.expose()))
            .header(header::ACCEPT, accept);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| {
            Error::Usage(format!("`{}` is no address of a host: {error}", self.url))
        })?;
        let response = tokio::time::timeout(TIME_MAX, self.client.request(request)).await;
        let response = response.map_err(|error| self.unreachable(&error))?;
        response.map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, why: &dyn std::fmt::Display) -> Error {
        Error::Unavailable(format!(
            "no host answers at {}: {why}: start it with `patchbay serve`",
            self.url
        ))
    }
}

/// The problem's title and all its parts, as an error with the right exit code.
pub(super) fn refusal(status: StatusCode, answer: &Value) -> Error {
    let title =
        answer.get("title").and_then(Value::as_str).unwrap_or("the host refused the request");
    let problems = answer.get("problems").and_then(Value::as_array).into_iter().flatten();
    let lines = problems.map(|problem| {
        let text = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default();
        format!("\n  {}: {}", text("field"), text("message"))
    });
    let message = format!("{title}{}", lines.collect::<String>());
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::NoPermission(message),
        status if status.is_server_error() => Error::Unavailable(message),
        _ => Error::Refused(message),
    }
}

/// The authorities that everybody knows, and the one of the file.
fn roots(file: Option<&Path>) -> Result<RootCertStore, Error> {
    let known = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
    let mut roots = RootCertStore { roots: known.collect() };
    let Some(file) = file else { return Ok(roots) };
    let wrong = |why: &dyn std::fmt::Display| {
        Error::Usage(format!("`{}` is no file of certificates: {why}", file.display()))
    };
    for cert in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
        let cert = cert.map_err(|error| wrong(&error))?;
        roots.add(cert).map_err(|error| wrong(&error))?;
    }
    Ok(roots)
}

fn token(file: Option<&Path>) -> Result<Secret<String>, Error> {
    let place = match file {
        Some(path) => config::SecretRef::File(path.to_owned()),
        None => config::SecretRef::Env("PATCHBAY_TOKEN".to_owned()),
    };
    let remedy =
        |fault| Error::NoPermission(format!("there is no API token: {fault}, or use --token-file"));
    config::read_secret(&place).map_err(remedy)
}
