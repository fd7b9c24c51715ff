//! The plugin floor as the program builds it, and the compiled adapters that run on it.

use std::{env, fs, path::PathBuf, sync::Arc};

use patchbay::{
    clock::SystemClock,
    config::{self, Unsigned},
    plugin::{Options, Plugins, Trust},
    storage::{Kv, Turns, sqlite::Sqlite},
};
use tempfile::TempDir;

/// The floor and the folder of its compiled plugins, which is gone when it is dropped.
pub(crate) fn open(kv: Arc<dyn Kv>, turns: Arc<dyn Turns>) -> (Plugins, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    // A bench is one account that does nothing else.
    let whole = 100.try_into().unwrap();
    let limits = config::Limits {
        cpu_percent_per_account: whole,
        cpu_percent_per_plugin: whole,
        ..config::Limits::default()
    };
    let options = Options {
        limits,
        egress: config::Egress::default(),
        trust: Trust::new(Vec::new(), Unsigned::Warn),
        compiled: folder.path().to_owned(),
        compiler: PathBuf::from(env!("CARGO_BIN_EXE_patchbay")),
    };
    let database = folder.path().join("patchbay.db");
    let stores = Sqlite::open(&database, &config::Storage::default()).unwrap().stores();
    (Plugins::new(options, kv, turns, stores.tokens, Arc::new(SystemClock)).unwrap(), folder)
}

/// A component by the name of its file: `channel_jivo`.
pub(crate) fn guest(file: &str) -> Vec<u8> {
    let folder = env::var_os("PATCHBAY_GUESTS")
        .map_or_else(|| root().join("target/wasm32-wasip2/guest"), PathBuf::from);
    fs::read(folder.join(format!("{file}.wasm"))).expect("run `cargo xtask plugins` first")
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
