//! A raw connection to a host: bytes out, bytes in, and nobody who mends them on the way.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Sends what the host may not want to read any more.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.0.write_all(bytes.as_ref()).await);
    }

    /// Everything until the host closes the connection.
    pub(crate) async fn rest(&mut self) -> String {
        self.rest_within(PATIENCE).await.expect("the host closes the connection")
    }

    /// The same, or nothing when the connection is still open after this time.
    pub(crate) async fn rest_within(&mut self, time: Duration) -> Option<String> {
        let mut bytes = Vec::new();
        // A connection that is reset is closed as well.
        drop(timeout(time, self.0.read_to_end(&mut bytes)).await.ok()?);
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// One answer with its body; the connection stays as it is.
    pub(crate) async fn answer(&mut self) -> String {
        let mut bytes = Vec::new();
        while !is_whole(&bytes) {
            let mut piece = [0; 4096];
            let read = timeout(PATIENCE, self.0.read(&mut piece)).await;
            let read = read.expect("the host answers").unwrap();
            assert!(0 < read, "closed after {:?}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&piece[..read]);
        }
        String::from_utf8(bytes).unwrap()
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.map_or(0, |length| length.parse().unwrap()) <= body.len()
}

/// The statuses of all answers in a text.
pub(crate) fn statuses(text: &str) -> Vec<u16> {
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
}
