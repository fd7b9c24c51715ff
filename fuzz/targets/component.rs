//! The bytes of a component, before it is compiled.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(refusal) = patchbay_floors::plugin::outline(bytes) {
        assert!(!refusal.is_empty());
    }
});
