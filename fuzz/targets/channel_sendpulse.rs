//! SendPulse's webhooks, one event or a list of them.
#![no_main]

use channel_sendpulse::SendPulse;

libfuzzer_sys::fuzz_target!(|body: &[u8]| patchbay_fuzz::receive::<SendPulse>(&[], body));
