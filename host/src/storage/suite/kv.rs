//! The small stores: all or nothing, expectations, the cap, order of keys.

use super::*;

on_every_backend!(
    a_commit_is_whole_or_nothing,
    an_expectation_looks_at_the_value_before_the_commit,
    the_cap_is_reached_and_not_passed,
    keys_come_in_byte_order_page_by_page,
    accounts_do_not_see_each_other,
    no_trick_with_a_key_reaches_another_account,
);

fn shop() -> AccountId {
    CHANNEL.parse().unwrap()
}

fn set(key: &str, value: &[u8]) -> Change {
    Change::Set(key.to_owned(), value.to_vec())
}

fn expect(key: &str, value: Option<&[u8]>) -> Change {
    Change::Expect(key.to_owned(), value.map(<[u8]>::to_vec))
}

async fn commit(stores: &Stores, changes: Vec<Change>, bytes_max: u64) -> Committed {
    stores.kv.commit(&shop(), changes, bytes_max).await.unwrap()
}

async fn get(stores: &Stores, key: &str) -> Option<Vec<u8>> {
    stores.kv.get(&shop(), key).await.unwrap()
}

async fn a_commit_is_whole_or_nothing(stores: &Stores) {
    assert_eq!(commit(stores, vec![set("a", b"1"), set("b", b"")], 100).await, Committed::Yes);
    let changes = vec![set("a", b"2"), Change::Delete("b".to_owned()), expect("c", Some(b"x"))];
    assert_eq!(commit(stores, changes, 100).await, Committed::Conflict);
    assert_eq!(
        (get(stores, "a").await, get(stores, "b").await),
        (Some(b"1".to_vec()), Some(Vec::new()))
    );
    let changes = vec![set("a", b"2"), Change::Delete("b".to_owned()), expect("c", None)];
    assert_eq!(commit(stores, changes, 100).await, Committed::Yes);
    assert_eq!((get(stores, "a").await, get(stores, "b").await), (Some(b"2".to_vec()), None));
}

async fn an_expectation_looks_at_the_value_before_the_commit(stores: &Stores) {
    let claim = || vec![set("lock", b"mine"), expect("lock", None)];
    assert_eq!(commit(stores, claim(), 100).await, Committed::Yes);
    assert_eq!(commit(stores, claim(), 100).await, Committed::Conflict);
    assert_eq!(commit(stores, vec![expect("lock", Some(b"min"))], 100).await, Committed::Conflict);
    let exchange = vec![expect("lock", Some(b"mine")), set("lock", b"1"), set("lock", b"yours")];
    assert_eq!(commit(stores, exchange, 100).await, Committed::Yes);
    assert_eq!(get(stores, "lock").await, Some(b"yours".to_vec()), "the last change counts");
}

async fn the_cap_is_reached_and_not_passed(stores: &Stores) {
    assert_eq!(commit(stores, vec![set("key", &[7; 8])], 10).await, Committed::Full);
    assert_eq!(get(stores, "key").await, None);
    assert_eq!(commit(stores, vec![set("key", &[7; 7])], 10).await, Committed::Yes, "3 + 7 bytes");
    assert_eq!(commit(stores, vec![set("b", b"")], 10).await, Committed::Full);
    let moved = vec![Change::Delete("key".to_owned()), set("b", &[7; 9])];
    assert_eq!(commit(stores, moved, 10).await, Committed::Yes, "what is freed can be used");
    assert_eq!(commit(stores, vec![set("b", &[7; 10])], 10).await, Committed::Full);
    assert_eq!(commit(stores, vec![set("b", &[7; 8])], 5).await, Committed::Yes, "it only shrinks");
    assert_eq!(commit(stores, vec![Change::Delete("b".to_owned())], 5).await, Committed::Yes);
    assert_eq!(commit(stores, vec![set("c", &[7; 4])], 5).await, Committed::Yes);
}

async fn keys_come_in_byte_order_page_by_page(stores: &Stores) {
    let keys = ["a", "card/", "card/10", "card/9", "card/ж", "card/\u{10ffff}x", "card0", "d"];
    let changes = keys.iter().rev().map(|key| set(key, b"v")).collect();
    assert_eq!(commit(stores, changes, 1000).await, Committed::Yes);
    let page = async |prefix: &str, after: Option<&str>, limit| {
        stores.kv.keys(&shop(), prefix, after, limit).await.unwrap()
    };
    assert_eq!(page("card/", None, 10).await, keys[1..6]);
    assert_eq!(page("card/", None, 2).await, keys[1..3]);
    assert_eq!(page("card/", Some("card/10"), 2).await, keys[3..5]);
    assert_eq!(page("card/", Some("a"), 1).await, keys[1..2], "before the prefix is the start");
    assert!(page("card/", Some("d"), 10).await.is_empty());
    assert_eq!(page("", None, 100).await, keys);
}

async fn accounts_do_not_see_each_other(stores: &Stores) {
    commit(stores, vec![set("a", b"1")], 2).await;
    let other: AccountId = "odoo".parse().unwrap();
    assert_eq!(stores.kv.get(&other, "a").await.unwrap(), None);
    assert!(stores.kv.keys(&other, "", None, 10).await.unwrap().is_empty());
    let committed = stores.kv.commit(&other, vec![set("b", b"2")], 2).await.unwrap();
    assert_eq!(committed, Committed::Yes, "each has a cap of its own");
}

async fn no_trick_with_a_key_reaches_another_account(stores: &Stores) {
    let (own, other): (AccountId, AccountId) = ("shop".parse().unwrap(), "shop-2".parse().unwrap());
    let secret = vec![set("card", b"of the other one")];
    assert_eq!(stores.kv.commit(&other, secret, 1000).await.unwrap(), Committed::Yes);
    let tricks = [
        "",
        "\0",
        "card\0",
        "\0card",
        "%",
        "_",
        "*",
        "?",
        "card%",
        "c_rd",
        "../shop-2/card",
        "-2",
        "-2card",
        "shop-2",
        "shop-2\0card",
        "shop-2:card",
        "' OR 1=1 --",
        "\";--",
        "CARD",
        "\u{10ffff}",
    ];
    for trick in tricks {
        assert_eq!(stores.kv.get(&own, trick).await.unwrap(), None, "{trick:?}");
        assert!(stores.kv.keys(&own, trick, None, 100).await.unwrap().is_empty(), "{trick:?}");
        let after = stores.kv.keys(&own, "", Some(trick), 100).await.unwrap();
        assert!(after.is_empty(), "{trick:?}: {after:?}");
        let guess = vec![expect("card", Some(b"of the other one")), set("found", b"")];
        assert_eq!(stores.kv.commit(&own, guess, 1000).await.unwrap(), Committed::Conflict);
    }
    let all = tricks.iter().map(|trick| set(trick, b"mine")).chain([set("card", b"mine")]);
    assert_eq!(stores.kv.commit(&own, all.collect(), 1000).await.unwrap(), Committed::Yes);
    let kept = stores.kv.keys(&own, "", None, 100).await.unwrap();
    assert_eq!(kept.len(), tricks.len() + 1, "each is a key of its own: {kept:?}");
    let delete = tricks.iter().map(|trick| Change::Delete((*trick).to_owned()));
    stores.kv.commit(&own, delete.collect(), 1000).await.unwrap();
    assert_eq!(stores.kv.keys(&own, "", None, 100).await.unwrap(), ["card"]);
    let untouched = stores.kv.get(&other, "card").await.unwrap();
    assert_eq!(untouched.as_deref(), Some(b"of the other one".as_slice()));
}
