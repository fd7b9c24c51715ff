//! Files that somebody else put where the compiled code lies: none is run, all are made again.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use patchbay::{
    account::PluginRecord,
    plugin::{Plugins, Refusal},
};

use crate::stage::{Stage, account, floor, guest, limits, pure};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Another file in its place: the code that runs stays as it is.
fn put(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

struct Scene {
    stage: Stage,
    record: PluginRecord,
    folder: PathBuf,
    file: PathBuf,
    code: Vec<u8>,
}

impl Scene {
    async fn new() -> Self {
        let stage = Stage::new(limits());
        let admitted = stage.plugins.admit(guest("guest_hostile"), Timestamp::UNIX_EPOCH).await;
        let (record, _plugin) = admitted.unwrap();
        let folder = stage.folder.path().join("compiled");
        let file = files(&folder).remove(0);
        let code = fs::read(&file).unwrap();
        Self { stage, record, folder, file, code }
    }

    /// A host on the same folder without a compiler and without the bytes: only the cache is left.
    fn other_host(&self) -> Plugins {
        floor(limits(), self.folder.clone(), PathBuf::from("/nonexistent"))
    }

    async fn is_used(&self) -> bool {
        match self.other_host().load(self.record.clone(), async || None).await {
            Ok(_) => true,
            Err(Refusal::Missing(_)) => false,
            Err(other) => panic!("{other}"),
        }
    }

    /// Not used; and made again where the bytes are there.
    async fn is_made_again(&self, bytes: &[u8], what: &str) {
        put(&self.file, bytes);
        assert!(!self.is_used().await, "{what}");
        let plugins = &self.stage.plugins;
        let whole = async || Some(guest("guest_hostile"));
        let loaded = plugins.load(self.record.clone(), whole).await.unwrap();
        let adapter = plugins.bind(loaded, account("shop")).unwrap();
        assert_eq!(pure(&adapter, "nothing", "").await.unwrap(), "nothing", "{what}");
        assert!(self.is_used().await, "{what}");
    }
}

#[tokio::test]
async fn a_forged_cache_file_is_not_run() {
    let scene = Scene::new().await;
    assert!(scene.is_used().await);
    let mut changed = scene.code.clone();
    let middle = changed.len() / 2;
    *changed.get_mut(middle).unwrap() ^= 1;
    scene.is_made_again(&changed, "one bit of the code").await;
    *changed.first_mut().unwrap() ^= 1;
    scene.is_made_again(&changed, "one bit of the seal").await;
    let cut = scene.code.get(..scene.code.len() - 1).unwrap();
    scene.is_made_again(cut, "its last byte is missing").await;
    scene.is_made_again(scene.code.get(..32).unwrap(), "a seal and nothing else").await;
    scene.is_made_again(b"", "nothing").await;
    scene.is_made_again(&[&scene.code[..], b"more"].concat(), "more at its end").await;
    let unsealed = scene.code.get(32..).unwrap();
    scene.is_made_again(unsealed, "code without a seal, as it was before there were seals").await;
}

#[tokio::test]
async fn code_of_another_plugin_is_not_run_under_this_ones_name() {
    let scene = Scene::new().await;
    let echo = guest("channel_echo");
    scene.stage.plugins.admit(echo, Timestamp::UNIX_EPOCH).await.unwrap();
    let other = files(&scene.folder).into_iter().find(|path| *path != scene.file).unwrap();
    // Sealed by this very host, for another plugin.
    scene.is_made_again(&fs::read(other).unwrap(), "another plugin").await;
}

#[tokio::test]
async fn code_of_another_host_or_another_engine_is_not_run() {
    let (scene, other) = (Scene::new().await, Scene::new().await);
    assert_ne!(scene.code, other.code, "each host has a key of its own");
    scene.is_made_again(&other.code, "another host").await;
    // Under the name of another engine it is not even looked for.
    let name = scene.file.file_name().unwrap().to_str().unwrap();
    let (digest, _) = name.split_once('-').unwrap();
    let elsewhere = scene.folder.join(format!("{digest}-0000000000000000.cwasm"));
    fs::rename(&scene.file, &elsewhere).unwrap();
    assert!(!scene.is_used().await);
    fs::rename(&elsewhere, &scene.file).unwrap();
    assert!(scene.is_used().await);
}

#[tokio::test]
async fn the_key_of_the_seals_is_for_this_user_alone() {
    let scene = Scene::new().await;
    let key = scene.folder.with_extension("key");
    let mode = || fs::metadata(&key).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    assert_eq!(fs::read(&key).unwrap().len(), 32);
    // A key that others could read may be known to them.
    let known = fs::read(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(!scene.is_used().await, "what it has sealed is not used any more");
    assert_eq!(mode(), 0o600);
    assert_ne!(fs::read(&key).unwrap(), known);
    // A key that is cut is none.
    put(&key, b"short");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    drop(scene.other_host());
    assert_eq!(fs::read(&key).unwrap().len(), 32);
}
