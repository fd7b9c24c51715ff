//! LiveTex's webhooks.
#![no_main]

use channel_livetex::LiveTex;

libfuzzer_sys::fuzz_target!(|body: &[u8]| patchbay_fuzz::receive::<LiveTex>(&[], body));
