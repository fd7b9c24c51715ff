//! Responses at the edges of their limits.

use super::{
    server::{Server, Then, ok},
    *,
};

#[tokio::test]
async fn a_body_is_cut_at_its_limit() {
    let chunked = |length: usize| {
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{}\r\n0\r\n\r\n",
            "x".repeat(length)
        )
    };
    let counted = |length: usize| ok(&"x".repeat(length));
    for (answer, fits) in [
        (chunked(1000), true),
        (chunked(1001), false),
        (counted(1000), true),
        (counted(1001), false),
    ] {
        let server = Server::start(Then::ReadOn, move |_| answer.clone()).await;
        let egress = Egress { response_bytes_max: 1000, ..egress() };
        match door_to(&egress, &server.url()).fetch(get(&server.url())).await {
            Ok(response) => assert!(fits && response.body.len() == 1000),
            Err(error) => {
                assert!(!fits && matches!(error, FetchError::ResponseTooLarge(_)), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn headers_are_cut_at_their_limits() {
    let many = |count: usize| {
        format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "a: b\r\n".repeat(count - 1))
    };
    let long = |bytes: usize| {
        format!("HTTP/1.1 200 OK\r\na: {}\r\ncontent-length: 0\r\n\r\n", "b".repeat(bytes - 16))
    };
    for (answer, fits) in [
        (many(128), true),
        (many(129), false),
        (long(64 << 10), true),
        (long((64 << 10) + 1), false),
        (long(128 << 10), false),
    ] {
        let length = answer.len();
        let server = Server::start(Then::ReadOn, move |_| answer.clone()).await;
        let result = door_to(&egress(), &server.url()).fetch(get(&server.url())).await;
        let is_right = if fits {
            result.is_ok()
        } else {
            matches!(result, Err(FetchError::ResponseTooLarge(_)))
        };
        assert!(is_right, "{length}: {:?}", result.map(|response| response.status));
    }
}
