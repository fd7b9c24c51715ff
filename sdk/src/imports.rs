//! The way to the host: the bindings in a component, the fake host of the test kit natively.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::imports::patchbay::adapter::{
    http::fetch,
    kv::{commit, get as kv_get, keys},
    log::write,
    settings::get as setting,
    vault::{equals, hash, hmac},
};

#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub(crate) use crate::testing::host::{
    commit, equals, fetch, hash, hmac, keys, kv_get, setting, write,
};

#[cfg(all(not(feature = "testing"), not(target_arch = "wasm32")))]
pub(crate) use nowhere::{commit, equals, fetch, hash, hmac, keys, kv_get, setting, write};

/// Natively and without the test kit there is no host.
#[cfg(all(not(feature = "testing"), not(target_arch = "wasm32")))]
mod nowhere {
    use crate::bindings::imports::patchbay::adapter::{http, kv, log, vault};

    #[expect(clippy::panic, reason = "no answer would be true; the author has to see it at once")]
    fn nobody() -> ! {
        panic!("imports exist only in a component or under `testing::Host` (feature `testing`)")
    }

    pub(crate) fn fetch(_request: &http::Request) -> Result<http::Response, http::Error> {
        nobody()
    }

    pub(crate) fn kv_get(_key: &str) -> Result<Option<Vec<u8>>, kv::Error> {
        nobody()
    }

    pub(crate) fn commit(_changes: &[kv::Change]) -> Result<(), kv::Error> {
        nobody()
    }

    pub(crate) fn keys(
        _prefix: &str,
        _after: Option<&str>,
        _limit: u32,
    ) -> Result<Vec<String>, kv::Error> {
        nobody()
    }

    pub(crate) fn setting(_key: &str) -> Option<String> {
        nobody()
    }

    pub(crate) fn hmac(_secret: &str, _digest: vault::Digest, _message: &[u8]) -> Option<Vec<u8>> {
        nobody()
    }

    pub(crate) fn hash(
        _secret: &str,
        _digest: vault::Digest,
        _before: &[u8],
        _after: &[u8],
    ) -> Option<Vec<u8>> {
        nobody()
    }

    pub(crate) fn equals(_secret: &str, _candidate: &[u8]) -> Option<bool> {
        nobody()
    }

    pub(crate) fn write(_level: log::Level, _message: &str) {
        nobody()
    }
}
