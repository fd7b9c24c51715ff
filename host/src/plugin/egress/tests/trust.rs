//! What a stranger's plugin may do with what it was granted: methods, secrets, answers.

use super::*;

/// A door whose account has one secret, and the placeholder of that.
fn door_of(egress: &Egress, account: Account) -> (Door, String) {
    let mut account = account;
    account.secrets.insert("api-key".to_owned(), Secret::new("s3cret-value".to_owned()));
    let asked: Vec<&str> = account.grants.iter().map(|grant| grant.allow.as_str()).collect();
    let manifest = manifest(&asked, vec![setting("api-key", true, None)]);
    let door = egress.door(&manifest, &account).unwrap();
    let placeholder = door.setting("api-key").unwrap();
    (door, placeholder)
}

fn with_header(url: &str, name: &str, value: &str) -> Outgoing {
    Outgoing { headers: vec![(name.to_owned(), value.to_owned())], ..get(url) }
}

#[track_caller]
fn denied(result: Result<Incoming, FetchError>) -> String {
    match result {
        Err(FetchError::Denied(text)) => text,
        other => panic!("not denied: {other:?}"),
    }
}

#[tokio::test]
async fn a_grant_may_name_its_methods() {
    let server = Server::start(Then::ReadOn, |_| ok("")).await;
    let mut account = account(&[(&server.url(), true)]);
    account.grants[0].methods = Some(vec!["GET".to_owned(), "POST".to_owned()]);
    let egress = egress();
    let (door, _) = door_of(&egress, account);
    let send = async |method: &str| {
        door.fetch(Outgoing { method: method.to_owned(), ..get(&server.url()) }).await
    };
    assert_eq!(send("GET").await.unwrap().status, 200);
    assert_eq!(send("POST").await.unwrap().status, 200);
    let text = denied(send("DELETE").await);
    assert!(text.contains("\"methods\": [\"DELETE\"]"), "{text}");
    assert_eq!(server.requests().len(), 2);
    let noted = egress.denials().take().remove(0);
    let grant = Grant {
        private: true,
        methods: Some(vec!["DELETE".to_owned()]),
        ..Grant::new(server.url())
    };
    assert_eq!((noted.reason.as_str(), noted.grant), ("method", Some(grant)));
}

#[test]
fn methods_that_are_none_are_told() {
    for methods in [vec!["get".to_owned()], vec!["CONNECT".to_owned()], Vec::new()] {
        let mut account = account(&[("https://a.example", false)]);
        account.grants[0].methods = Some(methods);
        let problems = egress().door(&manifest(&[], Vec::new()), &account).unwrap_err();
        assert_eq!(problems[0].field.as_deref(), Some("grants[0].methods"));
    }
}

#[tokio::test]
async fn a_secret_goes_to_no_name_below_a_granted_domain_unless_it_is_said() {
    let server = Server::start(Then::ReadOn, |_| ok("")).await;
    let (rule, place) = (
        format!("http://*.vendor.example:{}", server.port),
        format!("http://mine.vendor.example:{}", server.port),
    );
    let (egress, _) = egress_at("127.0.0.1");
    let (door, placeholder) = door_of(&egress, account(&[(&rule, true)]));
    for request in [
        with_header(&place, "x-key", &format!("k={placeholder}")),
        get(&format!("{place}/?key={placeholder}")),
        Outgoing {
            method: "POST".to_owned(),
            body: placeholder.clone().into_bytes(),
            ..get(&place)
        },
    ] {
        let text = denied(door.fetch(request).await);
        assert!(
            text.contains(&format!("{{\"secret_origins\": {{\"api-key\": [\"{place}\"]}}}}")),
            "{text}"
        );
    }
    assert_eq!(server.accepted(), 0);
    assert_eq!(door.fetch(get(&place)).await.unwrap().status, 200, "without a secret");

    let origins = BTreeMap::from([("api-key".to_owned(), vec![place.clone()])]);
    let account = Account { secret_origins: origins, ..account(&[(&rule, true)]) };
    let (door, placeholder) = door_of(&egress, account);
    let request = |place: &str| with_header(place, "x-key", &placeholder);
    assert_eq!(door.fetch(request(&place)).await.unwrap().status, 200);
    denied(door.fetch(request(&format!("http://evil.vendor.example:{}", server.port))).await);
    assert_eq!(egress.denials().take().last().unwrap().reason, "secret");
}

#[tokio::test]
async fn a_secret_goes_to_the_one_of_several_origins_that_it_is_bound_to() {
    let server = Server::start(Then::ReadOn, |_| ok("")).await;
    let places = ["crm", "stats"].map(|name| format!("http://{name}.example:{}", server.port));
    let [crm, stats] = &places;
    let (egress, _) = egress_at("127.0.0.1");
    let both = account(&[(crm, true), (stats, true)]);
    let origins = BTreeMap::from([("api-key".to_owned(), vec![crm.clone()])]);
    let (door, key) = door_of(&egress, Account { secret_origins: origins, ..both });
    assert_eq!(door.fetch(with_header(crm, "x", &key)).await.unwrap().status, 200);
    denied(door.fetch(with_header(stats, "x", &key)).await);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_secret_does_not_cross_the_internet_in_the_clear() {
    let (egress, lookups) = egress_at("8.8.8.8");
    let (door, key) = door_of(&egress, account(&[("http://crm.example", false)]));
    denied(door.fetch(with_header("http://crm.example", "x", &key)).await);
    assert_eq!(lookups.load(Ordering::Relaxed), 0);
}

#[test]
fn a_binding_names_a_secret_and_a_rule() {
    let origins = |key: &str, rule: &str| BTreeMap::from([(key.to_owned(), vec![rule.to_owned()])]);
    let settings = || vec![setting("api-key", true, None), setting("open", false, None)];
    let check = |key: &str, rule: &str, is_good: bool| {
        let account = Account { secret_origins: origins(key, rule), ..account(&[]) };
        let told = egress().door(&manifest(&[], settings()), &account).map(drop);
        assert_eq!(told.is_ok(), is_good, "{key} {rule}: {told:?}");
    };
    check("api-key", "https://*.vendor.example", true);
    check("oauth2", "https://vendor.example", true);
    check("open", "https://vendor.example", false);
    check("api-key", "vendor.example", false);
}

#[tokio::test]
async fn no_part_of_an_answer_is_asked_for_with_a_secret() {
    let server = Server::start(Then::ReadOn, |_| ok("")).await;
    let (door, key) = door_of(&egress(), account(&[(&server.url(), true)]));
    for name in ["Range", "if-range"] {
        let request = Outgoing {
            headers: vec![
                (name.to_owned(), "bytes=0-3".to_owned()),
                ("x-key".to_owned(), key.clone()),
            ],
            ..get(&server.url())
        };
        assert!(matches!(door.fetch(request).await, Err(FetchError::Invalid(_))), "{name}");
    }
    assert_eq!(server.accepted(), 0);
    let without = with_header(&server.url(), "range", "bytes=0-3");
    assert_eq!(door.fetch(without).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_answer_that_is_compressed_all_the_same_is_not_handed_on() {
    for (headers, is_plain) in [
        ("content-encoding: gzip\r\n", false),
        ("content-encoding: identity, br\r\n", false),
        ("content-encoding: identity\r\ncontent-encoding: x-unknown\r\n", false),
        ("content-encoding: Identity\r\n", true),
        ("", true),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 2\r\n\r\nhi");
        let server = Server::start(Then::ReadOn, move |_| answer.clone()).await;
        let (door, _) = door_of(&egress(), account(&[(&server.url(), true)]));
        let result = door.fetch(get(&server.url())).await;
        assert_eq!(result.is_ok(), is_plain, "{headers}: {result:?}");
        if !is_plain {
            assert!(matches!(result, Err(FetchError::Interrupted(_))), "it was sent");
        }
        let without = door_to(&egress(), &server.url());
        assert!(without.fetch(get(&server.url())).await.is_ok(), "no secret to keep: {headers}");
    }
}

#[tokio::test]
async fn what_is_denied_is_noted_with_the_grant_that_would_allow_it() {
    let egress = egress();
    let (door, _) = door_of(&egress, account(&[("https://good.example", false)]));
    for url in ["https://evil.example/a?phone=1", "https://evil.example/b", "https://127.0.0.1/"] {
        denied(door.fetch(get(url)).await);
    }
    let noted = egress.denials().take();
    let told: Vec<_> = noted
        .iter()
        .map(|it| (it.account.as_str(), it.origin.as_str(), it.reason.as_str(), it.count))
        .collect();
    assert_eq!(
        told,
        [
            ("crm-one", "https://127.0.0.1", "not-granted", 1),
            ("crm-one", "https://evil.example", "not-granted", 2),
        ]
    );
    assert_eq!(noted[1].grant, Some(Grant::new("https://evil.example")));
    assert!(noted.iter().all(|it| !it.message.contains("phone")));
}
