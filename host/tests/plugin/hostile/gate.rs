//! What attacks at the gate: while it is compiled, started, or asked what it is.

use std::fmt::Write as _;

use patchbay::{config::Limits, plugin::Refusal};

use super::arena::{nz, small};
use crate::{
    gate::{admit, component},
    stage::{Stage, account, floor, guest, still_works},
};

/// Repetitions of what takes no compiler, of what does, and of what takes it all its time.
const MANY: usize = 30;
const SOME: usize = 10;
const FEW: usize = 3;

/// Refused each time, for one of these reasons and in these words; afterwards a good plugin passes.
async fn refused(stage: &Stage, times: usize, bytes: &[u8], reasons: &[&str], words: &str) {
    for _ in 0..times {
        let refusal = admit(stage, bytes.to_vec()).await.unwrap_err();
        assert!(reasons.contains(&refusal.kind()), "{}: {refusal}", refusal.kind());
        assert!(refusal.to_string().contains(words), "{refusal}");
        assert!(refusal.is_final(), "the plugin is at fault: {refusal}");
    }
    let figures = stage.plugins.figures();
    let told = figures.turned_away.iter().filter(|(reason, _)| reasons.contains(reason));
    let told: u64 = told.map(|(_, count)| count).sum();
    assert!(u64::try_from(times).unwrap() <= told, "the metrics name it");
    assert_eq!(figures.calls_in_flight, 0);
    if let Some(pool) = figures.pool {
        assert_eq!((pool.instances, pool.memories, pool.stacks), (0, 0, 0));
    }
    let good = stage.hostile().await;
    still_works(&stage.plugins.bind(good, account("neighbour")).unwrap()).await;
}

/// With so little time to compile that only what is compiled already passes: the good plugin is.
async fn impatient(compile_ms: u32) -> Stage {
    let stage = Stage::new(gate_limits());
    drop(stage.hostile().await);
    let limits = Limits { compile_ms: nz(compile_ms), ..gate_limits() };
    let (cache, program) = (stage.folder.path().join("compiled"), env!("CARGO_BIN_EXE_patchbay"));
    Stage { plugins: floor(limits, cache, program.into()), folder: stage.folder }
}

/// The guest of versions, in this mode.
fn version(mode: &str) -> Vec<u8> {
    const MARK: &[u8] = b"patchbay-test-mode:";
    let mut bytes = guest("guest_version");
    let at = bytes.windows(MARK.len()).position(|part| part == MARK).unwrap() + MARK.len();
    let text = format!("{mode:-<21}");
    bytes.splice(at..at + text.len(), text.into_bytes());
    bytes
}

fn starting(parts: &str, body: &str) -> Vec<u8> {
    component(&format!(
        "(core module $s {parts} (func $s {body}) (start $s)) (core instance (instantiate $s))"
    ))
}

fn gate_limits() -> Limits {
    Limits { pure_cpu_ms: nz(500), ..small() }
}

#[tokio::test]
async fn a_spin_in_the_start_function_is_refused() {
    let stage = Stage::new(Limits { pure_cpu_ms: nz(20), ..gate_limits() });
    refused(&stage, SOME, &starting("", "(loop (br 0))"), &["start"], "processor time").await;
}

#[tokio::test]
async fn a_recursion_in_the_start_function_is_refused() {
    let stage = Stage::new(gate_limits());
    let deep = "(func $deep (call $deep))";
    refused(&stage, SOME, &starting(deep, "(call $deep)"), &["start"], "its stack").await;
}

#[tokio::test]
async fn memory_that_grows_in_the_start_function_is_refused() {
    let stage = Stage::new(gate_limits());
    let grow = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    refused(&stage, SOME, &starting("(memory 1)", grow), &["start"], "memory").await;
}

#[tokio::test]
async fn tables_grow_to_their_limit_and_no_further() {
    let stage = Stage::new(gate_limits());
    let table = "(table $t 1 funcref)";
    let grow = "(loop $on (br_if $on (i32.ne (table.grow $t (ref.null func) (i32.const 100)) (i32.const -1))))";
    let too_large = "(if (i32.lt_u (i32.const 20000) (table.size $t)) (then (loop (br 0))))";
    // It copes with the refusal, and ends well: what is wrong with it comes later.
    let copes = starting(table, &format!("{grow} {too_large}"));
    refused(&stage, SOME, &copes, &["exports"], "another shape").await;
    let ends = starting(table, &format!("{grow} unreachable"));
    refused(&stage, SOME, &ends, &["start"], "share of tables").await;
    let refusals = stage.plugins.figures().refusals;
    let told = refusals.iter().find(|it| it.plugin == "new plugin" && it.cause == "memory");
    assert!(20 <= told.unwrap().count, "{refusals:?}");
}

#[tokio::test]
async fn a_describe_that_spins_crashes_or_floods_is_refused() {
    let stage = Stage::new(Limits { pure_cpu_ms: nz(20), ..gate_limits() });
    refused(&stage, SOME, &version("spin-describe"), &["describe"], "processor time").await;
    let stage = Stage::new(Limits { memory_bytes: 64 << 20, ..gate_limits() });
    refused(&stage, SOME, &version("trap-describe"), &["describe"], "crashed").await;
    refused(&stage, FEW, &version("huge-describe"), &["describe"], "crossed the border").await;
}

#[tokio::test]
async fn a_describe_that_lies_is_refused() {
    let stage = Stage::new(gate_limits());
    refused(&stage, SOME, &version("fickle"), &["fickle"], "the same each time").await;
}

#[tokio::test]
async fn exports_of_wrong_shapes_are_refused_each_time() {
    let stage = Stage::new(gate_limits());
    refused(&stage, SOME, &component(""), &["exports"], "`about` in another shape").await;
    let bare = wat::parse_str("(component)").unwrap();
    refused(&stage, MANY, &bare, &["exports"], "no `about`").await;
    let module = wat::parse_str("(module)").unwrap();
    refused(&stage, MANY, &module, &["not-a-component"], "core module").await;
}

#[tokio::test]
async fn imports_that_are_not_offered_are_refused() {
    let stage = Stage::new(gate_limits());
    for import in ["wasi:http/outgoing-handler@0.2.6", "patchbay:adapter/shell@0.1.0", "env"] {
        let bytes = component(&format!(r#"(import "{import}" (instance))"#));
        refused(&stage, MANY, &bytes, &["imports"], import).await;
    }
}

#[tokio::test]
async fn a_component_in_thousands_of_components_is_read_and_refused() {
    let stage = Stage::new(gate_limits());
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    for _ in 0..3000 {
        let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
        leb128(&mut outer, bytes.len());
        outer.extend_from_slice(&bytes);
        bytes = outer;
    }
    refused(&stage, MANY, &bytes, &["exports"], "no `about`").await;
}

fn leb128(bytes: &mut Vec<u8>, mut number: usize) {
    while 0x80 <= number {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
}

#[tokio::test]
async fn a_function_of_a_hundred_thousand_blocks_is_contained() {
    let stage = impatient(5000).await;
    let nested = format!("{}{}", "block ".repeat(100_000), "end ".repeat(100_000));
    let bytes = component(&format!("(core module (func {nested}))"));
    let reasons = ["compile", "compile-time", "exports"];
    refused(&stage, FEW, &bytes, &reasons, "").await;
}

#[tokio::test]
async fn functions_by_the_hundred_thousand_are_contained() {
    let stage = impatient(1000).await;
    let bytes = component(&format!("(core module {})", "(func)".repeat(200_000)));
    refused(&stage, FEW, &bytes, &["compile", "compile-time"], "").await;
}

#[tokio::test]
async fn functions_of_huge_locals_and_tables_of_jumps_are_contained() {
    let stage = impatient(3000).await;
    let locals = format!("(local {})", "i64 ".repeat(49_000));
    // Each of them lives from the begin to the end.
    let mut body = String::new();
    for index in 1..49_000 {
        write!(body, "(local.set {index} (i64.add (local.get {}) (i64.const 3)))", index - 1)
            .unwrap();
    }
    let functions = format!("(func {locals} {body})").repeat(4);
    let reasons = ["compile", "compile-time", "exports"];
    refused(&stage, 2, &component(&format!("(core module {functions})")), &reasons, "").await;
    let jumps = format!("(func (block (br_table {} (i32.const 1))))", "0 ".repeat(500_000));
    refused(&stage, 2, &component(&format!("(core module {jumps})")), &reasons, "").await;
}

#[tokio::test]
async fn instances_of_instances_of_instances_are_contained() {
    let stage = impatient(3000).await;
    let mut text =
        String::from("(component $c0 (core module $m (func)) (core instance (instantiate $m)))");
    for level in 1..=30 {
        let below = level - 1;
        write!(
            text,
            "(component $c{level} (alias outer $root $c{below} (component $x))
                (instance (instantiate $x)) (instance (instantiate $x)))"
        )
        .unwrap();
    }
    let bytes = component(&format!("{text} (instance (instantiate $c30))"));
    refused(&stage, FEW, &bytes, &["compile", "compile-time"], "").await;
}

#[tokio::test]
async fn more_instances_than_the_pool_has_for_one_are_refused() {
    let stage = Stage::new(gate_limits());
    // The component itself makes one of them.
    let of = |count: usize| {
        let instances = "(core instance (instantiate $one))".repeat(count - 1);
        component(&format!("(core module $one (func)) {instances}"))
    };
    refused(&stage, FEW, &of(64), &["exports"], "another shape").await;
    refused(&stage, FEW, &of(65), &["compile", "start"], "64").await;
}

#[tokio::test]
async fn a_plugin_that_is_too_large_is_not_even_read() {
    let stage = Stage::new(Limits { plugin_bytes: 1 << 20, ..gate_limits() });
    let refusal = admit(&stage, vec![0; (1 << 20) + 1]).await.unwrap_err();
    assert!(matches!(refusal, Refusal::TooLarge { .. }), "{refusal}");
    assert_eq!(stage.plugins.figures().turned_away, [("too-large", 1)]);
}
