//! From a component's bytes to machine code: in a process of its own, once, kept on disk.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, OpenOptions},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::{io::AsyncWriteExt as _, process::Command, sync::Semaphore, time};
use wasmtime::{Engine, component::Component};

use super::{engine, error::Refusal};
use crate::{config::Limits, id::Digest};

/// The hidden subcommand that the host starts itself with.
pub const SUBCOMMAND: &str = "compile-plugin";
/// Exit code of a child that found the plugin at fault.
const AT_FAULT: u8 = 65;
/// Bytes of the child's words that are shown.
const WORDS_BYTES_MAX: usize = 2000;

/// Compiles plugins and keeps the result in a folder that only the host writes.
#[derive(Debug)]
pub(super) struct Compiler {
    program: PathBuf,
    folder: PathBuf,
    engine_hash: u64,
    memory_bytes: u64,
    time_ms: u32,
    /// One child at a time: compiling is heavy, and never urgent.
    turn: Semaphore,
}

impl Compiler {
    /// Makes the folder, for this user alone.
    pub(super) fn new(
        engine: &Engine,
        limits: &Limits,
        folder: PathBuf,
        program: PathBuf,
    ) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            program,
            folder,
            engine_hash: hasher.finish(),
            memory_bytes: limits.compile_memory_bytes,
            time_ms: limits.compile_ms.get(),
            turn: Semaphore::new(1),
        })
    }

    /// The code compiled earlier, where it is there and fits this engine.
    pub(super) fn cached(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let path = self.path(digest);
        if !path.is_file() {
            return None;
        }
        match load(engine, &path) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "a compiled plugin cannot be read and is made again"
                );
                None
            }
        }
    }

    /// Compiles in a child and keeps the result.
    pub(super) async fn compile(
        &self,
        engine: &Engine,
        digest: Digest,
        wasm: &[u8],
    ) -> Result<Component, Refusal> {
        let _turn = self.turn.acquire().await.expect("this semaphore is never closed");
        let code = self.run_child(wasm).await?;
        let path = self.path(digest);
        store(&self.folder, &path, &code).map_err(|error| Refusal::Host(error.into()))?;
        load(engine, &path).map_err(|error| Refusal::Start(format!("{error:#}")))
    }

    /// Removes the code of a plugin, where it is there.
    pub(super) fn remove(&self, digest: Digest) -> io::Result<()> {
        match fs::remove_file(self.path(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{digest}-{:016x}.cwasm", self.engine_hash))
    }

    async fn run_child(&self, wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
        let limit = Duration::from_millis(u64::from(self.time_ms));
        let mut child = Command::new(&self.program)
            .args([OsStr::new(SUBCOMMAND), OsStr::new(&self.memory_bytes.to_string())])
            // The child reads what a stranger wrote: it gets nothing that it does not need.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Refusal::Host(error.into()))?;
        let mut stdin = child.stdin.take().expect("it is piped");
        let output = time::timeout(limit, async {
            // A child that died early says why on its standard error.
            let written = stdin.write_all(wasm).await;
            drop(stdin);
            child.wait_with_output().await.map(|output| (written, output))
        });
        // On a timeout the child is dropped with the future, and killed by that.
        let (written, output) = output
            .await
            .map_err(|_elapsed| Refusal::CompileTime { limit_ms: self.time_ms })?
            .map_err(|error| Refusal::Host(error.into()))?;
        if output.status.success() {
            written.map_err(|error| Refusal::Host(error.into()))?;
            return Ok(output.stdout);
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let words = words.trim();
        let words = words.get(..words.floor_char_boundary(WORDS_BYTES_MAX)).unwrap_or_default();
        // Where the last piece of memory is asked for decides whether wasmtime can still say so.
        let is_short_of_memory = words.contains("os error 12");
        if output.status.code() == Some(i32::from(AT_FAULT)) && !is_short_of_memory {
            return Err(Refusal::Compile(words.to_owned()));
        }
        Err(Refusal::Compile(format!(
            "the compiler ended with {} within {} bytes of memory (`limits.compile_memory_bytes`): {words}",
            output.status, self.memory_bytes
        )))
    }
}

/// Writes whole or not at all: a crash leaves no half of a file under the name that counts.
fn store(folder: &Path, path: &Path, code: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{}.part", crate::id::random_token()));
    let written = (|| {
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(code)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        fs::File::open(folder)?.sync_all()
    })();
    if written.is_err() && temporary.exists() {
        fs::remove_file(&temporary)?;
    }
    written
}

#[expect(
    unsafe_code,
    reason = "machine code is trusted by where it lies: a folder that only the host writes"
)]
fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was written by `store` from the output of our own compiler, into a folder
    // of mode 0700; wasmtime checks that it was made by the same version for the same options.
    unsafe { Component::deserialize_file(engine, path) }
}

/// The other end: reads a component from standard input, writes its code to standard output.
/// `memory_bytes` bounds the whole process.
pub fn compile_child(memory_bytes: u64) -> ExitCode {
    match child(memory_bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, words)) => {
            // Nobody is left to tell when this fails.
            drop(writeln!(io::stderr(), "{words}"));
            ExitCode::from(code)
        }
    }
}

fn child(memory_bytes: u64) -> Result<(), (u8, String)> {
    let ours = |error: &dyn std::fmt::Display| (1, error.to_string());
    let limit = Rlimit { current: Some(memory_bytes), maximum: Some(memory_bytes) };
    setrlimit(Resource::As, limit).map_err(|error| ours(&error))?;
    let mut wasm = Vec::new();
    io::stdin().lock().read_to_end(&mut wasm).map_err(|error| ours(&error))?;
    let engine = engine::compiling().map_err(|error| ours(&error))?;
    let at_fault = |error: wasmtime::Error| (AT_FAULT, format!("{error:#}"));
    let component = Component::from_binary(&engine, &wasm).map_err(at_fault)?;
    check_resources(&component)?;
    let code = component.serialize().map_err(at_fault)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&code).and_then(|()| stdout.flush()).map_err(|error| ours(&error))
}

/// Counts instances, not declarations: one module can be instantiated many times.
fn check_resources(component: &Component) -> Result<(), (u8, String)> {
    let Some(required) = component.resources_required() else {
        return Err((AT_FAULT, "it imports a core module".to_owned()));
    };
    let counts = [
        ("memories", required.num_memories, engine::MEMORIES_MAX),
        ("tables", required.num_tables, engine::TABLES_MAX),
    ];
    for (what, found, limit) in counts {
        if limit < found {
            return Err((
                AT_FAULT,
                format!("it needs {found} {what}, at most {limit} are allowed"),
            ));
        }
    }
    Ok(())
}
