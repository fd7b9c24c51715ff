//! What passes the gate and what does not, each refusal in one sentence.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use patchbay::{account::Role, config::Limits, plugin::Refusal};

use crate::stage::{SECRET, Stage, account, floor, guest, limits, pure, still_works};

#[track_caller]
fn check(refused: Result<(), Refusal>, expected: &str) {
    let refusal = refused.unwrap_err();
    assert!(refusal.to_string().contains(expected), "{refusal}");
    assert!(refusal.is_final(), "the plugin is at fault");
}

pub(crate) async fn admit(stage: &Stage, bytes: Vec<u8>) -> Result<(), Refusal> {
    stage.plugins.admit(bytes, Timestamp::UNIX_EPOCH).await.map(drop)
}

/// A component with the right names and `core` inside; `describe` and the rest are functions
/// without arguments and results.
pub(crate) fn component(core: &str) -> Vec<u8> {
    let text = format!(
        r#"(component $root
            {core}
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $about (export "describe" (func $f)))
            (export "patchbay:adapter/about@0.1.0" (instance $about))
            (instance $contacts
                (export "describe-fields" (func $f)) (export "lookup-client" (func $f))
                (export "map-fields" (func $f)) (export "upsert-contact" (func $f)))
            (export "patchbay:adapter/contacts@0.1.0" (instance $contacts)))"#
    );
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn a_good_plugin_passes_and_can_be_called() {
    let stage = Stage::new(limits());
    let bytes = guest("guest_hostile");
    let size = u64::try_from(bytes.len()).unwrap();
    let (record, plugin) = stage.plugins.admit(bytes, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!((record.contract.as_str(), record.size_bytes), ("0.1.0", size));
    assert_eq!(record.roles, [Role::Channel, Role::Contacts]);
    assert_eq!(record.manifest.name.as_str(), "guest-hostile");
    assert!(
        record.manifest.settings.iter().any(|setting| setting.key == "hidden" && setting.secret)
    );
    assert!(plugin.has(Role::Contacts) && !plugin.has(Role::Deals));
    still_works(&stage.plugins.bind(plugin, account("shop")).unwrap()).await;
}

#[tokio::test]
async fn bytes_that_are_no_component_are_refused_in_words() {
    let stage = Stage::new(limits());
    check(admit(&stage, b"PK".to_vec()).await, "not WebAssembly");
    check(admit(&stage, wat::parse_str("(module)").unwrap()).await, "core module");
    let mut bytes = guest("guest_hostile");
    bytes.truncate(bytes.len() / 2);
    check(admit(&stage, bytes).await, "truncated");
}

#[tokio::test]
async fn a_plugin_is_taken_up_to_its_last_byte() {
    let bytes = component("");
    let stage = Stage::new(Limits { plugin_bytes: bytes.len() - 1, ..limits() });
    check(admit(&stage, bytes.clone()).await, "`limits.plugin_bytes`");
    let stage = Stage::new(Limits { plugin_bytes: bytes.len(), ..limits() });
    check(admit(&stage, bytes).await, "another shape");
}

#[tokio::test]
async fn thirty_memories_are_refused_however_they_are_made() {
    let stage = Stage::new(limits());
    check(admit(&stage, component(&"(core module (memory 1))".repeat(30))).await, "30 memories");
    let instances = "(core instance (instantiate $one))".repeat(30);
    let bytes = component(&format!("(core module $one (memory 1)) {instances}"));
    check(admit(&stage, bytes).await, "30 memories");
    let instances = "(core instance (instantiate $one))".repeat(17);
    let bytes = component(&format!("(core module $one (table 1 funcref)) {instances}"));
    check(admit(&stage, bytes).await, "17 tables");
}

#[tokio::test]
async fn exports_in_another_shape_are_named() {
    let stage = Stage::new(limits());
    let refusal = admit(&stage, component("")).await.unwrap_err().to_string();
    assert!(
        refusal.contains("`about` in another shape") && refusal.contains("`contacts` in another"),
        "{refusal}"
    );
}

#[tokio::test]
async fn invalid_code_does_not_compile() {
    let stage = Stage::new(limits());
    check(admit(&stage, component("(core module (func (result i32)))")).await, "does not compile");
}

#[tokio::test]
async fn a_plugin_that_attacks_at_start_is_refused() {
    let stage = Stage::new(limits());
    let starting = |body: &str| {
        component(&format!(
            "(core module $s (func $s {body}) (start $s)) (core instance (instantiate $s))"
        ))
    };
    check(admit(&stage, starting("(loop (br 0))")).await, "processor time");
    check(admit(&stage, starting("unreachable")).await, "unreachable");
    let large = component("(core module $l (memory 1025)) (core instance (instantiate $l))");
    check(admit(&stage, large).await, "memory");
    let fits = component("(core module $l (memory 1024)) (core instance (instantiate $l))");
    check(admit(&stage, fits).await, "another shape");
}

/// A program that does what a hostile component would make the compiler do.
fn script(folder: &Path, body: &str) -> PathBuf {
    let path = folder.join("compiler");
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// How far a process stands behind the others, the 19th field of its line.
fn niceness(pid: u32) -> Option<i32> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = line.rsplit_once(") ")?;
    fields.split(' ').nth(16)?.parse().ok()
}

#[tokio::test]
async fn calls_go_before_the_compiler() {
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_patchbay"))
        .args(["compile-plugin", "2147483648"])
        // It waits for the component, which never comes.
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (pid, own) = (child.id().unwrap(), niceness(std::process::id()).unwrap());
    let goes_last = async {
        while niceness(pid) != Some((own + 10).min(19)) {
            assert!(child.try_wait().unwrap().is_none(), "it ended before");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), goes_last).await.unwrap();
}

#[tokio::test]
async fn a_compiler_that_takes_for_ever_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let slow = script(folder.path(), "exec /bin/sleep 3600");
    let stage =
        Stage::with_compiler(Limits { compile_ms: 100.try_into().unwrap(), ..limits() }, slow);
    check(admit(&stage, guest("guest_hostile")).await, "longer than 100 ms (`limits.compile_ms`)");
}

#[tokio::test]
async fn a_compiler_without_enough_memory_says_so() {
    let stage = Stage::new(Limits { compile_memory_bytes: 8 << 20, ..limits() });
    check(admit(&stage, guest("guest_hostile")).await, "`limits.compile_memory_bytes`");
}

#[tokio::test]
async fn a_compiler_that_writes_rubbish_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    // The first eight bytes are read as a length: none, a few, the longest that there is.
    for words in ["", "rubbish", "\\377\\377\\377\\377\\377\\377\\377\\377rubbish"] {
        let lies = format!("/bin/cat > /dev/null; printf '{words}'");
        let stage = Stage::with_compiler(limits(), script(folder.path(), &lies));
        check(admit(&stage, guest("guest_hostile")).await, "failed to parse precompiled artifact");
    }
}

#[tokio::test]
async fn a_compiler_that_floods_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let flood = "/bin/cat > /dev/null; exec /usr/bin/head -c 300000000 /dev/zero";
    let stage = Stage::with_compiler(limits(), script(folder.path(), flood));
    check(admit(&stage, guest("guest_hostile")).await, "larger than 268435456 bytes");
    let words = "/bin/cat > /dev/null; exec /usr/bin/head -c 300000000 /dev/zero >&2";
    let stage = Stage::with_compiler(limits(), script(folder.path(), words));
    check(admit(&stage, guest("guest_hostile")).await, "the compiler ended with");
}

#[tokio::test]
async fn a_refused_plugin_leaves_no_code_behind() {
    let stage = Stage::new(limits());
    check(admit(&stage, component("")).await, "another shape");
    let compiled = stage.folder.path().join("compiled");
    assert_eq!(fs::read_dir(&compiled).unwrap().count(), 0);
    admit(&stage, guest("guest_hostile")).await.unwrap();
    assert_eq!(fs::read_dir(&compiled).unwrap().count(), 1);
}

#[tokio::test]
async fn code_is_kept_of_known_versions_alone() {
    let stage = Stage::new(limits());
    let (record, _plugin) =
        stage.plugins.admit(guest("guest_hostile"), Timestamp::UNIX_EPOCH).await.unwrap();
    let compiled = stage.folder.path().join("compiled");
    let names = || {
        let names = fs::read_dir(&compiled).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    let own = names();
    // Of another engine, of a version that is gone, and what a crash has left.
    let other = format!("{}-0123456789abcdef.cwasm", record.digest);
    let gone = own.first().unwrap().replace(&record.digest.to_string(), &"ab".repeat(32));
    for name in [&other, &gone, "abc.part", "notes.txt"] {
        fs::write(compiled.join(name), b"rubbish").unwrap();
    }

    stage.plugins.keep_only(vec![record.digest]).await;

    let mut kept = own;
    kept.insert("notes.txt".to_owned());
    assert_eq!(names(), kept, "what is not ours is nobody's to remove");
}

#[tokio::test]
async fn compiled_code_is_for_this_user_alone_and_used_again() {
    let stage = Stage::new(limits());
    let (record, _plugin) =
        stage.plugins.admit(guest("guest_hostile"), Timestamp::UNIX_EPOCH).await.unwrap();
    let compiled = stage.folder.path().join("compiled");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&compiled), 0o700);
    let files: Vec<_> =
        fs::read_dir(&compiled).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert!(file.to_str().unwrap().contains(&record.digest.to_string()));
    assert_eq!(mode(file), 0o600);

    // A host with no compiler at all starts from the cache.
    let again = floor(limits(), compiled.clone(), PathBuf::from("/nonexistent"));
    let loaded =
        again.load(record.clone(), async || panic!("the bytes are not needed")).await.unwrap();
    still_works(&again.bind(loaded, account("shop")).unwrap()).await;
}

#[tokio::test]
async fn a_damaged_or_missing_cache_is_made_again_from_the_bytes() {
    let stage = Stage::new(limits());
    let (record, _plugin) =
        stage.plugins.admit(guest("guest_hostile"), Timestamp::UNIX_EPOCH).await.unwrap();
    let compiled = stage.folder.path().join("compiled");
    let file = fs::read_dir(&compiled).unwrap().next().unwrap().unwrap().path();
    // Another file in its place: the code that runs stays mapped.
    fs::remove_file(&file).unwrap();
    fs::write(&file, b"rubbish").unwrap();
    let loaded =
        stage.plugins.load(record.clone(), async || Some(guest("guest_hostile"))).await.unwrap();
    assert_eq!(
        pure(&stage.plugins.bind(loaded, account("shop")).unwrap(), "nothing", "").await.unwrap(),
        "nothing"
    );

    fs::remove_file(&file).unwrap();
    let missing = stage.plugins.load(record.clone(), async || None).await.unwrap_err();
    assert!(matches!(missing, Refusal::Missing(_)) && !missing.is_final());
    let wrong = stage.plugins.load(record, async || Some(component(""))).await.unwrap_err();
    assert!(matches!(wrong, Refusal::Missing(_)), "other bytes than were admitted are not loaded");
}

#[tokio::test]
async fn an_account_with_faults_is_not_bound_and_all_are_told() {
    let stage = Stage::new(limits());
    let mut faulty = (*account("shop")).clone();
    faulty.settings.insert("hidden".to_owned(), SECRET.to_owned());
    faulty.settings.insert("colour".to_owned(), "red".to_owned());
    let problems = stage.plugins.bind(stage.hostile().await, Arc::new(faulty)).unwrap_err();
    let told = format!("{problems:?}");
    assert!(
        told.contains("colour") && told.contains("is secret") && !told.contains(SECRET),
        "{told}"
    );
}

#[expect(clippy::disallowed_methods, reason = "a test without a tracker")]
#[tokio::test]
async fn the_gate_can_be_passed_on_another_thread() {
    let stage = Stage::new(limits());
    let plugins = stage.plugins.clone();
    let admitted =
        async move { plugins.admit(guest("guest_hostile"), Timestamp::UNIX_EPOCH).await };
    let (record, _plugin) = tokio::task::spawn(admitted).await.unwrap().unwrap();
    let plugins = stage.plugins.clone();
    let loaded = async move { plugins.load(record, async || None).await.map(drop) };
    assert!(tokio::task::spawn(loaded).await.unwrap().is_ok());
}
