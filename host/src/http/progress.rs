//! The stages of an upload while it goes on: one JSON object in each line.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Extension,
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse as _, Response},
};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, channel};

use super::{
    AppState,
    auth::Ending,
    plugins::{self, UploadQuery},
};
use crate::plugin::Upload;

pub(super) const NDJSON: &str = "application/x-ndjson";

/// Lines that wait for the client: more than there are stages, each conformance case one.
const LINES_MAX: usize = 256;

/// Begins to answer at once. The last line has the status and the body that a plain upload is
/// answered with.
pub(super) fn upload(state: Arc<AppState>, upload: Upload, query: UploadQuery) -> Response {
    let (lines, told) = channel(LINES_MAX);
    let (ended, ending) = Ending::later();
    let tasks = state.tasks.clone();
    // A client that goes away stops nothing: the upload goes on to its end.
    tasks.spawn(async move {
        let stages = lines.clone();
        let observer = move |stage| drop(stages.try_send(json!(stage)));
        let (status, changed, end) = match plugins::install(&state, upload, query, &observer).await
        {
            Ok((changed, installed)) => {
                (201, Some(changed), json!({ "status": 201, "plugin": installed }))
            }
            Err(error) => {
                let problem = error.problem();
                let status = problem.status();
                (status, None, json!({ "status": status, "problem": problem }))
            }
        };
        ended.tell(status, changed).await;
        drop(lines.send(end).await);
    });
    let headers = [(header::CONTENT_TYPE, NDJSON)];
    (Extension(ending), headers, Body::new(Lines(told))).into_response()
}

/// A body of lines as they come; it ends with whoever sends them. They are few.
struct Lines(Receiver<Value>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = |line: Value| Ok(Frame::data(Bytes::from(format!("{line}\n"))));
        self.0.poll_recv(cx).map(|line| line.map(frame))
    }
}
