//! What comes back from a CRM, with the account's secret in it. The first line is the secret.
#![no_main]

use patchbay_floors::plugin::Scrubber;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|&byte| byte == b'\n').unwrap_or(0);
    let (secret, answer) = input.split_at(end);
    let Ok(secret) = str::from_utf8(secret) else { return };
    // Shorter ones are refused where they are set.
    if secret.trim() != secret || secret.len() < 4 {
        return;
    }
    let scrubber = Scrubber::new(secret);
    let answer = answer.strip_prefix(b"\n").unwrap_or(answer);
    let quoted = [b"{\"echo\":\"", secret.as_bytes(), b"\"}"].concat();
    let twice = [answer, secret.as_bytes(), answer].concat();
    for answer in [answer, &quoted, &twice] {
        let clean = scrubber.scrub(answer);
        // The placeholder is made of the host's own letters; a secret that is a part of it is no secret.
        let is_there =
            |text: &[u8]| text.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(
            !is_there(&clean) || is_there(scrubber.placeholder().as_bytes()) || is_joined(secret),
            "{secret:?}"
        );
    }
    assert_eq!(
        scrubber.fill(scrubber.placeholder().as_bytes(), 1 << 20).as_deref(),
        Some(secret.as_bytes())
    );
    assert_eq!(scrubber.fill(scrubber.placeholder().as_bytes(), secret.len() - 1), None);
});

/// A secret that begins or ends as a placeholder does can come about where one was put in.
fn is_joined(secret: &str) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    secret.as_bytes().first().is_some_and(is_letter)
        || secret.as_bytes().last().is_some_and(is_letter)
}
