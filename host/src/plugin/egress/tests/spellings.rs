//! Every trick that is known to lead a request elsewhere, through a whole door.

use super::*;

/// Hosts that are this machine, or what a hostile plugin would like to reach.
const HOSTS: [&str; 51] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0X7F.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "0.0.0.0",
    "0",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[::]",
    "[::1%25lo]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "good.example@127.0.0.1",
    "good.example:80@127.0.0.1",
    "good.example%40127.0.0.1",
    "127.0.0.1#@good.example",
    "127.0.0.1?@good.example",
    "127.0.0.1/@good.example",
    "127.0.0.1\\@good.example",
    "good.example\\@127.0.0.1",
    "127.0.0.1\t",
    "127.0.0.1\r\nhost: good.example",
    "127.0.0.1%00good.example",
    "127.0.0.1%23good.example",
    "127.0.0.1%2f.good.example",
    "127。0。0。1",
    "１２７.0.0.1",
    "①②⑦.⓪.⓪.①",
    "ｌocalhost",
    "evil.good.example",
    "good.example.evil.example",
    "goodxexample",
    "g\u{043e}od.example",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "metadata.google.internal",
    "",
];

/// Denied or refused, and nothing was sent to anybody.
#[track_caller]
fn is_kept_in(url: &str, result: &Result<Incoming, FetchError>) {
    assert!(
        matches!(result, Err(FetchError::Denied(_) | FetchError::Invalid(_))),
        "{url}: {result:?}"
    );
}

#[tokio::test]
async fn no_spelling_of_a_url_reaches_what_is_not_granted() {
    let server = Server::start(Then::ReadOn, |_| ok("inner")).await;
    let port = server.port;
    let good = format!("http://good.example:{port}");
    // All names lead to this machine, as those of a hostile name server may.
    let (egress, _) = egress_at("127.0.0.1");
    let door = egress.door(&manifest(&[&good], Vec::new()), &account(&[(&good, false)])).unwrap();
    for host in HOSTS {
        for url in [
            format!("http://{host}:{port}/"),
            format!("http://{host}/"),
            format!("http:{host}:{port}"),
        ] {
            is_kept_in(&url, &door.fetch(get(&url)).await);
        }
    }
    // The right name in any spelling of its own: its address is looked at all the same.
    for url in [
        good.clone(),
        format!("HTTP://GOOD.example.:{port}/"),
        format!("http://good%2eexample:{port}/"),
        format!("http:good.example:{port}"),
        format!("http://good。example:{port}/"),
    ] {
        let Err(FetchError::Denied(text)) = door.fetch(get(&url)).await else { panic!("{url}") };
        assert!(text.starts_with("the address is not public"), "{url}: {text}");
    }
    for scheme in ["https", "ftp", "file", "gopher", "ws", "data", "blob:http"] {
        let url = format!("{scheme}://good.example:{port}/");
        is_kept_in(&url, &door.fetch(get(&url)).await);
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_granted_name_reaches_no_inner_address_in_any_clothes() {
    let server = Server::start(Then::ReadOn, |_| ok("inner")).await;
    let place = format!("http://a.good.example:{}", server.port);
    let rule = format!("http://*.good.example:{}", server.port);
    for address in [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:0:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "2002:7f00:1::",
        "2606:4700::5efe:127.0.0.1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
    ] {
        let (egress, _) = egress_at(address);
        let manifest = manifest(&[&rule], Vec::new());
        let door = egress.door(&manifest, &account(&[(&rule, false)])).unwrap();
        is_kept_in(address, &door.fetch(get(&place)).await);
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn an_address_that_changes_after_the_check_is_checked_again() {
    let server = Server::start(Then::Close, |_| ok("x")).await;
    let place = format!("http://crm.example:{}", server.port);
    let answers = std::sync::Mutex::new(["127.0.0.1", "169.254.169.254"].into_iter());
    let lookup: Lookup = Arc::new(move |_name| {
        let next = answers.lock().unwrap().next().unwrap();
        Box::pin(future::ready(Ok(vec![next.parse().unwrap()])))
    });
    let egress = Egress { lookup, ..egress() };
    let door = door_to(&egress, &place);
    assert_eq!(door.fetch(get(&place)).await.unwrap().status, 200);
    // The server has closed the connection: the next one is of the other address.
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
    let Err(FetchError::Denied(text)) = door.fetch(get(&place)).await else { panic!("not denied") };
    let grant =
        format!("{{\"allow\": \"http://169.254.169.254:{}\", \"private\": true}}", server.port);
    assert!(text.contains(&grant), "{text}");
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn an_address_of_the_machine_itself_is_reached_only_by_its_own_grant() {
    let server = Server::start(Then::ReadOn, |_| ok("inner")).await;
    // Linux connects it to itself; it stands for all addresses that no private grant opens.
    let place = format!("http://0.0.0.0:{}", server.port);
    let name = format!("http://crm.example:{}", server.port);
    let (egress, _) = egress_at("0.0.0.0");
    is_kept_in(&name, &door_to(&egress, &name).fetch(get(&name)).await);
    let manifest = manifest(&[&place], Vec::new());
    let public = egress.door(&manifest, &account(&[(&place, false)])).unwrap();
    is_kept_in(&place, &public.fetch(get(&place)).await);
    assert_eq!(server.accepted(), 0);
    let exact = egress.door(&manifest, &account(&[(&place, true)])).unwrap();
    assert_eq!(exact.fetch(get(&place)).await.unwrap().status, 200);
}
