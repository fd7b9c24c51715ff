//! The tokens of the API, and the record of every change.

use super::*;
use crate::access::{ApiToken, ChangeRecord, NewChange, Scope};

on_every_backend!(
    the_first_token_is_stored_once_whatever_became_of_it,
    a_token_is_known_by_its_digest_and_its_name_is_given_once,
    a_change_is_written_before_and_after_it_is_made,
    the_audit_log_is_read_in_pages_newest_first,
    the_audit_log_is_cut_by_age_and_by_length,
);

fn token(name: &str) -> ApiToken {
    ApiToken {
        name: name.parse().unwrap(),
        digest: Digest::of(name.as_bytes()),
        scopes: vec![Scope::Read, Scope::Install],
        created_at: Some(at(1)),
        expires_at: Some(at(100)),
        revoked_at: None,
    }
}

fn change(second: i64) -> NewChange {
    NewChange {
        at: at(second),
        who: "console".to_owned(),
        action: "PUT /accounts/{id}".to_owned(),
        subject: "accounts/crm".to_owned(),
        address: "192.0.2.7".to_owned(),
    }
}

async fn the_first_token_is_stored_once_whatever_became_of_it(stores: &Stores) {
    let access = &stores.access;
    assert!(access.tokens().await.unwrap().is_empty());
    assert!(access.put_first_token(token("one")).await.unwrap());
    assert!(!access.put_first_token(token("two")).await.unwrap());
    assert!(access.revoke_token(&token("one").name, at(5)).await.unwrap());
    assert!(!access.put_first_token(token("two")).await.unwrap(), "no other one comes of itself");
    let revoked = ApiToken { revoked_at: Some(at(5)), ..token("one") };
    assert_eq!(access.tokens().await.unwrap(), [revoked]);
}

async fn a_token_is_known_by_its_digest_and_its_name_is_given_once(stores: &Stores) {
    let access = &stores.access;
    let forever = ApiToken { created_at: None, expires_at: None, ..token("b") };
    assert!(access.put_token(forever.clone()).await.unwrap());
    assert!(access.put_token(token("a")).await.unwrap());
    assert_eq!(access.token(forever.digest).await.unwrap(), Some(forever.clone()));
    assert_eq!(access.token(Digest::of(b"none")).await.unwrap(), None);
    assert_eq!(access.tokens().await.unwrap(), [token("a"), forever]);

    assert!(access.revoke_token(&token("a").name, at(9)).await.unwrap());
    assert!(!access.revoke_token(&token("a").name, at(10)).await.unwrap(), "once only");
    assert!(!access.revoke_token(&token("c").name, at(10)).await.unwrap());
    let other = ApiToken { digest: Digest::of(b"other"), ..token("a") };
    assert!(!access.put_token(other).await.unwrap(), "the log would not tell them apart");
    let revoked = ApiToken { revoked_at: Some(at(9)), ..token("a") };
    assert_eq!(access.token(revoked.digest).await.unwrap(), Some(revoked));
}

async fn a_change_is_written_before_and_after_it_is_made(stores: &Stores) {
    let access = &stores.access;
    let id = access.begin_change(change(1)).await.unwrap();
    let query = PageQuery { before: None, limit: 10 };
    let begun = ChangeRecord { id, change: change(1), status: None, detail: None };
    assert_eq!(access.changes(query).await.unwrap().items, std::slice::from_ref(&begun));

    access.end_change(id, 200, Some("settings.url".to_owned())).await.unwrap();
    let detail = Some("settings.url".to_owned());
    let ended = ChangeRecord { status: Some(200), detail, ..begun };
    assert_eq!(access.changes(query).await.unwrap().items, [ended]);
}

async fn the_audit_log_is_read_in_pages_newest_first(stores: &Stores) {
    for second in 0..5 {
        stores.access.begin_change(change(second)).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = stores.access.changes(PageQuery { before, limit: 2 }).await.unwrap();
        seen.extend(page.items.iter().map(|line| line.change.at));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, [4, 3, 2, 1, 0].map(at));
}

async fn the_audit_log_is_cut_by_age_and_by_length(stores: &Stores) {
    let access = &stores.access;
    assert_eq!(access.expire_changes(at(0), 10, 10).await.unwrap(), 0, "nothing is there");
    for second in 0..10 {
        access.begin_change(change(second)).await.unwrap();
    }
    let left = async || {
        let page = access.changes(PageQuery { before: None, limit: 100 }).await.unwrap();
        page.items.iter().map(|line| line.change.at).collect::<Vec<_>>()
    };
    assert_eq!(access.expire_changes(at(3), 10, 2).await.unwrap(), 2, "piece by piece");
    assert_eq!(access.expire_changes(at(3), 10, 2).await.unwrap(), 1);
    assert_eq!(access.expire_changes(at(3), 10, 2).await.unwrap(), 0);
    assert_eq!(left().await.last(), Some(&at(3)), "what is as old as the limit stays");
    assert_eq!(access.expire_changes(at(0), 5, 10).await.unwrap(), 2);
    assert_eq!(left().await, [9, 8, 7, 6, 5].map(at));
}
