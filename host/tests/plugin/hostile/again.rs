//! Attacks on time, memory and the host's own work, each again and again beside a neighbour.

use patchbay::config::Limits;

use super::arena::{Arena, ROUNDS, nz, small};

#[tokio::test]
async fn a_spin_again_and_again_costs_the_neighbour_nothing() {
    let arena = Arena::open(small()).await;
    arena.endures_pure("spin", &["cpu-spent"]).await;
    arena.endures_reaching("spin", &["cpu-spent"]).await;
}

#[tokio::test]
async fn a_recursion_again_and_again_ends_in_the_guest() {
    let arena = Arena::open(Limits { pure_cpu_ms: nz(500), ..small() }).await;
    arena.endures_pure("recurse-bare", &["stack-spent"]).await;
    // Where its own stack in its own memory ends first, that is what it touches.
    arena.endures_pure("recurse", &["trapped"]).await;
}

#[tokio::test]
async fn memory_that_grows_again_and_again_is_given_back() {
    let arena = Arena::open(Limits { pure_cpu_ms: nz(1000), ..small() }).await;
    arena.endures_pure("grow", &["memory-spent"]).await;
    assert!(ROUNDS <= arena.refused("memory"), "each was refused at least once");
}

#[tokio::test]
async fn crashes_and_exits_again_and_again_leave_nothing() {
    let arena = Arena::open(Limits { pure_cpu_ms: nz(500), ..small() }).await;
    for attack in ["trap", "panic", "exit"] {
        arena.endures_pure(attack, &["trapped"]).await;
    }
}

#[tokio::test]
async fn a_flood_of_handles_ends_at_its_limit() {
    let limits = Limits { handles: 100, pure_cpu_ms: nz(1000), ..small() };
    let arena = Arena::open(limits).await;
    arena.endures_pure("border-handles", &["handles-spent"]).await;
}

#[tokio::test]
async fn a_flood_of_lines_is_dropped_and_named() {
    let arena = Arena::open(Limits { pure_cpu_ms: nz(5000), ..small() }).await;
    arena.endures_pure("log-flood", &["ok"]).await;
    assert_eq!(arena.refused("log-lines"), ROUNDS * (10_000 - 64));
    arena.endures_pure("print-flood", &["ok"]).await;
    assert_eq!(arena.refused("log-lines"), ROUNDS * (11_000 - 2 * 64));
}

#[tokio::test]
async fn work_that_the_host_does_for_a_guest_is_the_guests_time() {
    // Each of the 64 calls takes longer than an epoch, of which the guest sees one end: without a
    // bill for the rest it would get through.
    let limits = Limits { pure_cpu_ms: nz(700), memory_bytes: 64 << 20, ..small() };
    let arena = Arena::open(limits).await;
    let attack = async || super::pure(&arena.attacker, "vault-large-flood", "").await;
    arena.endures(3, &["cpu-spent"], attack).await;
}

#[tokio::test]
async fn large_lines_again_and_again_end_with_the_time() {
    let arena = Arena::open(small()).await;
    let attack = async || super::pure(&arena.attacker, "log-large-flood", "").await;
    arena.endures(5, &["cpu-spent"], attack).await;
}

#[tokio::test]
async fn a_flood_of_calls_that_cost_nothing_ends_with_the_time() {
    let arena = Arena::open(small()).await;
    arena.endures_pure("setting-flood", &["cpu-spent"]).await;
}

#[tokio::test]
async fn floods_of_http_kv_and_vault_end_at_their_counts_and_are_named() {
    let arena = Arena::open(Limits { cpu_ms: nz(5000), pure_cpu_ms: nz(5000), ..small() }).await;
    arena.endures_reaching("kv-flood", &["ok"]).await;
    assert_eq!(arena.refused("kv-calls"), ROUNDS);
    let flood =
        async || super::reaching(&arena.attacker, "http-flood", "https://evil.example/").await;
    arena.endures(ROUNDS, &["ok"], flood).await;
    assert_eq!(arena.refused("http-denied"), ROUNDS * 16);
    assert_eq!(arena.refused("http-calls"), ROUNDS);
    arena.endures_pure("vault-flood", &["vault-spent"]).await;
}

#[tokio::test]
async fn a_store_that_is_filled_again_and_again_stays_within_its_share() {
    let limits = Limits { kv_account_bytes: 1 << 20, cpu_ms: nz(5000), ..small() };
    let arena = Arena::open(limits).await;
    arena.endures_reaching("kv-fill", &["ok"]).await;
    assert_eq!(arena.refused("kv-full"), ROUNDS);
    let said = super::reaching(&arena.attacker, "kv-fill", "").await.unwrap();
    assert!(said.ends_with("Full"), "{said}");
}

#[tokio::test]
async fn a_guest_cannot_make_the_metrics_grow() {
    let arena = Arena::open(Limits { pure_cpu_ms: nz(500), cpu_ms: nz(500), ..small() }).await;
    let series = || {
        let figures = arena.stage.plugins.figures();
        figures.calls.len() + figures.refusals.len() + figures.turned_away.len()
    };
    let attack = async |round: u64| {
        // Whatever a guest can vary: paths, targets, keys, lines and words of errors.
        let name = format!("https://{round}.evil.example/{round}");
        drop(super::pure(&arena.attacker, "panic", &name).await);
        drop(super::pure(&arena.attacker, "http", &name).await);
        drop(super::reaching(&arena.attacker, "http", &name).await);
        drop(super::reaching(&arena.attacker, "unauthorized", &name).await);
        drop(super::reaching(&arena.attacker, "kv-set", &name).await);
    };
    attack(0).await;
    let before = series();
    for round in 1..=ROUNDS {
        attack(round).await;
    }
    assert_eq!(series(), before);
    arena.is_clean();
}

#[tokio::test]
async fn many_at_once_wait_their_turn_and_the_neighbour_does_not() {
    // More spinning calls than the attacker has places: the neighbour has places of its own.
    let limits = Limits { calls_per_plugin: nz(2), calls_per_account: nz(2), ..small() };
    let arena = Arena::open(limits).await;
    let many = async || {
        let spin = || super::pure(&arena.attacker, "spin", "");
        let (one, two, three, four) = tokio::join!(spin(), spin(), spin(), spin());
        drop((one, two, three));
        four
    };
    // One of the four is looked at, and the others are counted.
    for _ in 0..ROUNDS {
        assert_eq!(super::arena::kind(&many().await), "cpu-spent");
    }
    arena.endures_pure("spin", &["cpu-spent"]).await;
}
