//! Secrets at rest: sealed with a key that does not stand where they stand.

use std::{fmt, str};

use hmac::{Hmac, Mac as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;

use crate::{base64, secret::Secret};

/// What every sealed text begins with; the id of its key follows, then what is sealed in base64.
const PREFIX: &str = "sealed:";

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// The keys of a host: the first one seals, all of them open.
pub struct Keyring {
    newest: Key,
    older: Vec<Key>,
}

struct Key {
    id: String,
    aead: LessSafeKey,
    text: Secret<String>,
}

/// Why a text holds no keys. The texts hold nothing of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    #[error("it is empty: make a key with `openssl rand -hex 32`")]
    Empty,
    #[error("key {0} of it is not 32 bytes in hex or base64: make one with `openssl rand -hex 32`")]
    Length(usize),
}

/// Why a sealed text cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    #[error("it is sealed with key `{0}`, which this host does not have")]
    OtherKey(String),
    #[error("it was changed, or belongs elsewhere: key `{0}` does not open it")]
    Changed(String),
}

impl Keyring {
    /// Keys one below the other, the newest first; each is 32 bytes in hex or base64.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let mut keys = Vec::new();
        for (index, word) in text.split_whitespace().enumerate() {
            keys.push(Key::parse(word).ok_or(InvalidKey::Length(index + 1))?);
        }
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or(InvalidKey::Empty)?;
        Ok(Self { newest, older: keys.collect() })
    }

    /// One new key.
    pub fn random() -> Self {
        Self { newest: Key::of(random::<KEY_BYTES>()), older: Vec::new() }
    }

    /// A new key, and the ones there are to open what they have sealed.
    #[must_use]
    pub fn and_newer(&self) -> Self {
        let older = [&self.newest].into_iter().chain(&self.older).map(Key::again).collect();
        Self { newest: Self::random().newest, older }
    }

    /// The newest key alone.
    #[must_use]
    pub fn newest(&self) -> Self {
        Self { newest: self.newest.again(), older: Vec::new() }
    }

    /// The keys as [`Keyring::parse`] reads them.
    pub fn to_text(&self) -> Secret<String> {
        let lines = self.keys().map(|key| format!("{}\n", key.text.expose()));
        Secret::new(lines.collect())
    }

    /// What the newest key is called. It tells nothing of the key.
    pub fn id(&self) -> &str {
        &self.newest.id
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys().map(|key| key.id.as_str())
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    /// Seals a value for one place: it cannot be opened as that of another one.
    pub fn seal(&self, place: &[&str], value: &Secret<String>) -> String {
        let nonce = random::<NONCE_LEN>();
        let mut sealed = value.expose().clone().into_bytes();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.newest
            .aead
            .seal_in_place_append_tag(unique, associated(place), &mut sealed)
            .expect("a value is far below the 64 GiB that one nonce seals");
        let whole = [nonce.as_slice(), &sealed].concat();
        format!("{PREFIX}{}:{}", self.newest.id, base64::unpadded(&whole, base64::FOR_URLS))
    }

    /// Opens what was sealed for this place.
    pub fn open(&self, place: &[&str], text: &str) -> Result<Secret<String>, NotOpened> {
        let changed = |id: &str| NotOpened::Changed(id.to_owned());
        let (id, sealed) = parts(text).ok_or_else(|| changed("none"))?;
        let key = self.keys().find(|key| key.id == id);
        let key = key.ok_or_else(|| NotOpened::OtherKey(id.to_owned()))?;
        let whole = base64::decode(sealed).ok_or_else(|| changed(id))?;
        let (nonce, sealed) = whole.split_first_chunk::<NONCE_LEN>().ok_or_else(|| changed(id))?;
        let (nonce, mut sealed) = (Nonce::assume_unique_for_key(*nonce), sealed.to_vec());
        let opened = key.aead.open_in_place(nonce, associated(place), &mut sealed);
        let opened = opened.map_err(|_unspecified| changed(id))?;
        let text = str::from_utf8(opened).map_err(|_no_text| changed(id))?;
        Ok(Secret::new(text.to_owned()))
    }

    /// Whether the newest key has sealed it.
    pub fn is_current(&self, text: &str) -> bool {
        parts(text).is_some_and(|(id, _)| id == self.newest.id)
    }
}

/// Whether a text says of itself that it is sealed.
pub fn is_sealed(text: &str) -> bool {
    parts(text).is_some()
}

/// The id of the key, and what it has sealed.
fn parts(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix(PREFIX)?.split_once(':')
}

/// Each part with its length, so that no two places look the same.
fn associated(place: &[&str]) -> Aad<Vec<u8>> {
    let part = |part: &&str| {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes();
        [length.as_slice(), part.as_bytes()].concat()
    };
    Aad::from(place.iter().flat_map(part).collect())
}

impl Key {
    fn parse(word: &str) -> Option<Self> {
        let hex = (word.len() == 2 * KEY_BYTES).then(|| unhex(word)).flatten();
        let bytes = hex.or_else(|| base64::decode(word))?;
        bytes.try_into().ok().map(Self::of)
    }

    fn of(bytes: [u8; KEY_BYTES]) -> Self {
        let unbound = UnboundKey::new(&AES_256_GCM, &bytes).expect("the length is that of a key");
        let mut name = Hmac::<Sha256>::new_from_slice(&bytes).expect("HMAC takes any key");
        name.update(b"patchbay: the name of a sealing key");
        let id = hex(&name.finalize().into_bytes()).chars().take(8).collect();
        Self { id, aead: LessSafeKey::new(unbound), text: Secret::new(hex(&bytes)) }
    }

    fn again(&self) -> Self {
        Self { id: self.id.clone(), aead: self.aead.clone(), text: self.text.clone() }
    }
}

fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = text.as_bytes().chunks(2).map(str::from_utf8);
    let byte = |digits: Result<&str, str::Utf8Error>| u8::from_str_radix(digits.ok()?, 16).ok();
    digits.map(byte).collect::<Option<_>>().filter(|_| is_hex)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: [&str; 2] = ["crm", "api-key"];

    fn value() -> Secret<String> {
        Secret::new("s3cret-of-the-shop".to_owned())
    }

    #[test]
    fn what_is_sealed_is_opened_in_its_place_alone() {
        let keys = Keyring::random();
        let sealed = keys.seal(&PLACE, &value());
        assert!(is_sealed(&sealed) && keys.is_current(&sealed) && !sealed.contains("s3cret"));
        assert_eq!(keys.open(&PLACE, &sealed).unwrap().expose(), value().expose());
        for other in [["crm", "api"], ["crma", "pi-key"], ["other", "api-key"], ["", "crmapi-key"]]
        {
            let refused = keys.open(&other, &sealed).map(drop);
            assert!(matches!(refused, Err(NotOpened::Changed(_))), "{other:?}");
        }
        assert_ne!(sealed, keys.seal(&PLACE, &value()), "a nonce is used once");
    }

    #[test]
    fn a_sealed_text_that_was_changed_is_not_opened() {
        let keys = Keyring::random();
        let sealed = keys.seal(&PLACE, &value());
        for at in "sealed:".len()..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // The last letter has bits that mean nothing.
            let is_same = base64::decode(changed.rsplit(':').next().unwrap())
                == base64::decode(sealed.rsplit(':').next().unwrap())
                && changed.rsplit_once(':').unwrap().0 == sealed.rsplit_once(':').unwrap().0;
            assert_eq!(keys.open(&PLACE, &changed).is_ok(), is_same, "{at}");
        }
        for bad in ["", "sealed:", "sealed::", "plain", sealed.split_at(sealed.len() - 3).0] {
            assert!(keys.open(&PLACE, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_older_key_opens_and_the_newest_seals() {
        let old = Keyring::random();
        let sealed = old.seal(&PLACE, &value());
        let both = old.and_newer();
        assert_eq!(both.ids().count(), 2);
        assert_eq!(both.open(&PLACE, &sealed).unwrap().expose(), value().expose());
        assert!(!both.is_current(&sealed));
        let sealed = both.seal(&PLACE, &value());
        let told = old.open(&PLACE, &sealed).map(drop).unwrap_err();
        assert_eq!(told, NotOpened::OtherKey(both.id().to_owned()));
        let read = Keyring::parse(both.to_text().expose()).unwrap();
        assert_eq!(read.ids().collect::<Vec<_>>(), both.ids().collect::<Vec<_>>());
        assert!(both.newest().open(&PLACE, &sealed).is_ok());
    }

    #[test]
    fn a_key_is_32_bytes_in_hex_or_base64() {
        let bytes = [7; 32];
        let (hex, base64) = (hex(&bytes), base64::encode(&bytes));
        let id = |text: &str| Keyring::parse(text).map(|keys| keys.id().to_owned());
        assert_eq!(id(&hex), id(&base64));
        assert_eq!(id(&hex.to_uppercase()), id(&format!("  {}\n", base64.trim_end_matches('='))));
        assert_eq!(id(""), Err(InvalidKey::Empty));
        assert_eq!(id(hex.split_at(2).1), Err(InvalidKey::Length(1)));
        assert_eq!(id(&format!("{hex}\n{hex}00")), Err(InvalidKey::Length(2)));
        assert_eq!(id(&hex.replace('7', "x")), Err(InvalidKey::Length(1)));
    }

    #[test]
    fn nothing_prints_a_key() {
        let keys = Keyring::parse(&hex(&[0xab; 32])).unwrap();
        let told = format!("{keys:?}");
        assert!(told.contains(keys.id()) && !told.contains("abab"), "{told}");
    }
}
