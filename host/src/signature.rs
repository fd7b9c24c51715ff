//! Signatures over exact bytes, in the format of minisign: Ed25519 over their `BLAKE2b` digest.

use std::{fmt, fs, io, path::Path};

use minisign_verify::Error as VerifyError;
use serde::Deserialize;

use crate::base64;

/// Largest signature file that is read, in bytes.
pub const BYTES_MAX: usize = 4096;

/// Letters that say what was signed: a key and a legacy signature begin with these.
const ED25519: &[u8] = b"Ed";
const COMMENT: &str = "trusted comment: ";

/// What names a key, as minisign prints it: `EA72EC623A731B06`. Anybody may choose it: only a
/// signature that fits tells who made it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; 8]);

/// The public key of somebody who signs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PublicKey {
    id: KeyId,
    key: minisign_verify::PublicKey,
}

/// A signature as it came, not verified yet.
pub struct SignatureFile {
    key_id: KeyId,
    signature: minisign_verify::Signature,
}

/// Why a signature says nothing of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the signature is not in the format of minisign: {0}")]
    Malformed(String),
    #[error(
        "the signature is of minisign's legacy kind: sign again with minisign 0.10 or newer, or with the option `-H` of an older one"
    )]
    Legacy,
    #[error(
        "the signature does not fit: the bytes, the signature or its trusted comment are not what was signed: sign exactly these bytes again, or take those that were signed"
    )]
    Wrong,
}

impl PublicKey {
    /// The key from minisign's line of base64, or from its file of two lines.
    pub fn parse(text: &str) -> Result<Self, String> {
        let line = text.trim().lines().next_back().unwrap_or_default().trim();
        let wrong = || "this is no public key of minisign: it begins with `RW` and has 56 letters";
        let bytes: [u8; 42] = exact(line).ok_or_else(wrong)?;
        let [e, d, id @ .., _, _, _, _] = &bytes;
        let id = id.first_chunk().filter(|_| [*e, *d] == ED25519).ok_or_else(wrong)?;
        let key = minisign_verify::PublicKey::from_base64(line).map_err(|_refused| wrong())?;
        Ok(Self { id: KeyId(*id), key })
    }

    pub fn id(&self) -> KeyId {
        self.id
    }
}

impl TryFrom<String> for PublicKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl SignatureFile {
    /// Reads the four lines. Nothing of them may be believed before [`verify`](Self::verify).
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let malformed = |what: &str| Fault::Malformed(what.to_owned());
        if BYTES_MAX < text.len() {
            let what = format!("it has {} bytes, at most {BYTES_MAX} are read", text.len());
            return Err(Fault::Malformed(what));
        }
        let lines: Vec<&str> = text.trim_end_matches(['\r', '\n']).lines().collect();
        let [_untrusted, signature, comment, global] = lines.as_slice() else {
            return Err(malformed("it has not four lines"));
        };
        let bytes: [u8; 74] =
            exact(signature).ok_or_else(|| malformed("its second line is no signature"))?;
        if exact::<64>(global).is_none() {
            return Err(malformed("its fourth line is no signature"));
        }
        let comment = comment.strip_prefix(COMMENT);
        let comment = comment.ok_or_else(|| malformed("its third line is no trusted comment"))?;
        if comment.chars().any(|letter| letter.is_control() && letter != '\t') {
            return Err(malformed("its trusted comment has letters that cannot be shown"));
        }
        let [_, _, id @ ..] = &bytes;
        let key_id = id.first_chunk().map(|id| KeyId(*id));
        let signature = minisign_verify::Signature::decode(text).map_err(|error| match error {
            VerifyError::UnsupportedAlgorithm => malformed("it is of no kind that minisign makes"),
            error => Fault::Malformed(error.to_string()),
        });
        Ok(Self { key_id: key_id.ok_or(Fault::Wrong)?, signature: signature? })
    }

    /// Which key to ask. It may lie.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The trusted comment, where the key signed exactly these bytes and this comment.
    pub fn verify(&self, bytes: &[u8], key: &PublicKey) -> Result<&str, Fault> {
        match key.key.verify(bytes, &self.signature, false) {
            Ok(()) => Ok(self.signature.trusted_comment()),
            Err(VerifyError::UnexpectedAlgorithm) => Err(Fault::Legacy),
            Err(_) => Err(Fault::Wrong),
        }
    }
}

/// The text of the file that minisign leaves beside what it signs; `None` where there is none.
pub fn beside(path: &Path) -> io::Result<Option<String>> {
    let mut name = path.as_os_str().to_owned();
    name.push(".minisig");
    match fs::read_to_string(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// So many bytes from base64 in the one way to write them.
fn exact<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = base64::decode(text).filter(|bytes| base64::encode(bytes) == text)?;
    bytes.try_into().ok()
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SignatureFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureFile").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    macro_rules! fixture {
        ($file:literal) => {
            include_str!(concat!("../../tests/fixtures/signatures/", $file))
        };
    }

    const BYTES: &str = fixture!("plugin.bin");
    const SIGNATURE: &str = fixture!("plugin.minisig");
    const COMMENT: &str = "adapter of the Example Adapters, release 7";

    fn first() -> PublicKey {
        PublicKey::parse(fixture!("first.pub")).unwrap()
    }

    fn other() -> PublicKey {
        PublicKey::parse(fixture!("other.pub")).unwrap()
    }

    fn verified(bytes: &[u8], file: &str, key: &PublicKey) -> Result<String, Fault> {
        SignatureFile::parse(file)?.verify(bytes, key).map(ToOwned::to_owned)
    }

    fn line(file: &str, at: usize) -> &str {
        file.lines().nth(at).unwrap()
    }

    #[test]
    fn what_minisign_signed_is_verified_with_its_comment() {
        let file = SignatureFile::parse(SIGNATURE).unwrap();
        assert_eq!(file.key_id().to_string(), "EA72EC623A731B06", "as minisign prints it");
        assert_eq!(first().id(), file.key_id());
        assert_eq!(verified(BYTES.as_bytes(), SIGNATURE, &first()).as_deref(), Ok(COMMENT));
        let windows = SIGNATURE.replace('\n', "\r\n");
        assert_eq!(verified(BYTES.as_bytes(), &windows, &first()).as_deref(), Ok(COMMENT));
        let lone = PublicKey::parse(line(fixture!("first.pub"), 1)).unwrap();
        assert_eq!(lone, first(), "the line alone is enough");
    }

    #[test]
    fn the_signature_of_another_key_does_not_fit() {
        let theirs = fixture!("other.minisig");
        assert_eq!(verified(BYTES.as_bytes(), theirs, &other()).as_deref(), Ok("who is this"));
        assert_eq!(verified(BYTES.as_bytes(), theirs, &first()), Err(Fault::Wrong));
        // Their signature under our key's id.
        let mut bytes = base64::decode(line(theirs, 1)).unwrap();
        bytes[2..10].copy_from_slice(&first().id().0);
        let forged = theirs.replace(line(theirs, 1), &base64::encode(&bytes));
        assert_eq!(SignatureFile::parse(&forged).unwrap().key_id(), first().id());
        assert_eq!(verified(BYTES.as_bytes(), &forged, &first()), Err(Fault::Wrong));
    }

    #[test]
    fn a_comment_is_shown_only_where_both_signatures_hold() {
        let borrowed = SIGNATURE.replace(line(SIGNATURE, 3), line(fixture!("other.minisig"), 3));
        assert_eq!(verified(BYTES.as_bytes(), &borrowed, &first()), Err(Fault::Wrong));
        let said = SIGNATURE.replace("release 7", "release 8");
        assert_eq!(verified(BYTES.as_bytes(), &said, &first()), Err(Fault::Wrong));
        let longer = format!("{BYTES}\n");
        assert_eq!(verified(longer.as_bytes(), SIGNATURE, &first()), Err(Fault::Wrong));
        assert_eq!(verified(b"", SIGNATURE, &first()), Err(Fault::Wrong));
    }

    #[test]
    fn a_legacy_signature_is_told_how_to_become_a_new_one() {
        let refused = verified(BYTES.as_bytes(), fixture!("legacy.minisig"), &first());
        assert_eq!(refused, Err(Fault::Legacy));
    }

    #[track_caller]
    fn malformed(file: &str, expected: &str) {
        let fault = SignatureFile::parse(file).unwrap_err();
        let expected = format!("the signature is not in the format of minisign: {expected}");
        assert_eq!(fault.to_string(), expected);
    }

    #[test]
    fn what_is_no_signature_is_told_apart() {
        malformed("", "it has not four lines");
        malformed(fixture!("first.pub"), "it has not four lines");
        malformed(&format!("{SIGNATURE}more"), "it has not four lines");
        malformed(&SIGNATURE.replace("RUQG", "RUQ"), "its second line is no signature");
        malformed(&SIGNATURE.replace("RUQG", "RVQG"), "it is of no kind that minisign makes");
        malformed(&SIGNATURE.replace("BQ==", "BQ"), "its fourth line is no signature");
        malformed(&SIGNATURE.replace("BQ==", "BR=="), "its fourth line is no signature");
        malformed(&SIGNATURE.replace("trusted", "timely"), "its third line is no trusted comment");
        let hidden = SIGNATURE.replace("release 7", "release \u{1b}[2J7");
        malformed(&hidden, "its trusted comment has letters that cannot be shown");
    }

    #[test]
    fn a_signature_file_is_read_up_to_its_limit() {
        let room = BYTES_MAX - SIGNATURE.len();
        let padded = |more: usize| format!("{}{SIGNATURE}", " ".repeat(more));
        assert!(SignatureFile::parse(&padded(room)).is_ok());
        malformed(&padded(room + 1), "it has 4097 bytes, at most 4096 are read");
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        for wrong in ["", "RWQ", SIGNATURE, "untrusted comment: minisign public key", "жж"] {
            assert!(PublicKey::parse(wrong).is_err(), "{wrong}");
        }
        let other_kind = line(fixture!("first.pub"), 1).replace("RWQ", "RUQ");
        assert!(PublicKey::parse(&other_kind).is_err());
    }

    proptest! {
        #[test]
        fn any_changed_byte_of_the_plugin_is_seen(at in 0..BYTES.len(), bit in 0..8_u32) {
            let mut bytes = BYTES.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(verified(&bytes, SIGNATURE, &first()), Err(Fault::Wrong));
        }

        #[test]
        fn any_changed_byte_of_the_signature_or_its_comment_is_seen(
            at in line(SIGNATURE, 0).len() + 1..SIGNATURE.len() - 1,
            byte in any::<u8>(),
        ) {
            let mut file = SIGNATURE.as_bytes().to_vec();
            prop_assume!(file[at] != byte);
            file[at] = byte;
            let key = first();
            let seen = match std::str::from_utf8(&file) {
                // The host never reads it as text.
                Err(_) => true,
                Ok(file) => match SignatureFile::parse(file) {
                    Err(_) => true,
                    Ok(read) => read.key_id() != key.id() || read.verify(BYTES.as_bytes(), &key).is_err(),
                },
            };
            prop_assert!(seen, "{}", String::from_utf8_lossy(&file));
        }

        #[test]
        fn no_text_at_all_makes_it_panic(text in "(.|\n){0,400}") {
            let _told = SignatureFile::parse(&text).is_ok() || PublicKey::parse(&text).is_ok();
        }
    }
}
