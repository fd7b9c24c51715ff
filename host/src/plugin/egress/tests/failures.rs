//! What a guest is told where no answer comes.

use tokio::net::TcpListener;

use super::{
    server::{Server, Then},
    *,
};

#[tokio::test]
async fn what_never_connected_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    drop(listener);
    let refused = door_to(&egress(), &place).fetch(get(&place)).await;
    assert!(matches!(refused, Err(FetchError::Unreachable(_))), "{refused:?}");

    let fails: Lookup =
        Arc::new(|_| Box::pin(future::ready(Err(std::io::Error::other("no such name")))));
    let never: Lookup = Arc::new(|_| Box::pin(future::pending()));
    let place = "https://crm.example";
    let unknown = door_to(&Egress { lookup: fails, ..egress() }, place).fetch(get(place)).await;
    assert!(matches!(unknown, Err(FetchError::Unreachable(_))), "{unknown:?}");
    let own_limit = Outgoing { timeout_ms: Some(20), ..get(place) };
    let slow =
        door_to(&Egress { lookup: Arc::clone(&never), ..egress() }, place).fetch(own_limit).await;
    assert_eq!(slow, Err(FetchError::Unreachable("no connection within 20 ms".to_owned())));

    let mut impatient = Egress { lookup: never, ..egress() };
    impatient.config.connect_ms = NonZeroU32::new(20).unwrap();
    let slow = door_to(&impatient, place).fetch(get(place)).await;
    assert!(
        matches!(&slow, Err(FetchError::Unreachable(text)) if text.contains("within 20 ms")),
        "{slow:?}"
    );
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_interrupted() {
    for (then, answer) in [
        (Then::ReadOn, ""),
        (Then::Close, ""),
        (Then::Close, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"),
        (Then::Close, "no http at all\r\n\r\n"),
        (Then::Drip, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
    ] {
        let server = Server::start(then, move |_| answer.to_owned()).await;
        let request = Outgoing { timeout_ms: Some(100), ..get(&server.url()) };
        let result = door_to(&egress(), &server.url()).fetch(request).await;
        assert!(matches!(result, Err(FetchError::Interrupted(_))), "{answer:?}: {result:?}");
        assert_eq!(server.requests().len(), 1, "a request is sent once: {answer:?}");
    }
}

#[tokio::test]
async fn a_guest_cannot_lengthen_the_time_limit() {
    let server = Server::start(Then::ReadOn, |_| String::new()).await;
    let mut egress = egress();
    egress.config.timeout_ms = NonZeroU32::new(50).unwrap();
    let request = Outgoing { timeout_ms: Some(60_000), ..get(&server.url()) };
    let result = door_to(&egress, &server.url()).fetch(request).await;
    assert_eq!(result, Err(FetchError::Interrupted("no whole response within 50 ms".to_owned())));
}
