//! A stage on loopback.

use std::{
    fmt, io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use patchbay_sdk::http::{Request, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{Simulator, Stage};

/// A simulator that is served; it stops when this is dropped.
#[derive(Debug)]
pub struct Served<S> {
    /// `http://127.0.0.1:port`, without a path.
    pub url: String,
    stage: Arc<Mutex<Stage<S>>>,
    _server: JoinSet<()>,
}

impl<S> Served<S> {
    /// The stage, to look into, to prepare and to make fail.
    pub fn stage(&self) -> MutexGuard<'_, Stage<S>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the stage on a free port of loopback.
pub async fn serve<S: Simulator + Send + 'static>(stage: Stage<S>) -> io::Result<Served<S>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let stage = Arc::new(Mutex::new(stage));
    let mut server = JoinSet::new();
    server.spawn(listen(listener, Arc::clone(&stage), url.clone()));
    Ok(Served { url, stage, _server: server })
}

async fn listen<S: Simulator + Send + 'static>(
    listener: TcpListener,
    stage: Arc<Mutex<Stage<S>>>,
    url: String,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, Arc::clone(&stage), url.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// The connection ends here, without an answer.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut as a test wants it")
    }
}

impl std::error::Error for Cut {}

async fn connection<S: Simulator + Send + 'static>(
    stream: TcpStream,
    stage: Arc<Mutex<Stage<S>>>,
    url: String,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (stage, url) = (Arc::clone(&stage), url.clone());
        async move {
            let Some(request) = read(request, &url).await else { return Err(Cut) };
            let handled = stage.lock().unwrap_or_else(PoisonError::into_inner).handle(&request);
            handled.map_err(|_lost| Cut).map(|response| written(&response))
        }
    });
    let served =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A connection that ends early is the caller's to notice.
    served.await.unwrap_or_default();
}

async fn read(request: hyper::Request<Incoming>, url: &str) -> Option<Request> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers =
        parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let method = parts.method.as_str();
    let request = Request::new(method, format!("{url}{}", parts.uri));
    Some(Request { headers, body: body.to_vec(), ..request })
}

fn written(response: &Response) -> hyper::Response<Full<Bytes>> {
    let mut answer = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        answer = answer.header(name, value);
    }
    let body = Full::new(Bytes::from(response.body.clone()));
    answer.body(body).unwrap_or_else(|error| {
        let text = format!("the simulator made no HTTP answer: {error}");
        let mut answer = hyper::Response::new(Full::new(Bytes::from(text)));
        *answer.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        answer
    })
}
