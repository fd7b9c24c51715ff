//! Whose plugins are let in: asked at the gate, and again whenever one is loaded.

use crate::{
    account::Signature,
    config::{TrustedKey, Unsigned},
    signature::{Fault, KeyId, SignatureFile},
};

/// The keys that are trusted, and what becomes of a plugin that none of them signed.
#[derive(Debug, Clone)]
pub struct Trust {
    keys: Vec<TrustedKey>,
    unsigned: Unsigned,
}

/// Why nobody who is trusted stands for a plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    #[error(
        "it is not signed, and this host takes signed plugins alone: sign it with minisign by a key of `trust.keys` and push it with its `.minisig` beside it or by `--signature`; or let unsigned plugins in, with a warning, by `trust.unsigned = \"warn\"` or `profile = \"dev\"`"
    )]
    Unsigned,
    #[error(
        "it is signed by the key {0}, which is none of `trust.keys`: add its public key there if you trust its owner, or sign it by a key that is there; or let such plugins in, with a warning, by `trust.unsigned = \"warn\"` or `profile = \"dev\"`"
    )]
    UnknownKey(KeyId),
    /// Refused whatever is set: somebody meant it to be signed.
    #[error("{0}: sign the plugin again with minisign")]
    Malformed(Fault),
    /// Likewise.
    #[error("its key is `{name}` of `trust.keys`, but {fault}")]
    Wrong { name: String, fault: Fault },
}

impl Trust {
    pub fn new(keys: Vec<TrustedKey>, unsigned: Unsigned) -> Self {
        Self { keys, unsigned }
    }

    /// Who signed these bytes; `None` where nobody who is trusted did, and that is let pass.
    pub(super) fn judge(
        &self,
        bytes: &[u8],
        signature: Option<&str>,
    ) -> Result<Option<Signature>, Untrusted> {
        let Some(text) = signature else { return self.pass(Untrusted::Unsigned) };
        let file = SignatureFile::parse(text).map_err(Untrusted::Malformed)?;
        let by = file.key_id();
        let Some(trusted) = self.keys.iter().find(|trusted| trusted.key.id() == by) else {
            return self.pass(Untrusted::UnknownKey(by));
        };
        let wrong = |fault| Untrusted::Wrong { name: trusted.name.clone(), fault };
        let comment = file.verify(bytes, &trusted.key).map_err(wrong)?.to_owned();
        let (key, key_id) = (trusted.name.clone(), by.to_string());
        Ok(Some(Signature { key, key_id, comment, file: text.to_owned() }))
    }

    /// Refuses, or lets pass with nobody's name.
    fn pass(&self, why: Untrusted) -> Result<Option<Signature>, Untrusted> {
        match self.unsigned {
            Unsigned::Refuse => Err(why),
            Unsigned::Warn => Ok(None),
        }
    }

    /// Why a plugin would be refused that was taken in before, as far as its record tells.
    pub(super) fn objection(&self, signature: Option<&Signature>) -> Option<Untrusted> {
        let why = match signature.map(|signature| SignatureFile::parse(&signature.file)) {
            None => Untrusted::Unsigned,
            Some(Err(fault)) => return Some(Untrusted::Malformed(fault)),
            Some(Ok(file)) => {
                let by = file.key_id();
                if self.keys.iter().any(|trusted| trusted.key.id() == by) {
                    return None;
                }
                Untrusted::UnknownKey(by)
            }
        };
        self.pass(why).err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::PublicKey;

    const BYTES: &[u8] = include_bytes!("../../../tests/fixtures/signatures/plugin.bin");
    const SIGNATURE: &str = include_str!("../../../tests/fixtures/signatures/plugin.minisig");
    const OTHER: &str = include_str!("../../../tests/fixtures/signatures/other.minisig");
    const LEGACY: &str = include_str!("../../../tests/fixtures/signatures/legacy.minisig");

    fn trust(unsigned: Unsigned) -> Trust {
        let key = include_str!("../../../tests/fixtures/signatures/first.pub");
        let key = PublicKey::parse(key).unwrap();
        Trust::new(vec![TrustedKey { name: "example".to_owned(), key }], unsigned)
    }

    #[test]
    fn a_plugin_of_a_trusted_key_is_let_in_by_its_name() {
        for unsigned in [Unsigned::Refuse, Unsigned::Warn] {
            let trust = trust(unsigned);
            let signature = trust.judge(BYTES, Some(SIGNATURE)).unwrap().unwrap();
            assert_eq!((signature.key.as_str(), signature.file.as_str()), ("example", SIGNATURE));
            assert_eq!(signature.comment, "adapter of the Example Adapters, release 7");
            assert_eq!(trust.objection(Some(&signature)), None);
        }
    }

    #[test]
    fn a_plugin_that_nobody_trusted_signed_is_refused_or_let_pass_as_it_is_set() {
        let by_key = "or let such plugins in, with a warning, by `trust.unsigned = \"warn\"` or `profile = \"dev\"`";
        let stranger = format!(
            "it is signed by the key E2FFF45027331FF7, which is none of `trust.keys`: add its public key there if you trust its owner, or sign it by a key that is there; {by_key}"
        );
        let unsigned = format!(
            "it is not signed, and this host takes signed plugins alone: sign it with minisign by a key of `trust.keys` and push it with its `.minisig` beside it or by `--signature`; {}",
            by_key.replace("such", "unsigned")
        );
        for (signature, told) in [(None, unsigned), (Some(OTHER), stranger)] {
            let refused = trust(Unsigned::Refuse).judge(BYTES, signature).unwrap_err();
            assert_eq!(refused.to_string(), told);
            assert_eq!(trust(Unsigned::Warn).judge(BYTES, signature), Ok(None));
        }
    }

    #[test]
    fn a_signature_that_does_not_fit_is_refused_also_where_none_is_needed() {
        for unsigned in [Unsigned::Refuse, Unsigned::Warn] {
            let told =
                |bytes, file| trust(unsigned).judge(bytes, Some(file)).unwrap_err().to_string();
            assert_eq!(
                told(b"changed".as_slice(), SIGNATURE),
                "its key is `example` of `trust.keys`, but the signature does not fit: the bytes, the signature or its trusted comment are not what was signed: sign exactly these bytes again, or take those that were signed"
            );
            assert!(told(BYTES, LEGACY).contains("but the signature is of minisign's legacy kind"));
            let nonsense = told(BYTES, "nonsense");
            assert!(nonsense.starts_with("the signature is not in the format"), "{nonsense}");
            assert!(nonsense.ends_with(": sign the plugin again with minisign"), "{nonsense}");
        }
    }

    #[test]
    fn a_record_is_objected_to_when_its_key_is_trusted_no_more() {
        let signature = trust(Unsigned::Refuse).judge(BYTES, Some(SIGNATURE)).unwrap();
        let nobody = |unsigned| Trust::new(Vec::new(), unsigned);
        let told = nobody(Unsigned::Refuse).objection(signature.as_ref()).unwrap().to_string();
        let key = "it is signed by the key EA72EC623A731B06, which is none of `trust.keys`: ";
        assert!(told.starts_with(key), "{told}");
        assert_eq!(nobody(Unsigned::Refuse).objection(None), Some(Untrusted::Unsigned));
        assert_eq!(nobody(Unsigned::Warn).objection(signature.as_ref()), None);
        assert_eq!(nobody(Unsigned::Warn).objection(None), None);
    }
}
