//! Strings and pointers that no safe code would hand over, in both directions.

use bytes::Bytes;
use patchbay::config::Limits;

use super::arena::{Arena, nz, small};
use crate::stage::request;

async fn arena() -> Arena {
    Arena::open(Limits { pure_cpu_ms: nz(2000), cpu_ms: nz(2000), ..small() }).await
}

#[tokio::test]
async fn a_gigabyte_that_is_not_there_is_not_read() {
    let arena = arena().await;
    arena.endures_pure("border-far-string", &["trapped"]).await;
    arena.endures_pure("border-far-answer", &["trapped"]).await;
}

#[tokio::test]
async fn four_gigabytes_of_one_string_are_not_copied() {
    let arena = arena().await;
    arena.endures_pure("border-gigabyte", &["too-large"]).await;
    arena.endures_reaching("border-gigabyte", &["too-large"]).await;
}

#[tokio::test]
async fn large_answers_and_lines_again_and_again_do_not_cross() {
    let arena =
        Arena::open(Limits { pure_cpu_ms: nz(2000), memory_bytes: 64 << 20, ..small() }).await;
    arena.endures_pure("huge", &["too-large"]).await;
    arena.endures_pure("huge-log", &["too-large"]).await;
}

#[tokio::test]
async fn an_allocator_that_lies_to_the_host_is_not_believed() {
    arena().await.endures_pure("border-liar", &["trapped"]).await;
}

#[tokio::test]
async fn a_gigabyte_for_the_guest_does_not_fit_into_it() {
    let arena = arena().await;
    let mut request = request("nothing", "");
    request.body = Bytes::from(vec![0; 1 << 30]);
    arena.endures(3, &["memory-spent"], async || arena.attacker.receive(&request).await).await;
    request.body = Bytes::from(vec![0; 17 << 20]);
    arena.endures(30, &["memory-spent"], async || arena.attacker.receive(&request).await).await;
}
