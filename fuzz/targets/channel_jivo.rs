//! Jivo's webhooks.
#![no_main]

use channel_jivo::Jivo;

libfuzzer_sys::fuzz_target!(|body: &[u8]| patchbay_fuzz::receive::<Jivo>(&[], body));
