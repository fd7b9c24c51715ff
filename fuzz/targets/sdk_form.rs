//! Forms, query strings and content types.
#![no_main]

use patchbay_sdk::form::{self, Charset};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for content_type in [None, Some(input), Some(b"multipart/form-data; boundary=b".as_slice())] {
        form::shape(content_type, input);
        Charset::told(content_type);
    }
    let text = String::from_utf8_lossy(input);
    if let Some(value) = form::parameter(&text, "boundary") {
        assert!(!value.is_empty());
    }
    for charset in [None, Some(Charset::guess(&[input]))] {
        let Ok(mut pairs) = form::pairs(input, charset) else { continue };
        let json = form::json(&pairs);
        let read: serde_json::Value = serde_json::from_str(&json).expect("a form is made JSON");
        assert!(read.is_object(), "{json}");
        let before = pairs.clone();
        form::add_missing(&mut pairs, &before);
        assert_eq!(pairs, before, "nothing is missing in itself");
    }
});
