//! `multipart/form-data`, as the adapter for forms reads it; the first line is the boundary.
#![no_main]

use channel_generic::Generic;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|&byte| byte == b'\n').unwrap_or(0);
    let (boundary, body) = input.split_at(end);
    let content_type = [b"multipart/form-data; boundary=", boundary].concat();
    let request =
        patchbay_fuzz::request("POST", "", &content_type, body.strip_prefix(b"\n").unwrap_or(body));
    patchbay_fuzz::receive_one::<Generic>(&[("accept-lists", "true")], request);
});
