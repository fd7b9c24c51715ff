//! From a component's bytes to machine code: in a process of its own, once, kept on disk.

use std::{
    ffi::OsStr,
    io::{self, Read as _, Write as _},
    path::PathBuf,
    process::{ExitCode, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    sync::Semaphore,
    task::{self, JoinError},
    time,
};
use wasmtime::{Engine, component::Component};

use super::{
    cache::{CODE_BYTES_MAX, Cache, Unfit},
    engine,
    error::Refusal,
};
use crate::{config::Limits, id::Digest};

/// The hidden subcommand that the host starts itself with.
pub const SUBCOMMAND: &str = "compile-plugin";
/// Exit code of a child that found the plugin at fault.
const AT_FAULT: u8 = 65;
/// Bytes of the child's words that are shown.
const WORDS_BYTES_MAX: usize = 2000;
/// The length before the code, big end first.
const LENGTH_BYTES: usize = 8;

/// Files that the compiler may have open: it needs its three pipes, and some to start.
const FILES_MAX: u64 = 32;

/// How far the compiler stands behind everything else that wants a processor, as `nice` counts.
const NICENESS: i32 = 10;

/// Compiles plugins and keeps the result in a folder that only the host writes.
#[derive(Debug)]
pub(super) struct Compiler {
    program: PathBuf,
    cache: Arc<Cache>,
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
        Ok(Self {
            program,
            cache: Arc::new(Cache::open(folder, engine)?),
            memory_bytes: limits.compile_memory_bytes,
            time_ms: limits.compile_ms.get(),
            turn: Semaphore::new(1),
        })
    }

    /// The code compiled earlier, where it is there and fits this engine.
    pub(super) async fn cached(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        self.with_cache(engine, move |cache, engine| cache.get(engine, digest)).await.ok()?
    }

    /// Disks and seals of large code take their time: nothing else waits for it.
    async fn with_cache<T: Send + 'static>(
        &self,
        engine: &Engine,
        work: impl FnOnce(&Cache, &Engine) -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let (cache, engine) = (Arc::clone(&self.cache), engine.clone());
        task::spawn_blocking(move || work(&cache, &engine)).await
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
        let put = move |cache: &Cache, engine: &Engine| cache.put(engine, digest, &code);
        let put = self.with_cache(engine, put).await;
        put.map_err(|error| Refusal::Host(error.into()))?.map_err(|error| match error {
            Unfit::Engine(words) => Refusal::Start(words),
            ours => Refusal::Host(ours.into()),
        })
    }

    /// Removes the code of a plugin, where it is there.
    pub(super) fn remove(&self, digest: Digest) -> io::Result<()> {
        self.cache.remove(digest)
    }

    /// Removes the code of all plugins but these.
    pub(super) async fn keep_only(&self, engine: &Engine, kept: Vec<Digest>) -> io::Result<()> {
        self.with_cache(engine, move |cache, _engine| cache.keep_only(&kept)).await?
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
            ended(child).await.map(|output| (written, output))
        });
        // On a timeout the child is dropped with the future, and killed by that.
        let (written, output) = output
            .await
            .map_err(|_elapsed| Refusal::CompileTime { limit_ms: self.time_ms })?
            .map_err(|error| Refusal::Host(error.into()))?;
        if CODE_BYTES_MAX < output.stdout.len() {
            return Err(Refusal::Compile(format!(
                "its code would be larger than {CODE_BYTES_MAX} bytes"
            )));
        }
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

/// All that the child says up to a cap; beyond it the pipe is closed, which ends a child that writes
/// on.
async fn ended(mut child: Child) -> io::Result<Output> {
    let (stdout, stderr) = tokio::try_join!(
        code(child.stdout.take()),
        up_to(child.stderr.take(), WORDS_BYTES_MAX, 0),
    )?;
    let status = child.wait().await?;
    Ok(Output { status, stdout, stderr })
}

/// Its length stands before it: what grows to tens of megabytes is not moved while it grows.
async fn code(mut pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut length = [0; LENGTH_BYTES];
    let read = match &mut pipe {
        Some(pipe) => pipe.read_exact(&mut length).await,
        None => Ok(0),
    };
    if let Err(error) = read {
        // A child that found fault has no code to tell.
        let is_none = error.kind() == io::ErrorKind::UnexpectedEof;
        return if is_none { Ok(Vec::new()) } else { Err(error) };
    }
    let length = usize::try_from(u64::from_be_bytes(length)).unwrap_or(usize::MAX);
    let most = CODE_BYTES_MAX.saturating_add(1);
    up_to(pipe, most, length.min(most)).await
}

async fn up_to(
    pipe: Option<impl AsyncRead + Unpin>,
    bytes_max: usize,
    capacity: usize,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(capacity);
    if let Some(pipe) = pipe {
        pipe.take(u64::try_from(bytes_max).unwrap_or(u64::MAX)).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// The other end: reads a component from standard input, writes the length of its code in
/// [`LENGTH_BYTES`] and the code to standard output.
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
    // No file grows, and no memory of a stranger's making is left behind as a core.
    for (resource, most) in [
        (Resource::As, memory_bytes),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Nofile, FILES_MAX),
    ] {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|error| ours(&error))?;
    }
    // Calls go before it: an upload shall not be felt.
    nice(NICENESS).map_err(|error| ours(&error))?;
    let mut wasm = Vec::new();
    io::stdin().lock().read_to_end(&mut wasm).map_err(|error| ours(&error))?;
    let engine = engine::compiling().map_err(|error| ours(&error))?;
    let at_fault = |error: wasmtime::Error| (AT_FAULT, format!("{error:#}"));
    let component = Component::from_binary(&engine, &wasm).map_err(at_fault)?;
    check_resources(&component)?;
    let code = component.serialize().map_err(at_fault)?;
    let mut stdout = io::stdout().lock();
    let length = u64::try_from(code.len()).unwrap_or(u64::MAX).to_be_bytes();
    [&length, code.as_slice()]
        .into_iter()
        .try_for_each(|part| stdout.write_all(part))
        .and_then(|()| stdout.flush())
        .map_err(|error| ours(&error))
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
