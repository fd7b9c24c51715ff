//! Bodies that a refusal leaves unread.
//!
//! hyper closes a connection on which a large body was not read to its end, but says so to nobody:
//! a client would send its next request into a connection that is gone. So the answer says it.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use hyper::body::{Body, Frame, SizeHint};

/// A body up to this size is read in one go with the head, or nearly so, and thrown away.
const SMALL_BYTES: u64 = 16 << 10;

/// A body, and a flag that tells its end.
#[derive(Debug)]
pub(super) struct Watched<B> {
    body: B,
    is_read: Arc<AtomicBool>,
}

/// Whether a body was read to its end.
#[derive(Debug)]
pub(super) struct Watch {
    is_small: bool,
    is_read: Arc<AtomicBool>,
}

/// Watches how far a body is read.
pub(super) fn watch<B: Body>(body: B) -> (Watched<B>, Watch) {
    let is_read = Arc::new(AtomicBool::new(body.is_end_stream()));
    let is_small = body.size_hint().upper().is_some_and(|size| size <= SMALL_BYTES);
    let watch = Watch { is_small, is_read: Arc::clone(&is_read) };
    (Watched { body, is_read }, watch)
}

impl Watch {
    /// Whether so much is unread that the connection ends with this answer.
    pub(super) fn is_unread(&self) -> bool {
        !self.is_small && !self.is_read.load(Ordering::Relaxed)
    }
}

impl<B: Body + Unpin> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.is_read.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};
    use hyper::body::Bytes;

    use super::*;

    fn body(bytes: u64) -> Full<Bytes> {
        Full::from(vec![b'x'; usize::try_from(bytes).unwrap()])
    }

    #[tokio::test]
    async fn a_large_body_is_unread_until_its_end() {
        let (mut watched, watch) = watch(body(SMALL_BYTES + 1));
        assert!(watch.is_unread());
        watched.frame().await.unwrap().unwrap();
        assert!(!watch.is_unread(), "it had one frame");
        assert!(watched.frame().await.is_none());
    }

    #[test]
    fn small_bodies_and_none_at_all_end_no_connection() {
        assert!(!watch(body(SMALL_BYTES)).1.is_unread());
        assert!(!watch(body(0)).1.is_unread());
    }
}
