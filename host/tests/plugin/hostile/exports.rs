//! Every export of every role, attacked: a guest that has them all, and does what it is set to.

use patchbay::{
    card::{Identifier, Note, Subject, Task},
    config::Limits,
    plugin::Adapter,
};

use super::arena::{Arena, kind, nz, small};
use crate::{
    channel::{card, client},
    stage::request,
};

/// Calls each export once, and tells how each ended.
async fn all(adapter: &Adapter) -> Vec<(&'static str, &'static str)> {
    let subject = Subject::Card("1".to_owned());
    let task = Task {
        subject: subject.clone(),
        title: String::new(),
        text: String::new(),
        manager: None,
        due: "2026-03-01T09:00:00Z".to_owned(),
    };
    let note = Note::Text("x".to_owned());
    let by_card = [Identifier::Card("1".to_owned())];
    let request = request("", "");
    vec![
        ("receive", kind(&adapter.receive(&request).await)),
        ("reply", kind(&adapter.reply(&request, &[]).await)),
        ("push-card", kind(&adapter.push_card(&client("chat"), &card()).await)),
        ("tag", kind(&adapter.tag(&client("chat"), "x").await)),
        ("render", kind(&adapter.render("", "").await)),
        ("describe-fields", kind(&adapter.describe_fields().await)),
        ("lookup-client", kind(&adapter.lookup_client(&by_card).await)),
        ("map-fields", kind(&adapter.map_fields(&[], &[]).await)),
        ("upsert-contact", kind(&adapter.upsert_contact(None, "{}", "k").await)),
        ("describe-deal-fields", kind(&adapter.describe_deal_fields().await)),
        ("open-deals", kind(&adapter.open_deals("1").await)),
        ("map-deal-fields", kind(&adapter.map_deal_fields(&[]).await)),
        ("upsert-deal", kind(&adapter.upsert_deal(None, "1", "{}", None, "k").await)),
        ("create-task", kind(&adapter.create_task(&task, "k").await)),
        ("add-note", kind(&adapter.add_note(&subject, &note, "k").await)),
        ("list-managers", kind(&adapter.list_managers().await)),
        ("list-assignments", kind(&adapter.list_assignments(None).await)),
    ]
}

async fn check(attack: &str, expected: &str) {
    let limits = Limits { pure_cpu_ms: nz(1000), cpu_ms: nz(1000), ..small() };
    let limits = if attack == "spin" { small() } else { limits };
    let arena = Arena::with_guest(limits, "guest_traps", &[("attack", attack)]).await;
    for _ in 0..3 {
        let ended = all(&arena.attacker).await;
        assert_eq!(ended.len(), 17, "every export but `describe`");
        for (export, kind) in ended {
            assert_eq!(kind, expected, "{attack} in `{export}`");
        }
    }
    let figures = arena.stage.plugins.figures();
    let counted = figures.calls.iter().filter(|count| count.outcome == expected);
    assert_eq!(counted.map(|count| count.calls).sum::<u64>(), 3 * 17);
    arena.is_clean();
}

#[tokio::test]
async fn a_trap_in_every_export_is_contained() {
    check("trap", "trapped").await;
    check("panic", "trapped").await;
}

#[tokio::test]
async fn a_spin_in_every_export_is_contained() {
    check("spin", "cpu-spent").await;
}

#[tokio::test]
async fn memory_and_stack_in_every_export_are_contained() {
    check("grow", "memory-spent").await;
    check("recurse", "stack-spent").await;
}
