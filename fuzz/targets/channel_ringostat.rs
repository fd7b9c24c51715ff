//! Ringostat's webhooks: JSON, forms, and queries.
#![no_main]

use channel_ringostat::Ringostat;

libfuzzer_sys::fuzz_target!(|body: &[u8]| patchbay_fuzz::receive::<Ringostat>(&[], body));
