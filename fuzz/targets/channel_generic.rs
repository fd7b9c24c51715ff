//! Forms of any site, with settings that look at every corner of them.
#![no_main]

use channel_generic::Generic;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let settings = [("accept-lists", "true"), ("kind", "{{type}}"), ("episode", "{{id}}")];
    patchbay_fuzz::receive::<Generic>(&settings, body);
});
