//! A server that reads requests and answers what it is told.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time,
};
use tokio_util::task::TaskTracker;

use super::millis;

/// What a server does after its answer.
#[derive(Clone, Copy)]
pub(super) enum Then {
    ReadOn,
    Close,
    /// Bytes of a chunked body, one by one, without end.
    Drip,
}

pub(super) struct Server {
    pub(super) port: u16,
    accepted: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) async fn start(
        then: Then,
        answer: impl Fn(&str) -> String + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, accepted: Arc::default(), requests: Arc::default() };
        let (accepted, requests) = (Arc::clone(&server.accepted), Arc::clone(&server.requests));
        let tasks = TaskTracker::new();
        tasks.clone().spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::Relaxed);
                tasks.spawn(converse(stream, then, answer.clone(), Arc::clone(&requests)));
            }
        });
        server
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn converse(
    mut stream: TcpStream,
    then: Then,
    answer: impl Fn(&str) -> String,
    requests: Arc<Mutex<Vec<String>>>,
) {
    let mut text = String::new();
    let mut chunk = vec![0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        text.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
        if !is_whole(&text) {
            continue;
        }
        let request = std::mem::take(&mut text);
        let answer = answer(&request);
        requests.lock().unwrap().push(request);
        // A client that has read enough may be gone.
        let sent = stream.write_all(answer.as_bytes()).await;
        match then {
            Then::ReadOn if sent.is_ok() => {}
            Then::ReadOn | Then::Close => return,
            Then::Drip => {
                while stream.write_all(b"1\r\nx\r\n").await.is_ok() {
                    time::sleep(millis(5)).await;
                }
            }
        }
    }
}

pub(super) fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.map_or(0, |length| length.parse().unwrap()) == body.len()
}

pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
