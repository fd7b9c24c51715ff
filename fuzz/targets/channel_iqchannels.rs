//! IQChannels' webhooks, searches and tokens.
#![no_main]

use channel_iqchannels::IqChannels;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    patchbay_fuzz::receive::<IqChannels>(&[("secret-word-channels", "telegram")], body);
});
