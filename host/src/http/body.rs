//! Bodies of requests, read whole within a limit of bytes and of time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::ApiError;

/// Longest time for a body to arrive.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Largest JSON body of the API, in bytes.
pub(super) const JSON_BYTES_MAX: usize = 1 << 20;

/// The whole body, or the reason why not. Nothing is kept of a body that is too large.
pub(super) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    let whole = tokio::time::timeout(TIME_MAX, Limited::new(body, bytes_max).collect());
    match whole.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(ApiError::BodyTooLarge { bytes_max })
        }
        Ok(Err(_cut)) => Err(ApiError::BodyCut),
        Err(_elapsed) => Err(ApiError::BodyTooSlow),
    }
}

/// The body as JSON of the API.
pub(super) async fn read_json<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    read_json_up_to(body, JSON_BYTES_MAX).await
}

/// The same, up to another limit.
pub(super) async fn read_json_up_to<T: DeserializeOwned>(
    body: Body,
    bytes_max: usize,
) -> Result<T, ApiError> {
    let bytes = read(body, bytes_max).await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::BadInput(format!("the body is not right: {error}")))
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use hyper::body::Frame;
    use tokio::time::Instant;

    use super::*;

    /// A body that never comes.
    struct Silent;

    impl hyper::body::Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_waited_for_so_long_and_no_longer() {
        let started = Instant::now();
        let refused = read(Body::new(Silent), 10).await;
        assert!(matches!(refused, Err(ApiError::BodyTooSlow)), "{refused:?}");
        assert_eq!(started.elapsed(), TIME_MAX);
    }
}
