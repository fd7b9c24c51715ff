//! Hostile guests: each gets its typed error, and the next call works.

use std::{sync::Arc, time::Duration};

use patchbay::{
    account::{Account, Rate},
    card::{AdapterError, Field, Value},
    config::Limits,
    outcome::Blame,
    plugin::{Adapter, Error, Scarce, Share, Sharer},
};

use crate::stage::{SECRET, Stage, account, limits, pure, reaching, request, still_works};

mod again;
mod arena;
mod border;
mod cache;
mod causes;
mod exports;
mod gate;
mod shares;
mod way_out;

async fn hostile() -> (Stage, Arc<Adapter>) {
    let stage = Stage::new(limits());
    let adapter = stage.adapter().await;
    (stage, adapter)
}

#[tokio::test]
async fn a_plugin_that_spins_is_stopped_and_others_get_their_turn() {
    let (stage, adapter) = hostile().await;
    let other = stage.plugins.bind(stage.hostile().await, account("other")).unwrap();
    // One thread: the neighbour gets through only if the spinning one yields.
    let (spun, neighbour) = tokio::join!(pure(&adapter, "spin", ""), pure(&other, "nothing", ""));
    assert!(matches!(spun.unwrap_err(), Error::CpuSpent { limit_ms: 100 }));
    assert_eq!(neighbour.unwrap(), "nothing");
    let spun = reaching(&adapter, "spin", "").await.unwrap_err();
    assert!(matches!(spun, Error::CpuSpent { limit_ms: 500 }) && spun.blame() == Blame::Guest);
    still_works(&adapter).await;
}

#[tokio::test]
async fn a_plugin_that_grows_is_out_of_memory() {
    let (_stage, adapter) = hostile().await;
    // With the longer of the two times: on a busy machine growing takes long.
    let grown = reaching(&adapter, "grow", "").await.unwrap_err();
    assert!(matches!(grown, Error::MemorySpent { .. }), "{grown}");
    still_works(&adapter).await;
}

#[tokio::test]
async fn a_panic_says_where_and_why() {
    let (_stage, adapter) = hostile().await;
    let Error::Trapped { message } = pure(&adapter, "panic", "purpose").await.unwrap_err() else {
        panic!()
    };
    assert!(
        message.contains("attacks.rs") && message.contains("the guest gives up on purpose"),
        "{message}"
    );
    let Error::Trapped { message } = pure(&adapter, "trap", "").await.unwrap_err() else {
        panic!()
    };
    assert!(message.contains("unreachable"), "{message}");
    still_works(&adapter).await;
}

#[tokio::test]
async fn the_message_of_a_panic_holds_no_secret() {
    let (_stage, adapter) = hostile().await;
    let Error::Trapped { message } = pure(&adapter, "panic", SECRET).await.unwrap_err() else {
        panic!()
    };
    assert!(!message.contains(SECRET), "{message}");
    let refused = reaching(&adapter, "unauthorized", SECRET).await.unwrap_err();
    let Error::Adapter(AdapterError::Unauthorized(text)) = refused else { panic!("{refused}") };
    assert!(!text.contains(SECRET));
}

#[tokio::test]
async fn deep_recursion_ends_in_the_guest() {
    let (_stage, adapter) = hostile().await;
    // Rust keeps a stack of its own in the guest's memory, which ends first where it is used.
    let error = pure(&adapter, "recurse", "").await.unwrap_err();
    assert!(matches!(error, Error::Trapped { .. } | Error::CpuSpent { .. }), "{error}");
    let error = pure(&adapter, "recurse-bare", "").await.unwrap_err();
    assert!(matches!(error, Error::Spent(Share::Stack) | Error::CpuSpent { .. }), "{error}");
    still_works(&adapter).await;
}

#[tokio::test]
async fn a_huge_answer_and_a_huge_line_do_not_cross_the_border() {
    let (_stage, adapter) = hostile().await;
    for attack in ["huge", "huge-log"] {
        let error = pure(&adapter, attack, "").await.unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{attack}: {error}");
    }
    still_works(&adapter).await;
}

#[tokio::test]
async fn floods_of_lines_are_dropped_and_the_call_goes_on() {
    let (_stage, adapter) = hostile().await;
    assert_eq!(pure(&adapter, "log-flood", "").await.unwrap(), "logged");
    assert_eq!(pure(&adapter, "print-flood", "").await.unwrap(), "printed");
    assert_eq!(pure(&adapter, "print-endless", "").await.unwrap(), "printed");
    still_works(&adapter).await;
}

#[tokio::test]
async fn pure_functions_reach_nothing() {
    let (_stage, adapter) = hostile().await;
    let denied = pure(&adapter, "http", "https://allowed.example/").await.unwrap();
    assert!(denied.contains("Denied") && denied.contains("`receive`"), "{denied}");
    assert!(pure(&adapter, "kv", "").await.unwrap().contains("Denied"));
    let field = |key: &str| Field { key: key.to_owned(), value: Value::Empty };
    let native = adapter.map_fields(&[], &[field("http")]).await.unwrap();
    assert!(native.contains("Denied"), "{native}");
}

#[tokio::test]
async fn a_host_that_was_not_granted_is_denied() {
    let (_stage, adapter) = hostile().await;
    let denied = reaching(&adapter, "http", "https://evil.example/").await.unwrap();
    assert!(denied.contains("Denied"), "{denied}");
    still_works(&adapter).await;
}

#[tokio::test]
async fn calls_of_http_and_vault_and_kv_are_counted() {
    let (_stage, adapter) = hostile().await;
    let spent = reaching(&adapter, "http-flood", "https://evil.example/").await.unwrap();
    assert!(spent.starts_with("spent at 16"), "{spent}");
    let spent = reaching(&adapter, "kv-flood", "").await.unwrap();
    assert!(spent.starts_with("256: "), "{spent}");
    let error = pure(&adapter, "vault-flood", "").await.unwrap_err();
    assert!(error.to_string().contains("`limits.vault_calls`"), "{error}");
    still_works(&adapter).await;
}

#[tokio::test]
async fn a_guest_that_asks_too_fast_is_told_so_and_sends_nothing() {
    let stage = Stage::new(limits());
    let rate = Some(Rate { per_second: 0.01, burst: 1 });
    let slow = Account { rate, ..Account::clone(&account("slow")) };
    let slow = stage.plugins.bind(stage.hostile().await, Arc::new(slow)).unwrap();
    let free = stage.plugins.bind(stage.hostile().await, account("free")).unwrap();
    // What comes after the turn tells whether there was one: this host is not granted.
    let ask = async |adapter| reaching(adapter, "http", "https://evil.example/").await.unwrap();
    assert!(ask(&slow).await.contains("Denied"));
    assert_eq!(ask(&slow).await, "Ok(429)");
    assert_eq!(ask(&slow).await, "Ok(429)");
    assert!(ask(&free).await.contains("Denied"));
    assert!(ask(&free).await.contains("Denied"));
    let pure = pure(&slow, "http", "https://evil.example/").await.unwrap();
    assert!(pure.contains("Denied"), "what may not go out takes no turn: {pure}");
}

#[tokio::test]
async fn the_store_takes_what_the_contract_says_and_no_more() {
    let (_stage, adapter) = hostile().await;
    let said = reaching(&adapter, "kv-large", "").await.unwrap();
    assert!(said.starts_with("Ok(()) Err(") && said.matches("TooLarge").count() == 2, "{said}");
    let said = reaching(&adapter, "kv-many", "").await.unwrap();
    assert!(said.starts_with("Ok(()) Err(") && said.contains("65 changes"), "{said}");
}

#[tokio::test]
async fn the_store_of_an_account_has_an_end() {
    let stage = Stage::new(Limits { kv_account_bytes: 10, ..limits() });
    let adapter = stage.adapter().await;
    // The key has three bytes.
    assert_eq!(reaching(&adapter, "kv-set", "1234567").await.unwrap(), "Ok(())");
    assert!(reaching(&adapter, "kv-set", "12345678").await.unwrap().contains("Full"));
}

#[tokio::test]
async fn one_account_does_not_see_what_another_stored() {
    let (stage, adapter) = hostile().await;
    let other = stage.plugins.bind(stage.hostile().await, account("other")).unwrap();
    assert_eq!(reaching(&adapter, "kv-set", "mine").await.unwrap(), "Ok(())");
    assert_eq!(reaching(&adapter, "kv", "").await.unwrap(), "Ok(true)");
    assert_eq!(reaching(&other, "kv", "").await.unwrap(), "Ok(false)");
    assert_eq!(reaching(&other, "kv-keys", "").await.unwrap(), "Ok(0)");
}

#[tokio::test]
async fn nothing_stays_from_one_call_to_the_next() {
    let (_stage, adapter) = hostile().await;
    for _ in 0..3 {
        assert_eq!(pure(&adapter, "global", "").await.unwrap(), "0");
    }
}

#[tokio::test]
async fn a_guest_sees_no_secret_but_can_compare_with_it() {
    let (_stage, adapter) = hostile().await;
    assert!(!pure(&adapter, "leak", "").await.unwrap().contains(SECRET));
    assert_eq!(pure(&adapter, "vault", SECRET).await.unwrap(), "Some(true)");
    assert_eq!(pure(&adapter, "vault", "guess").await.unwrap(), "Some(false)");
}

#[tokio::test]
async fn there_is_no_environment_no_file_and_no_socket() {
    let (_stage, adapter) = hostile().await;
    assert_eq!(reaching(&adapter, "environment", "").await.unwrap(), "0 0 false false");
}

#[tokio::test]
async fn a_guest_that_sleeps_runs_into_the_wall() {
    let stage = Stage::new(Limits { wall_ms: 50.try_into().unwrap(), ..limits() });
    let adapter = stage.adapter().await;
    let error = reaching(&adapter, "sleep", "").await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { limit_ms: 50 }), "{error}");
    still_works(&adapter).await;
}

#[track_caller]
fn check<T: std::fmt::Debug>(answer: Result<T, Error>, field: &str) {
    let error = answer.unwrap_err();
    assert!(matches!(error, Error::BadAnswer(_)) && error.to_string().contains(field), "{error}");
}

#[tokio::test]
async fn answers_that_break_the_contract_name_the_field() {
    let (_stage, adapter) = hostile().await;
    check(pure(&adapter, "bad-lane", "").await, "`event.conversation`");
    check(adapter.receive(&request("bad-reject", "")).await, "`reject.status`");
    check(adapter.reply(&request("bad-status", ""), &[]).await, "`reply.status`");
    check(reaching(&adapter, "no-id", "").await, "`card.id`");
    let field = |key: &str| Field { key: key.to_owned(), value: Value::Empty };
    check(adapter.map_fields(&[], &[field("not-json")]).await, "`native`");
}

#[tokio::test]
async fn errors_of_the_adapter_arrive_as_they_are() {
    let (_stage, adapter) = hostile().await;
    let error = adapter.describe_fields().await.unwrap_err();
    assert!(matches!(&error, Error::Adapter(AdapterError::Unsupported(_))));
    assert_eq!((error.kind(), error.blame()), ("unsupported", Blame::Operator));
    let field = Field { key: "problem".to_owned(), value: Value::Empty };
    let Error::Adapter(AdapterError::Invalid(problems)) =
        adapter.map_fields(&[], &[field]).await.unwrap_err()
    else {
        panic!()
    };
    assert_eq!(problems[0].field.as_deref(), Some("problem"));
    let card = adapter.upsert_contact(Some("7"), "{}", "key-1").await.unwrap();
    assert_eq!((card.id.as_str(), card.url.as_deref()), ("7", Some("{} key-1")));
}

#[tokio::test]
async fn the_breaker_opens_after_traps_in_a_row_and_one_probe_closes_it() {
    let limits = Limits {
        breaker_traps: 3.try_into().unwrap(),
        breaker_ms: 100.try_into().unwrap(),
        ..limits()
    };
    let stage = Stage::new(limits);
    let adapter = stage.adapter().await;
    for _ in 0..3 {
        assert!(matches!(pure(&adapter, "trap", "").await, Err(Error::Trapped { .. })));
    }
    assert!(matches!(pure(&adapter, "nothing", "").await, Err(Error::BreakerOpen)));
    assert_eq!(
        stage.plugins.figures().open_breakers,
        [adapter.plugin().record().manifest.name.clone()]
    );
    tokio::time::sleep(Duration::from_millis(150)).await;
    still_works(&adapter).await;
    assert!(stage.plugins.figures().open_breakers.is_empty());
}

#[tokio::test]
async fn an_account_has_its_own_share_of_calls_and_no_more() {
    let limits = Limits {
        calls_per_account: std::num::NonZeroU32::MIN,
        wall_ms: 300.try_into().unwrap(),
        ..limits()
    };
    let stage = Stage::new(limits);
    let plugin = stage.hostile().await;
    let adapter = stage.plugins.bind(Arc::clone(&plugin), account("shop")).unwrap();
    let other = stage.plugins.bind(plugin, account("other")).unwrap();
    let second = async {
        tokio::task::yield_now().await;
        assert_eq!(
            reaching(&other, "nothing", "").await.unwrap(),
            "nothing",
            "another account goes on"
        );
        reaching(&adapter, "nothing", "").await
    };
    let (first, second) = tokio::join!(reaching(&adapter, "sleep", ""), second);
    assert!(matches!(first, Err(Error::TimedOut { .. })));
    // The slot became free just when the wait was over: either is right, a third thing is not.
    assert!(matches!(second, Ok(_) | Err(Error::Busy(Scarce::Calls(Sharer::Account)))));
}

#[tokio::test]
async fn calls_beyond_the_host_wait_and_all_get_through() {
    let stage = Stage::new(Limits { calls: 1.try_into().unwrap(), ..limits() });
    let adapter = stage.adapter().await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let adapter = Arc::clone(&adapter);
        calls.spawn(async move { pure(&adapter, "nothing", "").await.unwrap() });
    }
    assert!(calls.join_all().await.iter().all(|said| said == "nothing"));
    let figures = stage.plugins.figures();
    assert_eq!((figures.calls_in_flight, figures.calls_max), (0, 2));
    let received = figures.calls.iter().find(|count| count.export == "receive").unwrap();
    assert_eq!((received.calls, received.outcome), (50, "ok"));
}
