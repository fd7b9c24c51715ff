//! Phone numbers, by the host's phone standard.
#![no_main]

use patchbay_floors::{
    account::PhoneRule,
    rules::phone::{self, Standard},
};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for country in [None, Some("UA"), Some("KZ"), Some("US")] {
        let rule = PhoneRule { country: country.map(str::to_owned), digits: None };
        let standard = Standard::compile(&rule).expect("the country is known");
        let Some(number) = standard.e164(text) else { continue };
        let digits = number.strip_prefix('+').expect("E.164 begins with a plus");
        assert!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()), "{number}");
        assert!(standard.is_same(text, text));
        assert_eq!(standard.e164(&number).as_deref(), Some(number.as_str()));
    }
    phone::e164(text);
    phone::digits(text);
});
