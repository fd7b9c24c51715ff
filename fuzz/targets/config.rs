//! The configuration file. Nothing that it names is read or run.
#![no_main]

use patchbay_floors::config::Config;

libfuzzer_sys::fuzz_target!(|text: &str| match Config::parse(text) {
    Ok(config) => {
        let longest_call = std::time::Duration::from_millis(config.limits.wall_ms.get().into());
        assert!(longest_call < config.lease());
        assert!(!config.base_url().ends_with('/'));
    }
    Err(faults) => {
        assert!(!faults.is_empty());
        let lines = text.lines().count().max(1);
        for fault in faults {
            // A fault at the end of the file stands on the line after the last one.
            assert!(fault.line <= lines + 1, "{fault}");
        }
    }
});
