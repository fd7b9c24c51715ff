//! A real browser: what a page has become in it.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The names of Chromium on the systems that it comes with.
const BROWSERS: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome-headless-shell",
];

/// The document after half a minute of the browser's own time, which pass as fast as it can work.
pub(crate) fn browse(url: &str) -> String {
    let profile = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(url.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    let output = Command::new(browser())
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-popup-blocking",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(["--virtual-time-budget=30000", "--dump-dom", url])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A process of the browser may be at work in it still.
    drop(fs::remove_dir_all(profile));
    String::from_utf8(output.stdout).unwrap()
}

fn browser() -> &'static str {
    let is_there = |name: &&&str| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    BROWSERS.iter().find(is_there).unwrap_or_else(|| {
        panic!("there is no Chromium: run `apt-get install chromium-headless-shell`, or put one of {BROWSERS:?} into PATH")
    })
}
