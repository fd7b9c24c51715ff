//! What ended a call is named as it is, also where something else was refused before.

use patchbay::{config::Limits, plugin::Error};

use super::{
    arena::{Arena, nz, small},
    pure,
};

async fn arena() -> Arena {
    Arena::open(Limits { pure_cpu_ms: nz(2000), memory_bytes: 64 << 20, ..small() }).await
}

#[tokio::test]
async fn memory_that_was_refused_and_not_missed_is_no_cause() {
    let arena = arena().await;
    assert_eq!(pure(&arena.attacker, "refused-then-well", "").await.unwrap(), "true");
    let Error::Trapped { message } =
        pure(&arena.attacker, "refused-then-panics", "").await.unwrap_err()
    else {
        panic!("the panic is the cause")
    };
    assert!(message.contains("for a reason of its own"), "{message}");
    let error = pure(&arena.attacker, "refused-then-huge", "").await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    let error = pure(&arena.attacker, "refused-then-logs", "").await.unwrap_err();
    assert!(matches!(error, Error::Trapped { .. }), "it had gone on: {error}");
    assert!(4 <= arena.refused("memory"), "and yet each is counted");
}

#[tokio::test]
async fn a_guest_that_ends_for_want_of_memory_says_so() {
    let arena = arena().await;
    let error = pure(&arena.attacker, "grow", "").await.unwrap_err();
    assert!(matches!(error, Error::MemorySpent { .. }), "{error}");
}
