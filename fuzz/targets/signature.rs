//! Signatures and public keys in minisign's format: what an upload brings along, what lies beside a
//! plugin, and what the configuration trusts.
#![no_main]

use patchbay_floors::signature::{BYTES_MAX, Fault, PublicKey, SignatureFile};

const BYTES: &[u8] = include_bytes!("../../tests/fixtures/signatures/plugin.bin");
const SIGNED: &str = include_str!("../../tests/fixtures/signatures/plugin.minisig");
const KEY: &str = include_str!("../../tests/fixtures/signatures/first.pub");

libfuzzer_sys::fuzz_target!(|text: &str| {
    let key = PublicKey::parse(KEY).expect("minisign made it");
    if let Ok(own) = PublicKey::parse(text) {
        let line = text.trim().lines().next_back().unwrap_or_default();
        assert_eq!(PublicKey::parse(line).as_ref(), Ok(&own), "the line alone is enough");
        assert_eq!(own.id().to_string().len(), 16);
        if own.id() == key.id() && own != key {
            // Anybody may choose an id.
            assert_eq!(verified(SIGNED, BYTES, &own), Err(Fault::Wrong));
        }
    }
    match SignatureFile::parse(text) {
        Ok(file) => {
            assert!(text.len() <= BYTES_MAX);
            assert_eq!(file.key_id().to_string().len(), 16);
            // Nobody here has the key's secret half: what fits is the one signature that was made.
            if let Ok(comment) = file.verify(BYTES, &key) {
                assert_eq!(comment, "adapter of the Example Adapters, release 7");
                assert_eq!(file.key_id(), key.id());
            }
            assert!(file.verify(b"something else", &key).is_err());
            let windows = text.replace("\r\n", "\n").replace('\n', "\r\n");
            if windows.len() <= BYTES_MAX {
                let same = SignatureFile::parse(&windows).map(|it| it.key_id());
                assert_eq!(same, Ok(file.key_id()), "lines end in either way");
            }
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
});

fn verified(file: &str, bytes: &[u8], key: &PublicKey) -> Result<String, Fault> {
    SignatureFile::parse(file)?.verify(bytes, key).map(str::to_owned)
}
