//! `vault`: work with secrets that never enter the sandbox.

use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use subtle::ConstantTimeEq as _;

use crate::{
    plugin::{
        bindings::patchbay::adapter::vault::{Digest, Host},
        error::Share,
        state::CallState,
    },
    secret::Secret,
};

impl CallState {
    /// The secret's bytes, where the account has it. A call over the limit is a trap: the contract
    /// has no error for it, and an adapter that verifies one webhook needs a handful.
    fn secret(&mut self, key: &str) -> wasmtime::Result<Option<Secret<String>>> {
        self.memory.went_on();
        if self.limits.vault_calls <= self.used.vault {
            return Err(Share::VaultCalls.into());
        }
        self.used.vault += 1;
        Ok(self.bound.as_ref().and_then(|bound| bound.door.secret(key).cloned()))
    }
}

impl Host for CallState {
    fn hmac(
        &mut self,
        secret: String,
        digest: Digest,
        message: Vec<u8>,
    ) -> wasmtime::Result<Option<Vec<u8>>> {
        let Some(secret) = self.secret(&secret)? else { return Ok(None) };
        Ok(Some(hmac(digest, secret.expose().as_bytes(), &message)))
    }

    fn hash(
        &mut self,
        secret: String,
        digest: Digest,
        before: Vec<u8>,
        after: Vec<u8>,
    ) -> wasmtime::Result<Option<Vec<u8>>> {
        let Some(secret) = self.secret(&secret)? else { return Ok(None) };
        Ok(Some(hash(digest, [&before, secret.expose().as_bytes(), &after])))
    }

    fn equals(&mut self, secret: String, candidate: Vec<u8>) -> wasmtime::Result<Option<bool>> {
        let Some(secret) = self.secret(&secret)? else { return Ok(None) };
        Ok(Some(secret.expose().as_bytes().ct_eq(&candidate).into()))
    }
}

fn hmac(digest: Digest, key: &[u8], message: &[u8]) -> Vec<u8> {
    const ANY_KEY: &str = "HMAC takes keys of any length";
    match digest {
        Digest::Sha1 => Hmac::<Sha1>::new_from_slice(key)
            .expect(ANY_KEY)
            .chain_update(message)
            .finalize()
            .into_bytes()
            .to_vec(),
        Digest::Sha256 => Hmac::<Sha256>::new_from_slice(key)
            .expect(ANY_KEY)
            .chain_update(message)
            .finalize()
            .into_bytes()
            .to_vec(),
        Digest::Sha512 => Hmac::<Sha512>::new_from_slice(key)
            .expect(ANY_KEY)
            .chain_update(message)
            .finalize()
            .into_bytes()
            .to_vec(),
    }
}

fn hash(digest: Digest, parts: [&[u8]; 3]) -> Vec<u8> {
    let [before, secret, after] = parts;
    match digest {
        Digest::Sha1 => Sha1::new()
            .chain_update(before)
            .chain_update(secret)
            .chain_update(after)
            .finalize()
            .to_vec(),
        Digest::Sha256 => Sha256::new()
            .chain_update(before)
            .chain_update(secret)
            .chain_update(after)
            .finalize()
            .to_vec(),
        Digest::Sha512 => Sha512::new()
            .chain_update(before)
            .chain_update(secret)
            .chain_update(after)
            .finalize()
            .to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    /// RFC 2202 and RFC 4231, test case 2.
    #[test]
    fn hmac_agrees_with_the_test_vectors_of_the_rfcs() {
        let (key, message): (&[u8], &[u8]) = (b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex(&hmac(Digest::Sha1, key, message)),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            hex(&hmac(Digest::Sha256, key, message)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(
            hex(&hmac(Digest::Sha512, key, message))
                .starts_with("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd6")
        );
    }

    /// FIPS 180, the digests of `abc`.
    #[test]
    fn hash_joins_its_three_parts() {
        assert_eq!(
            hex(&hash(Digest::Sha1, [b"a", b"b", b"c"])),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(
            hex(&hash(Digest::Sha256, [b"", b"abc", b""])),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(
            hex(&hash(Digest::Sha512, [b"ab", b"c", b""]))
                .starts_with("ddaf35a193617abacc417349ae204131")
        );
    }
}
