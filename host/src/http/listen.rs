//! Connections: how many there may be, how long they may take, and how they end.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use self::patient::{Patient, Serving};
use super::{
    client::{Client, Proxies},
    framing, headers,
    tls::Certificate,
    unread::{self, Watched},
};
use crate::{config::Config, tasks::Tasks};

mod patient;

/// What the head of a request may be larger than the limit for webhooks, in bytes, so that the
/// handler can tell the limit in its own words.
const HEAD_BYTES_SPARE: usize = 8 << 10;

/// Between a failed `accept` and the next one: there may be no free file handle.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What a connection too many is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What all connections share.
#[derive(Debug, Clone)]
pub struct Gate {
    places: Arc<Semaphore>,
    head: Duration,
    idle: Duration,
    head_bytes_max: usize,
    proxies: Arc<Proxies>,
    certificate: Option<Arc<Certificate>>,
}

impl Gate {
    /// Reads the certificate, where there is one. The error names the file and the remedy.
    pub fn open(config: &Config) -> Result<Self, String> {
        let access = &config.access;
        let places = usize::try_from(access.connections_max.get()).unwrap_or(usize::MAX);
        let certificate = match (&config.tls.cert, &config.tls.key) {
            (Some(cert), Some(key)) => Some(Arc::new(Certificate::read(cert, key)?)),
            _ => None,
        };
        Ok(Self {
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            head: Duration::from_secs(access.head_s.get().into()),
            idle: Duration::from_secs(access.idle_s.get().into()),
            head_bytes_max: config.intake.header_bytes_max.saturating_add(HEAD_BYTES_SPARE),
            proxies: Arc::new(Proxies::new(access)),
            certificate,
        })
    }

    /// The certificate, to be looked after.
    pub fn certificate(&self) -> Option<&Arc<Certificate>> {
        self.certificate.as_ref()
    }
}

/// Takes connections until `tasks` stop; those that are open end by themselves, or with the work
/// that is cut off.
pub(super) async fn run(listener: TcpListener, router: Router, gate: Gate, tasks: Tasks) {
    let served = Served { router, gate, tasks };
    loop {
        let accepted = tokio::select! {
            () = served.tasks.stopping() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => served.take(stream, address),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be taken, and is tried again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[derive(Clone)]
struct Served {
    router: Router,
    gate: Gate,
    tasks: Tasks,
}

impl Served {
    /// Never waits: a full house and a slow handshake hold nobody else up.
    fn take(&self, stream: TcpStream, address: SocketAddr) {
        let Ok(place) = Arc::clone(&self.gate.places).try_acquire_owned() else {
            if self.gate.certificate.is_none() {
                // Whoever cannot be told is closed without a word.
                drop(stream.try_write(FULL));
            }
            return;
        };
        // Small answers go at once. Where this fails the connection is gone already.
        if stream.set_nodelay(true).is_ok() {
            self.tasks.spawn(self.clone().connection(stream, address.ip(), place));
        }
    }

    async fn connection(self, stream: TcpStream, peer: IpAddr, place: OwnedSemaphorePermit) {
        match self.gate.certificate.clone() {
            None => self.requests(stream, peer).await,
            Some(certificate) => {
                let shake =
                    tokio::time::timeout(self.gate.head, certificate.acceptor().accept(stream));
                let shaken = tokio::select! {
                    () = self.tasks.stopping() => return,
                    shaken = shake => shaken,
                };
                match shaken {
                    Ok(Ok(stream)) => self.requests(stream, peer).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
                }
            }
        }
        drop(place);
    }

    /// Answers the requests of one connection, one after the other.
    async fn requests<S>(&self, stream: S, peer: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let serving = Serving::default();
        let stream = Patient::new(stream, self.gate.head, serving.clone());
        let service = service_fn(|request| {
            let busy = serving.begin();
            async move {
                let answer = self.answer(peer, request).await;
                drop(busy);
                answer
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.gate.idle)
            .max_header_size(self.gate.head_bytes_max)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.tasks.stopping() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = self.tasks.cut() => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
        }
    }

    async fn answer(
        &self,
        peer: IpAddr,
        mut request: Request<Incoming>,
    ) -> Result<Response, Infallible> {
        let is_last = framing::is_doubtful(&request);
        let checked = framing::check(&request);
        let client = Client(self.gate.proxies.client(peer, request.headers()));
        request.extensions_mut().insert(client);
        let (head, body) = request.into_parts();
        let (body, watch) = unread::watch(body);
        let mut response = match checked {
            Err(error) => axum::response::IntoResponse::into_response(error),
            Ok(()) => route(self.router.clone(), Request::from_parts(head, body)).await,
        };
        headers::secure(response.headers_mut(), self.gate.certificate.is_some());
        if is_last || watch.is_unread() {
            headers::close(response.headers_mut());
        }
        Ok(response)
    }
}

async fn route(mut router: Router, request: Request<Watched<Incoming>>) -> Response<Body> {
    use tower_service::Service as _;
    match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
