//! A stream that gives up on a peer who does not come to an end: with the head of a request, or with
//! taking an answer.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Longest time without a byte of an answer going out.
const STALL_MAX: Duration = Duration::from_secs(30);

/// What of the requests of the connection is known where they are answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Serving(Arc<Served>);

#[derive(Debug, Default)]
struct Served {
    is_busy: AtomicBool,
    /// Heads that were whole.
    heads: AtomicU64,
}

/// A request is being answered until this is dropped.
pub(super) struct Busy(Serving);

impl Serving {
    pub(super) fn begin(&self) -> Busy {
        self.0.heads.fetch_add(1, Ordering::Relaxed);
        self.0.is_busy.store(true, Ordering::Relaxed);
        Busy(self.clone())
    }

    fn is_busy(&self) -> bool {
        self.0.is_busy.load(Ordering::Relaxed)
    }

    fn heads(&self) -> u64 {
        self.0.heads.load(Ordering::Relaxed)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.is_busy.store(false, Ordering::Relaxed);
    }
}

/// Reads and writes as ever, with two limits: a head must be whole so long after its first byte, the
/// first one so long after the connection was made; and a write must move within [`STALL_MAX`].
///
/// How long a connection may wait for its next request is not told here.
pub(super) struct Patient<S> {
    inner: S,
    head_max: Duration,
    serving: Serving,
    /// Runs while a head arrives.
    head: Option<Pin<Box<Sleep>>>,
    /// Heads that were whole when it was last looked.
    heads: u64,
    /// Runs while the peer takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(inner: S, head_max: Duration, serving: Serving) -> Self {
        let head = Some(Box::pin(sleep(head_max)));
        Self { inner, head_max, serving, head, heads: 0, stall: None }
    }

    /// Whoever has sent its head has all the time that its body may take.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let heads = self.serving.heads();
        if heads != self.heads {
            self.heads = heads;
            self.head = None;
        }
        self.head.as_mut().is_some_and(|head| head.as_mut().poll(context).is_ready())
    }

    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(STALL_MAX)));
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if self.is_late(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let is_more = before < buf.filled().len();
        if is_more && self.head.is_none() && !self.serving.is_busy() {
            self.head = Some(Box::pin(sleep(self.head_max)));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.bounded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.bounded(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.bounded(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::{Instant, timeout},
    };

    use super::*;

    const HEAD_MAX: Duration = Duration::from_secs(5);

    fn patient<S>(stream: S) -> Patient<S> {
        Patient::new(stream, HEAD_MAX, Serving::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_waited_for_from_the_connection_or_from_its_first_byte_on() {
        let (near, mut far) = duplex(64);
        let serving = Serving::default();
        let mut near = Patient::new(near, HEAD_MAX, serving.clone());
        let mut bytes = [0; 64];
        let started = Instant::now();
        far.write_all(b"POST").await.unwrap();
        assert_eq!(near.read(&mut bytes).await.unwrap(), 4);
        let busy = serving.begin();
        // The body of the request may take longer.
        assert!(timeout(HEAD_MAX * 2, near.read(&mut bytes)).await.is_err());
        drop(busy);
        assert!(timeout(HEAD_MAX * 2, near.read(&mut bytes)).await.is_err(), "and so may a pause");
        assert_eq!(started.elapsed(), HEAD_MAX * 4);

        far.write_all(b"POST").await.unwrap();
        assert_eq!(near.read(&mut bytes).await.unwrap(), 4);
        let error = near.read(&mut bytes).await.unwrap_err();
        assert_eq!((error.kind(), started.elapsed()), (io::ErrorKind::TimedOut, HEAD_MAX * 5));

        let (near, mut far) = duplex(64);
        let mut near = Patient::new(near, HEAD_MAX, serving.clone());
        far.write_all(b"GET").await.unwrap();
        assert_eq!(near.read(&mut bytes).await.unwrap(), 3);
        drop(serving.begin());
        let pause = timeout(HEAD_MAX * 2, near.read(&mut bytes)).await;
        assert!(pause.is_err(), "it was answered before anything more was read");

        let (near, _far) = duplex(64);
        let error = patient(near).read(&mut bytes).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up_after_its_time() {
        let (near, _far) = duplex(4);
        let mut near = patient(near);
        let started = Instant::now();

        let error = near.write_all(b"12345").await.unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), STALL_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_peer_that_takes_something_is_waited_for() {
        let (near, mut far) = duplex(1);
        let reading = async {
            let mut bytes = Vec::new();
            for _ in 0..5 {
                sleep(STALL_MAX.checked_sub(Duration::from_millis(1)).unwrap()).await;
                bytes.push(far.read_u8().await.unwrap());
            }
            bytes
        };
        let mut near = patient(near);

        let (written, read) = tokio::join!(near.write_all(b"12345"), reading);

        written.unwrap();
        assert_eq!(read, b"12345");
    }
}
