//! Compiled code on disk, under a seal of this host's own: what was changed, cut, copied from
//! elsewhere or put under another name is not run, it is made again.

use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use wasmtime::{Engine, component::Component};

use crate::{id::Digest, secret::Secret};

/// The most code that is taken from the compiler, and from the disk.
pub(super) const CODE_BYTES_MAX: usize = 256 << 20;

const KEY_BYTES: usize = 32;
const SEAL_BYTES: usize = 32;
/// What is sealed, so that this seal can stand for nothing else.
const PURPOSE: &[u8] = b"patchbay compiled plugin 1";

/// Endings of the files.
const CODE: &str = "cwasm";
const UNFINISHED: &str = "part";

/// A folder that only the host writes, and the key of its seals beside it.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    engine_hash: u64,
    key: Secret<[u8; KEY_BYTES]>,
}

/// Why a file is not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("it cannot be read")]
    Unread(#[from] io::Error),
    #[error("it has {0} bytes")]
    Length(u64),
    #[error(
        "its seal is not this host's for this plugin and this engine: it was changed, cut or copied"
    )]
    Seal,
    /// In the engine's words: another version's, or more than the pool has for one plugin.
    #[error("the engine does not take it: {0}")]
    Engine(String),
}

impl Cache {
    /// Makes the folder and the key, for this user alone.
    pub(super) fn open(folder: PathBuf, engine: &Engine) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        // Beside the folder and not in it: a copy of the folder alone is worth nothing.
        let key = read_key(&folder.with_extension("key"))?;
        Ok(Self { folder, engine_hash: hasher.finish(), key })
    }

    /// The code kept earlier, where it is there, is what this host wrote, and fits the engine.
    pub(super) fn get(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let path = self.path(digest);
        if !path.is_file() {
            return None;
        }
        match self.load(engine, digest, &path) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(
                    plugin.digest = %digest,
                    error = &error as &dyn std::error::Error,
                    "a compiled plugin is not used and is made again"
                );
                None
            }
        }
    }

    /// Takes what the compiler made into the engine, and keeps it.
    pub(super) fn put(
        &self,
        engine: &Engine,
        digest: Digest,
        code: &[u8],
    ) -> Result<Component, Unfit> {
        let component = take(engine, code)?;
        let path = self.path(digest);
        let seal = self.seal(digest, code).finalize().into_bytes();
        // Not waited for: a crash of the machine may cut it, which the seal tells, and what makes
        // the disk busy for tens of megabytes holds up the journal.
        write_whole(&self.folder, &path, &[&seal, code], |_file| Ok(()))?;
        Ok(component)
    }

    /// Removes the code of a plugin, where it is there.
    pub(super) fn remove(&self, digest: Digest) -> io::Result<()> {
        match fs::remove_file(self.path(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the code of all plugins but these, and what another engine or a crash has left.
    pub(super) fn keep_only(&self, kept: &[Digest]) -> io::Result<()> {
        let kept: HashSet<PathBuf> = kept.iter().map(|digest| self.path(*digest)).collect();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let is_ours = path.extension().is_some_and(|it| it == CODE || it == UNFINISHED);
            if is_ours && !kept.contains(&path) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{digest}-{:016x}.{CODE}", self.engine_hash))
    }

    /// Over the plugin and the engine too: a sealed file under another's name is not sealed.
    fn seal(&self, digest: Digest, code: &[u8]) -> Hmac<Sha256> {
        Hmac::<Sha256>::new_from_slice(self.key.expose())
            .expect("HMAC takes keys of any length")
            .chain_update(PURPOSE)
            .chain_update(digest.0)
            .chain_update(self.engine_hash.to_be_bytes())
            .chain_update(code)
    }

    fn load(&self, engine: &Engine, digest: Digest, path: &Path) -> Result<Component, Unfit> {
        let length = fs::metadata(path)?.len();
        let longest = u64::try_from(CODE_BYTES_MAX + SEAL_BYTES).unwrap_or(u64::MAX);
        if longest < length {
            return Err(Unfit::Length(length));
        }
        let bytes = fs::read(path)?;
        let (seal, code) = bytes.split_first_chunk::<SEAL_BYTES>().ok_or(Unfit::Length(length))?;
        self.seal(digest, code).verify_slice(seal).map_err(|_unequal| Unfit::Seal)?;
        take(engine, code)
    }
}

/// Only for what our own compiler made: out of its process, or under the seal.
#[expect(
    unsafe_code,
    reason = "machine code is trusted by its seal: only the host has the key, and it seals what its compiler made"
)]
fn take(engine: &Engine, code: &[u8]) -> Result<Component, Unfit> {
    // SAFETY: these bytes are the output of our own compiler: `put` has them from its process, and
    // `load` from under a seal that only `put` makes. They are in memory: nobody can change the
    // file between the check and the use. wasmtime checks that version and options are this
    // engine's.
    let taken = unsafe { Component::deserialize(engine, code) };
    taken.map_err(|error| Unfit::Engine(format!("{error:#}")))
}

/// The key of this data folder, made where there is none. One that others could read, or that is
/// cut, is replaced: what it has sealed is made again.
fn read_key(path: &Path) -> io::Result<Secret<[u8; KEY_BYTES]>> {
    match fs::metadata(path) {
        Ok(found) if found.permissions().mode() % 0o100 == 0 => {
            if let Ok(key) = <[u8; KEY_BYTES]>::try_from(fs::read(path)?) {
                return Ok(Secret::new(key));
            }
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).expect("the operating system gives random numbers");
    let folder = path.parent().unwrap_or(Path::new("."));
    write_whole(folder, path, &[&key], File::sync_all)?;
    Ok(Secret::new(key))
}

/// Writes whole or not at all: a host that is killed leaves no half of a file under the name that
/// counts. `sync` decides for a machine that loses its power.
fn write_whole(
    folder: &Path,
    path: &Path,
    parts: &[&[u8]],
    sync: impl Fn(&File) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = folder.join(format!("{}.{UNFINISHED}", crate::id::random_token()));
    let written = (|| {
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        sync(&file)?;
        fs::rename(&temporary, path)?;
        sync(&File::open(folder)?)
    })();
    if written.is_err() && temporary.exists() {
        fs::remove_file(&temporary)?;
    }
    written
}
