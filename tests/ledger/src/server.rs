//! The ledger over HTTP: connections that can be cut, calls that are counted, and tests that watch.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    future::pending,
    io,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{self, Instant},
};

use crate::{
    api::{self, Answer, Arrival, Call, Endpoint, Manners},
    books::{Books, Kind, Write, comparable},
    faults::{Fault, Script, Weather},
};

/// The bearer token that is accepted.
pub const KEY: &str = "ledger-test-key-0123456789";

/// A running ledger; it stops when this is dropped.
#[derive(Debug)]
pub struct Ledger {
    /// For the setting `base-url`.
    pub url: String,
    pub(crate) shared: Arc<Shared>,
    _server: JoinSet<()>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    state: RwLock<State>,
    opened: Instant,
    /// Tells that the state is another one.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) books: Books,
    pub(crate) manners: Manners,
    script: Script,
    latency: Duration,
    calls: u64,
    trace: Vec<Endpoint>,
    calls_of: BTreeMap<Endpoint, u64>,
    met: Vec<(Fault, u64)>,
    /// Calls whose effect is still to come.
    open: BTreeSet<u64>,
    /// Calls that are not answered yet, by client.
    busy: BTreeMap<String, u32>,
    busiest: BTreeMap<String, u32>,
}

/// The connection ends here, without an answer.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut as a test wants it")
    }
}

impl std::error::Error for Cut {}

/// Held until a call is answered or its caller is gone.
#[derive(Debug)]
struct Presence {
    shared: Arc<Shared>,
    number: u64,
    clients: Vec<String>,
}

impl Ledger {
    /// Opens empty books on a free port of the loopback interface.
    pub async fn open() -> Self {
        Self::listen(([127, 0, 0, 1], 0).into()).await.expect("a loopback port is free")
    }

    /// Opens empty books at an address.
    pub async fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (changed, _) = watch::channel(());
        let shared = Arc::new(Shared { state: RwLock::default(), opened: Instant::now(), changed });
        let mut server = JoinSet::new();
        server.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { url, shared, _server: server })
    }

    /// The fault of the `call`-th call of all; the first is 1.
    pub fn fault_at(&self, call: u64, fault: Fault) {
        self.shared.change(|state| state.script.at(call, fault));
    }

    /// The fault of the `call`-th call of the endpoint; the first is 1.
    pub fn fault_on(&self, endpoint: Endpoint, call: u64, fault: Fault) {
        self.shared.change(|state| state.script.on(endpoint, call, fault));
    }

    /// The fault of every call that has none of its own, from now on.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.shared.change(|state| state.script.always(fault));
    }

    /// Faults and latency by chance, for every call that has no fault of its own, from now on.
    pub fn set_weather(&self, weather: Weather) {
        self.shared.change(|state| state.script.weather(weather));
    }

    /// How long every answer takes, after its effect.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.change(|state| state.latency = latency);
    }

    /// Waits until the `call`-th call has arrived, whatever becomes of it.
    pub async fn arrived(&self, call: u64) {
        self.wait(|state| call <= state.calls).await;
    }

    /// Waits until the `call`-th call has had its effect, or will have none.
    pub async fn done(&self, call: u64) {
        self.wait(|state| call <= state.calls && !state.open.contains(&call)).await;
    }

    /// Since it was opened, as in [`Write::at`].
    pub fn elapsed(&self) -> Duration {
        self.shared.opened.elapsed()
    }

    /// Calls so far, faults and refusals included.
    pub fn calls(&self) -> u64 {
        self.shared.read(|state| state.calls)
    }

    /// Calls of one endpoint so far, faults and refusals included.
    pub fn calls_of(&self, endpoint: Endpoint) -> u64 {
        self.shared.read(|state| state.calls_of.get(&endpoint).copied().unwrap_or_default())
    }

    /// How often each fault was met.
    pub fn met(&self) -> Vec<(Fault, u64)> {
        self.shared.read(|state| state.met.clone())
    }

    /// The endpoints of all calls in their order, faults and refusals included.
    pub fn trace(&self) -> Vec<Endpoint> {
        self.shared.read(|state| state.trace.clone())
    }

    /// How many records there are.
    pub fn count(&self, kind: Kind) -> usize {
        self.shared.read(|state| state.books.count(kind))
    }

    /// Every effect in the order in which they came about.
    pub fn writes(&self) -> Vec<Write> {
        self.shared.read(|state| state.books.writes())
    }

    /// All records without keys and times: equal for two runs that did the same in the same order.
    pub fn records(&self) -> Value {
        self.shared.read(|state| state.books.records())
    }

    /// Keys that made more than one record, and identifiers that more than one contact holds.
    pub fn duplicates(&self) -> Vec<String> {
        self.shared.read(|state| state.books.duplicates())
    }

    /// The most calls that were open at once for one client, by identifier: `phone:15550100`.
    pub fn busiest(&self) -> BTreeMap<String, u32> {
        self.shared.read(|state| state.busiest.clone())
    }

    async fn wait(&self, is_so: impl Fn(&State) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        while !self.shared.read(&is_so) {
            changed.changed().await.expect("the sender lives as long as the ledger");
        }
    }
}

impl Shared {
    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
        result
    }
}

impl State {
    /// Counts the call and tells its number, its fault, and whom it is about.
    fn arrive(&mut self, call: &Call) -> (u64, Option<Fault>, Vec<String>) {
        self.calls += 1;
        self.trace.push(call.endpoint);
        let of_endpoint = self.calls_of.entry(call.endpoint).or_default();
        *of_endpoint += 1;
        let fault = self.script.fault(self.calls, call.endpoint, *of_endpoint);
        if let Some(fault) = fault {
            match self.met.iter_mut().find(|(met, _)| *met == fault) {
                Some((_, times)) => *times += 1,
                None => self.met.push((fault, 1)),
            }
        }
        self.open.insert(self.calls);
        let clients = api::clients(&self.books, call);
        let mut clients: Vec<String> = clients.iter().map(|client| comparable(client)).collect();
        clients.sort();
        clients.dedup();
        for client in &clients {
            let busy = self.busy.entry(client.clone()).or_default();
            *busy += 1;
            let busiest = self.busiest.entry(client.clone()).or_default();
            *busiest = (*busiest).max(*busy);
        }
        (self.calls, fault, clients)
    }

    fn leave(&mut self, number: u64, clients: &[String]) {
        self.open.remove(&number);
        for client in clients {
            match self.busy.get_mut(client) {
                Some(busy @ 2..) => *busy -= 1,
                _ => drop(self.busy.remove(client)),
            }
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.shared.change(|state| state.leave(self.number, &self.clients));
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A machine that is out of sockets has some again later.
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(converse(stream, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    // Small answers shall not wait for each other.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(|request| answer(Arc::clone(&shared), request));
    let connection = hyper::server::conn::http1::Builder::new();
    // It ends with an error when a test wants it cut, or its caller was killed.
    drop(connection.serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    if request.uri().path() == "/figures" {
        return Ok(response(200, &shared.read(figures)));
    }
    let has_key = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .is_some_and(|key| key == KEY);
    let Some(call) = read(request).await else {
        return Ok(response(404, &json!({ "message": "there is no such endpoint" })));
    };
    let (number, fault, clients) = shared.change(|state| state.arrive(&call));
    let presence = Presence { shared: Arc::clone(&shared), number, clients };
    let answered = match fault {
        None | Some(Fault::CutAfter | Fault::HangAfter) if has_key => {
            effect(&shared, number, &call)
        }
        None => Answer { status: 401, body: json!({ "message": "the key is wrong" }) },
        Some(Fault::Status(status)) => Answer { status, body: Value::Null },
        Some(Fault::TooManyRequests { .. }) => Answer { status: 429, body: Value::Null },
        Some(_) => Answer { status: 500, body: Value::Null },
    };
    let latency = shared.change(|state| {
        state.open.remove(&number);
        state.latency + state.script.latency(number)
    });
    match fault {
        Some(Fault::CutBefore | Fault::CutAfter) => return Err(Cut),
        Some(Fault::Hang | Fault::HangAfter) => match pending::<Infallible>().await {},
        _ => time::sleep(latency).await,
    }
    drop(presence);
    let mut response = response(answered.status, &answered.body);
    if let Some(Fault::TooManyRequests { retry_after_s }) = fault {
        response.headers_mut().insert(header::RETRY_AFTER, retry_after_s.into());
    }
    Ok(response)
}

fn effect(shared: &Shared, number: u64, call: &Call) -> Answer {
    let at = shared.opened.elapsed();
    shared.change(|state| {
        api::apply(&mut state.books, &state.manners, call, Arrival { call: number, at })
    })
}

/// The call, where there is such an endpoint and its body is JSON or empty.
async fn read(request: Request<Incoming>) -> Option<Call> {
    let (endpoint, name) = api::route(request.method().as_str(), request.uri().path())?;
    let key = request.headers().get("idempotency-key");
    let key = key.and_then(|key| key.to_str().ok()).map(str::to_owned);
    let body = request.into_body().collect().await.ok()?.to_bytes();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).ok()? };
    Some(Call { endpoint, name, key, body })
}

/// For who watches a ledger in another process.
fn figures(state: &State) -> Value {
    let count = |kind| state.books.count(kind);
    json!({
        "calls": state.calls,
        "writes": state.books.count_writes(),
        "contacts": count(Kind::Contact),
        "deals": count(Kind::Deal),
        "tasks": count(Kind::Task),
        "notes": count(Kind::Note),
        "duplicates": state.books.duplicates().len(),
    })
}

fn response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}
