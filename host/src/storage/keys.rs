//! Where the keys come from that secrets are sealed with, and the file they stand in by default.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::{Error, Result};
use crate::{
    seal::{InvalidKey, Keyring},
    secret::Secret,
};

/// The name of the key file in the folder of the database.
const FILE_NAME: &str = "sealing.key";

/// Where the keys of a host come from.
#[derive(Debug, Clone)]
pub enum Keys {
    /// As the configuration names them.
    Given(Secret<String>),
    /// A file of the host's own, made where no database is sealed yet.
    File(PathBuf),
}

/// What was done to the secrets of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// The key that seals now.
    pub key: String,
    /// Records that it has sealed anew.
    pub records: usize,
}

impl Keys {
    /// The key file beside a database of one's own.
    pub fn in_folder(folder: &Path) -> Self {
        Self::File(folder.join(FILE_NAME))
    }

    /// The keys for a database whose secrets are sealed with those that are `known`.
    pub(super) fn open(&self, known: &[String]) -> Result<Keyring> {
        let keyring = match self {
            Self::Given(text) => parse(text.expose(), "`sealing.key`")?,
            Self::File(path) => match fs::read_to_string(path) {
                Ok(text) => parse(&text, &format!("`{}`", path.display()))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound && known.is_empty() => {
                    make(path)?
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(Error::Sealed(format!(
                        "the secrets in the database are sealed with key {}, and the key file `{}` is \
                         missing: put it back from a backup or from another host, or name the key with \
                         `sealing.key`; nothing was changed",
                        list(known),
                        path.display()
                    )));
                }
                Err(error) => {
                    return Err(Error::Sealed(format!(
                        "the key file `{}` cannot be read: {error}",
                        path.display()
                    )));
                }
            },
        };
        let missing = known.iter().filter(|id| keyring.ids().all(|own| own != id.as_str()));
        let missing: Vec<String> = missing.cloned().collect();
        if missing.is_empty() { Ok(keyring) } else { Err(self.wrong(&missing, &keyring)) }
    }

    fn wrong(&self, missing: &[String], own: &Keyring) -> Error {
        let own: Vec<String> = own.ids().map(str::to_owned).collect();
        let place = match self {
            Self::Given(_) => "`sealing.key`".to_owned(),
            Self::File(path) => format!("`{}`", path.display()),
        };
        Error::Sealed(format!(
            "the secrets in the database are sealed with key {}, and {place} has only {}: add the \
             missing key there on a line of its own, below the one that shall seal from now on; \
             nothing was changed",
            list(missing),
            list(&own)
        ))
    }

    /// Puts a new key before the others, where the keys are this host's own file.
    pub(super) fn prepare_rotation(&self, now: &Keyring) -> Result<Keyring> {
        let Self::File(path) = self else { return Err(foreign()) };
        let both = now.and_newer();
        replace(path, &both)?;
        Ok(both)
    }

    /// Leaves the newest key alone, once nothing is sealed with the others.
    pub(super) fn end_rotation(&self, both: &Keyring) -> Result<()> {
        let Self::File(path) = self else { return Err(foreign()) };
        replace(path, &both.newest())
    }
}

fn foreign() -> Error {
    Error::Sealed(
        "the key is kept elsewhere: put the new one there, on a line above the old one".to_owned(),
    )
}

fn list(ids: &[String]) -> String {
    let quoted: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
    quoted.join(", ")
}

fn parse(text: &str, place: &str) -> Result<Keyring> {
    let sentence = |fault: InvalidKey| Error::Sealed(format!("{place} holds no key: {fault}"));
    Keyring::parse(text).map_err(sentence)
}

/// The first key: durable before anything is sealed with it.
fn make(path: &Path) -> Result<Keyring> {
    let keyring = Keyring::random();
    replace(path, &keyring)?;
    tracing::debug!(path = %path.display(), "a key for secrets was made: back it up with the database");
    Ok(keyring)
}

/// Writes the file whole or not at all.
fn replace(path: &Path, keyring: &Keyring) -> Result<()> {
    let write = || -> io::Result<()> {
        let draft = path.with_extension("key.new");
        // What an earlier attempt left may be readable by others.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(keyring.to_text().expose().as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| {
        Error::Sealed(format!("the key file `{}` cannot be written: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn told(result: Result<Keyring>) -> String {
        match result {
            Err(Error::Sealed(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_file_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::in_folder(folder.path());
        let made = keys.open(&[]).unwrap();
        let path = folder.path().join("sealing.key");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let again = keys.open(&[made.id().to_owned()]).unwrap();
        assert_eq!(again.id(), made.id());
    }

    #[test]
    fn a_missing_or_wrong_key_is_told_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::in_folder(folder.path());
        let path = folder.path().join("sealing.key");
        let lost = told(keys.open(&["0badcafe".to_owned()]));
        assert!(
            lost.contains("`0badcafe`") && lost.contains("put it back from a backup"),
            "{lost}"
        );
        assert!(!path.exists(), "no other key is made in its place");

        let own = keys.open(&[]).unwrap();
        let wrong = told(keys.open(&["0badcafe".to_owned()]));
        assert!(wrong.contains("`0badcafe`") && wrong.contains(own.id()), "{wrong}");
        assert!(wrong.contains("add the missing key"), "{wrong}");

        fs::write(&path, "abc").unwrap();
        let broken = told(keys.open(&[]));
        assert!(broken.contains("holds no key") && broken.contains("openssl rand"), "{broken}");
        let given = told(Keys::Given(Secret::new(String::new())).open(&[]));
        assert!(given.contains("`sealing.key` holds no key"), "{given}");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(told(keys.open(&[])).contains("cannot be read"));
    }

    #[test]
    fn the_key_of_a_key_store_is_not_rotated_here() {
        let keys = Keys::Given(Keyring::random().to_text());
        assert!(told(keys.prepare_rotation(&Keyring::random())).contains("on a line above"));
    }
}
