//! Where a door leads to: what is asked for and granted, by name and by address.

use super::{
    server::{Server, Then, ok},
    *,
};

#[tokio::test]
async fn a_host_is_reached_only_if_it_is_asked_and_granted() {
    let server = Server::start(Then::ReadOn, |_| ok("")).await;
    let (url, other) = (server.url(), "https://api.example.com");
    let check = async |asked: &[&str], granted: &[(&str, bool)], parts: &[&str]| {
        let door = egress().door(&manifest(asked, Vec::new()), &account(granted)).unwrap();
        let Err(FetchError::Denied(text)) = door.fetch(get(&url)).await else {
            panic!("not denied")
        };
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    let grant = format!("{{\"allow\": \"{url}\"}}");
    check(&[], &[], &[&grant, "manifest does not ask"]).await;
    check(&[&url], &[(other, false)], &[&grant]).await;
    check(&[other], &[(&url, true)], &["is granted, but", "manifest does not ask"]).await;
    // The address of the URL is loopback, and the grant says nothing of private ones.
    check(&[&url], &[(&url, false)], &[&format!("{{\"allow\": \"{url}\", \"private\": true}}")])
        .await;
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_never_connected() {
    let server = Server::start(Then::ReadOn, |_| ok("")).await;
    let place = format!("http://crm.example:{}", server.port);
    for address in ["127.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1"] {
        let (egress, lookups) = egress_at(address);
        let door =
            egress.door(&manifest(&[&place], Vec::new()), &account(&[(&place, false)])).unwrap();
        let Err(FetchError::Denied(text)) = door.fetch(get(&place)).await else {
            panic!("not denied")
        };
        assert!(text.contains(&format!("{{\"allow\": \"{place}\", \"private\": true}}")), "{text}");
        assert_eq!(lookups.load(Ordering::Relaxed), 1);
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_private_grant_opens_its_own_host_only() {
    let server = Server::start(Then::ReadOn, |_| ok("")).await;
    let (inner, outer) = (
        format!("http://inner.example:{}", server.port),
        format!("http://outer.example:{}", server.port),
    );
    let (egress, lookups) = egress_at("127.0.0.1");
    let manifest = manifest(&[&inner, &outer], Vec::new());
    let door = egress.door(&manifest, &account(&[(&inner, true), (&outer, false)])).unwrap();
    assert_eq!(door.fetch(get(&inner)).await.unwrap().status, 200);
    assert!(matches!(door.fetch(get(&outer)).await, Err(FetchError::Denied(_))));
    assert_eq!(
        (lookups.load(Ordering::Relaxed), server.accepted()),
        (2, 1),
        "a name is looked up once for a connection"
    );
}

#[tokio::test]
async fn a_manifest_can_ask_for_the_host_of_a_setting() {
    let server = Server::start(Then::ReadOn, |_| ok("")).await;
    let mut account = account(&[(&server.url(), true)]);
    account.settings.insert("base-url".to_owned(), format!("{}/odoo/", server.url()));
    let door = egress().door(&manifest(&["setting:base-url"], Vec::new()), &account).unwrap();
    assert_eq!(door.fetch(get(&format!("{}/json", server.url()))).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_optional_place_without_a_value_is_not_asked_for() {
    let settings = vec![setting("push-url", false, None)];
    let manifest = manifest(&["setting:push-url"], settings);
    let place = "https://push.example";
    let door = egress().door(&manifest, &account(&[(place, false)])).unwrap();
    let Err(FetchError::Denied(text)) = door.fetch(get(place)).await else {
        panic!("not asked for")
    };
    assert!(text.contains("does not ask"), "{text}");
}
