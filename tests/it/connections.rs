//! What a connection may do to the host: dawdle, be one too many, and say two things at once.

use std::{cell::Cell, fmt::Write as _, time::Duration};

use hyper::{Request, StatusCode, header};
use tokio::{net::TcpStream, time::Instant};

use crate::{
    harness::{TestHost, eventually, jivo},
    raw::{Raw, statuses},
};

/// A host that has little patience, and the path of its webhook URL.
async fn hasty() -> (TestHost, String) {
    let host = TestHost::with(|config| {
        config.access.head_s = 1.try_into().unwrap();
        config.access.idle_s = 2.try_into().unwrap();
    })
    .await;
    let url = host.jivo_to_notebook().await;
    let path = url.strip_prefix(&host.url()).unwrap().to_owned();
    (host, path)
}

/// Webhooks in the journal.
async fn journaled(host: &TestHost) -> usize {
    host.get("/events?limit=500").await["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_head_that_does_not_end_in_time_ends_its_connection() {
    let (host, path) = hasty().await;
    let starts = [
        String::new(),
        format!("POST {path}"),
        format!("POST {path} HTTP/1.1\r\nhost: a\r\nx-slow: "),
    ];
    for start in starts {
        let mut raw = Raw::open(host.host().address).await;
        raw.send(&start).await;
        let asked = Instant::now();
        assert_eq!(statuses(&raw.rest().await), [0_u16; 0], "{start}");
        let took = asked.elapsed();
        assert!(Duration::from_millis(900) < took && took < Duration::from_secs(10), "{took:?}");
    }
    host.stop().await;
}

#[tokio::test]
async fn a_head_that_drips_is_not_given_more_time() {
    let (host, path) = hasty().await;
    let mut raw = Raw::open(host.host().address).await;
    raw.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\n")).await;
    let asked = Instant::now();
    let told = loop {
        raw.send("x-drip: 1\r\n").await;
        if let Some(told) = raw.rest_within(Duration::from_millis(100)).await {
            break told;
        }
        assert!(asked.elapsed() < Duration::from_secs(10), "it drips on and on");
    };
    assert_eq!(statuses(&told), [0_u16; 0]);
    assert_eq!(journaled(&host).await, 0);
    host.stop().await;
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request_for_a_while_only() {
    let (host, path) = hasty().await;
    let mut raw = Raw::open(host.host().address).await;
    let body = r#"{"event_name":"something_new"}"#;
    let request =
        format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let opened = Instant::now();
    for _ in 0..3 {
        raw.send(&request).await;
        assert!(raw.answer().await.starts_with("HTTP/1.1 200 OK"));
    }
    assert_eq!(raw.rest().await, "", "nobody asks any more");
    assert!(Duration::from_millis(1900) < opened.elapsed(), "a pause is no slow head");
    assert_eq!(journaled(&host).await, 3);
    host.stop().await;
}

#[tokio::test]
async fn slow_connections_leave_room_for_others_and_one_too_many_is_told() {
    let host = TestHost::with(|config| config.access.connections_max = 4.try_into().unwrap()).await;
    let mut slow = Vec::new();
    // The client of the harness keeps a connection of its own.
    host.get("/plugins").await;
    for _ in 0..3 {
        let mut raw = Raw::open(host.host().address).await;
        raw.send("GET /health/live HTTP/1.1\r\nhost: a\r\n").await;
        slow.push(raw);
    }
    let full = async || {
        let told = Raw::open(host.host().address).await.rest().await;
        told.starts_with("HTTP/1.1 503 ") && told.contains("retry-after: 1\r\n")
    };
    eventually("one too many is told", full).await;
    assert!(host.get("/plugins").await.is_object(), "who has a place keeps it");

    slow.clear();
    let is_free = async || {
        let mut raw = Raw::open(host.host().address).await;
        raw.send("GET /health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        raw.rest().await.starts_with("HTTP/1.1 200 ")
    };
    eventually("the places are free again", is_free).await;
    host.stop().await;
}

#[tokio::test]
async fn a_head_of_any_size_is_refused_before_it_is_kept() {
    let host = TestHost::with(|config| config.intake.header_bytes_max = 2000).await;
    let mut raw = Raw::open(host.host().address).await;
    raw.send("GET /health/live HTTP/1.1\r\nhost: a\r\n").await;
    for index in 0..50 {
        raw.send(format!("x-pad-{index}: {}\r\n", "x".repeat(500))).await;
    }
    raw.send("\r\n").await;
    assert_eq!(statuses(&raw.rest().await), [431]);

    let mut raw = Raw::open(host.host().address).await;
    let many = (0..101).fold(String::new(), |mut text, index| {
        write!(text, "x-{index}: 1\r\n").unwrap();
        text
    });
    raw.send(format!("GET /health/live HTTP/1.1\r\nhost: a\r\n{many}\r\n")).await;
    assert_eq!(statuses(&raw.rest().await), [431], "too many are as bad");
    host.stop().await;
}

/// What a request must be answered with, and how many webhooks may be taken of it.
struct Smuggled {
    what: &'static str,
    /// `PATH` stands for the path of the webhook URL.
    bytes: &'static str,
    status: u16,
    journaled: usize,
}

const SMUGGLED: &[Smuggled] = &[
    Smuggled {
        what: "a length and chunks",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        status: 400,
        journaled: 1,
    },
    Smuggled {
        what: "chunks and a length",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\n",
        status: 400,
        journaled: 1,
    },
    Smuggled {
        what: "chunks alone",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        status: 400,
        journaled: 1,
    },
    Smuggled {
        what: "two lengths",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 5\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "two lengths in one line",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\ncontent-length: 0, 5\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "a length with a sign",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\ncontent-length: +0\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "a folded line",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\nx: 1\r\n transfer-encoding: chunked\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "a space before the colon",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "a coding that is none",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "chunks and then another coding",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "chunks in HTTP/1.0",
        bytes: "POST PATH HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "a bare line feed that hides chunks",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\nx: 1\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        status: 400,
        journaled: 1,
    },
    Smuggled {
        what: "a bare carriage return in a value",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\nx: 1\rtransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "a zero byte in a value",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "two hosts",
        bytes: "POST PATH HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-length: 0\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "no host",
        bytes: "POST PATH HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
        status: 400,
        journaled: 0,
    },
    Smuggled {
        what: "a body where there is none",
        bytes: "GET PATH HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n12345",
        status: 405,
        journaled: 1,
    },
];

/// Rejected webhooks are journaled as well: a request that was smuggled would be one more.
#[tokio::test]
async fn what_two_programs_could_read_in_two_ways_is_the_last_of_its_connection() {
    let (host, path) = hasty().await;
    let mut expected = 0;
    for case in SMUGGLED {
        let mut raw = Raw::open(host.host().address).await;
        let suffix = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{{}}");
        raw.send(case.bytes.replace("PATH", &path) + &suffix).await;
        let told = raw.rest().await;

        assert_eq!(statuses(&told), [case.status], "{}: {told}", case.what);
        expected += case.journaled;
        assert_eq!(journaled(&host).await, expected, "{}", case.what);
    }
    host.stop().await;
}

#[tokio::test]
async fn chunks_that_are_not_right_are_no_webhook() {
    let (host, path) = hasty().await;
    let wrong = [
        ("a size that is none", "zz\r\n{}\r\n0\r\n\r\n"),
        ("a size too large", "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        ("a size with a sign", "+2\r\n{}\r\n0\r\n\r\n"),
        ("a size in C", "0x2\r\n{}\r\n0\r\n\r\n"),
        ("more than the size", "1\r\n{}\r\n0\r\n\r\n"),
        ("less than the size", "3\r\n{}\r\n0\r\n\r\n"),
        ("a line feed in an extension", "2;a\nb\r\n{}\r\n0\r\n\r\n"),
        ("a bare line feed after the size", "2\n{}\r\n0\r\n\r\n"),
    ];
    for (what, chunks) in wrong {
        let mut raw = Raw::open(host.host().address).await;
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
        let suffix = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{{}}");
        raw.send(head + chunks + &suffix).await;
        let told = raw.rest().await;
        assert_eq!(statuses(&told), [400], "{what}: {told}");
        assert!(told.contains("body-cut"), "{what}: {told}");
    }
    assert_eq!(journaled(&host).await, 0);
    host.stop().await;
}

#[tokio::test]
async fn chunks_with_extensions_and_trailers_are_a_webhook_like_any_other() {
    let (host, path) = hasty().await;
    let body = String::from_utf8(jivo("offline_message.json")).unwrap();
    let (one, two) = body.split_at(10);
    let chunks = format!(
        "{:X};name=value\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\nx-trailer: 1\r\n\r\n",
        one.len(),
        two.len()
    );
    let mut raw = Raw::open(host.host().address).await;
    raw.send(format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
    ))
    .await;
    let told = raw.rest().await;
    assert_eq!(statuses(&told), [200], "{told}");
    assert!(told.contains("connection: close"), "{told}");
    assert_eq!(host.get("/events").await["items"][0]["verdict"], "events");
    host.stop().await;
}

#[tokio::test]
async fn a_stop_lets_a_request_end_and_takes_no_other() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    let path = url.strip_prefix(&host.url()).unwrap().to_owned();
    let address = host.host().address;
    let body = String::from_utf8(jivo("offline_message.json")).unwrap();
    let mut raw = Raw::open(address).await;
    let (one, two) = body.split_at(10);
    raw.send(format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    ))
    .await;
    // From now on the handler waits for the body.
    assert!(raw.answer().await.starts_with("HTTP/1.1 100 "));
    raw.send(one).await;

    let has_stopped = Cell::new(false);
    let stopping = async {
        host.stop().await;
        has_stopped.set(true);
    };
    let asking = async {
        let is_closed = async || TcpStream::connect(address).await.is_err();
        eventually("nobody else is let in", is_closed).await;
        assert!(!has_stopped.get(), "a stop waits for who is there");
        raw.send(two).await;
        raw.rest().await
    };
    let ((), told) = tokio::join!(stopping, asking);
    assert_eq!(statuses(&told), [200], "{told}");
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let host = TestHost::start().await;
    let url = host.jivo_to_notebook().await;
    let base = host.url();
    for path in ["/nothing", "/health/live", "/metrics", "/openapi.json", "/api/v1/plugins"] {
        let request = Request::get(format!("{base}{path}")).body("".into()).unwrap();
        let answer = host.send(request).await;
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(answer.headers[header::REFERRER_POLICY], "no-referrer", "{path}");
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!answer.headers.contains_key(header::STRICT_TRANSPORT_SECURITY), "no TLS here");
    }
    let answer = host.hook(&url, jivo("offline_message.json")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    host.stop().await;
}
