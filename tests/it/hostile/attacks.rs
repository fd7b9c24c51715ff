//! The attacks of a running host: how each is made, and by which cause the metrics must name it.

use crate::{harness::component, versions};

/// How an attack reaches the host.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// A webhook to the hostile channel: `receive`, and `reply` after it.
    Webhook,
    /// A look for cards in the hostile CRM: `lookup-client`, which may reach out.
    Cards,
    /// An upload of these bytes.
    Upload(Vec<u8>),
}

#[derive(Debug, Clone)]
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) way: Way,
    /// What the guest is told beside its name.
    pub(super) target: &'static str,
    /// One of these causes stands in the metrics for each repetition.
    pub(super) causes: &'static [&'static str],
    /// Compiling takes long: of these there are fewer.
    pub(super) is_slow: bool,
}

/// All of them.
pub(super) fn all() -> Vec<Attack> {
    let mut all: Vec<Attack> = WEBHOOKS.iter().map(|row| attack(Way::Webhook, *row)).collect();
    all.extend(CARDS.iter().map(|row| attack(Way::Cards, *row)));
    all.extend(uploads().into_iter().map(|(name, bytes, causes)| Attack {
        name,
        way: Way::Upload(bytes),
        target: "",
        causes,
        is_slow: true,
    }));
    all
}

type Row = (&'static str, &'static str, &'static [&'static str]);

fn attack(way: Way, (name, target, causes): Row) -> Attack {
    Attack { name, way, target, causes, is_slow: false }
}

const WEBHOOKS: &[Row] = &[
    ("spin", "", &["cpu-spent"]),
    ("setting-flood", "", &["cpu-spent"]),
    ("recurse", "", &["trapped", "cpu-spent"]),
    ("recurse-bare", "", &["stack-spent", "cpu-spent"]),
    ("grow", "", &["memory-spent", "cpu-spent"]),
    ("trap", "", &["trapped"]),
    ("panic", "", &["trapped"]),
    ("exit", "", &["trapped"]),
    ("huge", "", &["too-large", "memory-spent", "cpu-spent"]),
    ("huge-log", "", &["too-large", "memory-spent", "cpu-spent"]),
    ("border-far-string", "", &["trapped"]),
    ("border-far-answer", "", &["trapped"]),
    ("border-gigabyte", "", &["too-large", "cpu-spent"]),
    ("border-liar", "", &["trapped"]),
    ("border-handles", "", &["handles-spent", "cpu-spent"]),
    ("log-flood", "", &["log-lines", "cpu-spent"]),
    ("log-large-flood", "", &["cpu-spent"]),
    ("vault-flood", "", &["vault-spent", "cpu-spent"]),
    ("vault-large-flood", "", &["cpu-spent"]),
    ("refused-then-panics", "", &["trapped"]),
    ("bad-lane", "", &["bad-answer"]),
    ("bad-reject", "", &["bad-answer"]),
    ("http", "https://evil.example/", &["http-denied"]),
    ("kv", "", &["kv-denied"]),
    ("leak-panic", "", &["trapped"]),
    ("leak-log", "", &["ok"]),
    ("leak-reply", "", &["ok"]),
];

const CARDS: &[Row] = &[
    ("spin", "", &["cpu-spent"]),
    ("http", "http://127.0.0.1:1/", &["http-denied"]),
    ("http", "http://[::ffff:169.254.169.254]/", &["http-denied"]),
    ("http", "http://0x7f000001/", &["http-denied"]),
    ("http-flood", "https://evil.example/", &["http-calls", "cpu-spent"]),
    ("kv-flood", "", &["kv-calls", "cpu-spent"]),
    ("kv-large", "", &["kv-too-large"]),
    ("kv-fill", "", &["kv-full", "kv-calls", "cpu-spent"]),
    ("leak-url", "https://evil.example", &["http-denied"]),
    ("leak-header", "https://evil.example", &["http-denied"]),
    ("leak-body", "https://evil.example", &["http-denied"]),
    ("leak-injected", "https://allowed.example", &["http-invalid"]),
    ("leak-kv", "", &["ok"]),
    ("leak-error", "", &["unavailable"]),
    ("no-id", "", &["bad-answer"]),
];

/// A component with the right names and these parts inside; its exports are of another shape.
fn odd(parts: &str) -> Vec<u8> {
    let text = format!(
        r#"(component $root
            {parts}
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $about (export "describe" (func $f)))
            (export "patchbay:adapter/about@0.1.0" (instance $about))
            (instance $contacts (export "lookup-client" (func $f)))
            (export "patchbay:adapter/contacts@0.1.0" (instance $contacts)))"#
    );
    wat::parse_str(text).unwrap()
}

fn starting(parts: &str, body: &str) -> Vec<u8> {
    odd(&format!(
        "(core module $s {parts} (func $s {body}) (start $s)) (core instance (instantiate $s))"
    ))
}

fn uploads() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    let mut cut = component("guest_hostile");
    cut.truncate(cut.len() / 2);
    let table = "(loop $on (br_if $on (i32.ne (table.grow $t (ref.null func) (i32.const 100)) (i32.const -1)))) unreachable";
    let functions = format!("(core module {})", "(func)".repeat(50_000));
    let instances =
        format!("(core module $one (func)) {}", "(core instance (instantiate $one))".repeat(100));
    vec![
        ("a plugin cut in half", cut, &["not-a-component"]),
        ("wrong shapes", odd(""), &["exports", "start"]),
        ("spin in start", starting("", "(loop (br 0))"), &["start"]),
        ("tables in start", starting("(table $t 1 funcref)", table), &["start"]),
        ("spin in describe", versions::guest("spin-describe"), &["describe"]),
        ("trap in describe", versions::guest("trap-describe"), &["describe"]),
        ("lying describe", versions::guest("fickle"), &["fickle"]),
        ("a hundred instances", odd(&instances), &["start", "compile"]),
        (
            "fifty thousand functions",
            odd(&functions),
            &["compile", "compile-time", "exports", "start"],
        ),
    ]
}
