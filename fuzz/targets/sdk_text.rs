//! Moments, phone numbers and what is shown of a card.
#![no_main]

use patchbay_sdk::{instant, phone, shown};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some(moment) = instant::read(text) {
        assert!(instant::to_unix(&moment).is_some(), "{moment}");
        assert_eq!(instant::read(&moment).as_deref(), Some(moment.as_str()));
    }
    if let Some(local) = instant::local(text) {
        instant::from_unix(local);
        for offset in [-12 * 60, 0, 330] {
            if let Some(moment) = instant::with_offset(local, offset) {
                assert_eq!(
                    instant::to_unix(&moment),
                    Some(local - i64::from(offset) * 60),
                    "{moment}"
                );
            }
        }
    }
    instant::to_unix(text);
    instant::offset(text);
    if let Some(moment) = instant::unix_ms(text).and_then(instant::from_unix_ms) {
        assert!(instant::to_unix(&moment).is_some(), "{moment}");
    }
    if phone::searched(text).is_some() {
        assert!(phone::matches(text, text, None), "a number is its own");
    }
    let (one, other) = text.split_once('\n').unwrap_or((text, "+380671234567"));
    phone::matches(one, other, None);
    phone::matches(one, other, Some(one));
    if let Some(line) = shown::line(text) {
        assert!(!line.contains(char::is_control) && line.chars().count() <= shown::LINE_CHARS_MAX);
    }
    if let Some(url) = shown::url(text) {
        assert!(url.len() <= shown::URL_BYTES_MAX);
    }
});
