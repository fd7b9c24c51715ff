//! A secret that a program prints, as the tools of key stores do.

use std::{
    io::Read as _,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Longest wait for the program.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Most that is read of what it prints, in bytes.
const OUTPUT_BYTES_MAX: u64 = 64 << 10;

/// What the program prints on its standard output. The error names the program, never the output.
pub(super) fn output(words: &[String]) -> Result<String, String> {
    output_within(words, TIME_MAX)
}

fn output_within(words: &[String], limit: Duration) -> Result<String, String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(
            "`command` names no program: write it as `[\"PROGRAM\", \"ARGUMENT\"]`".to_owned()
        );
    };
    let fault = |what: &dyn std::fmt::Display| format!("the command `{program}` {what}");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child =
        command.spawn().map_err(|error| fault(&format_args!("cannot be started: {error}")))?;
    let printed = child.stdout.take().ok_or_else(|| fault(&"has no output"))?;
    let (told, output) = mpsc::channel();
    let reader = thread::Builder::new().name("secret-command".to_owned()).spawn(move || {
        let mut text = String::new();
        let read = printed.take(OUTPUT_BYTES_MAX + 1).read_to_string(&mut text);
        // Nobody waits any more after the limit.
        drop(told.send(read.map(|_bytes| text)));
    });
    reader.map_err(|error| fault(&format_args!("cannot be waited for: {error}")))?;
    let text = output.recv_timeout(limit);
    if text.is_err() {
        // It may have ended by itself just now.
        drop(child.kill());
    }
    let status =
        child.wait().map_err(|error| fault(&format_args!("cannot be waited for: {error}")))?;
    let text =
        text.map_err(|_late| fault(&format_args!("did not end within {} s", limit.as_secs())))?;
    let text = text.map_err(|_no_text| fault(&"prints what is no text"))?;
    if !status.success() {
        return Err(fault(&format_args!("failed: {status}")));
    }
    if OUTPUT_BYTES_MAX < u64::try_from(text.len()).unwrap_or(u64::MAX) {
        return Err(fault(&format_args!("prints more than {OUTPUT_BYTES_MAX} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> Result<String, String> {
        output(&["sh", "-c", script].map(str::to_owned))
    }

    #[test]
    fn a_secret_is_what_a_command_prints() {
        assert_eq!(run("echo s3cret").unwrap(), "s3cret\n");
    }

    #[test]
    fn a_command_that_fails_is_named_without_its_output() {
        let told = run("echo s3cret; exit 3").unwrap_err();
        assert!(told.contains("`sh` failed") && !told.contains("s3cret"), "{told}");
        assert!(output(&[]).unwrap_err().contains("names no program"));
        let missing = output(&["/no/such/program".to_owned()]).unwrap_err();
        assert!(missing.contains("cannot be started"), "{missing}");
        assert!(run("printf '\\377'").unwrap_err().contains("no text"));
    }

    #[test]
    fn a_command_prints_so_much_and_no_more() {
        let print = |bytes: u64| run(&format!("head -c {bytes} /dev/zero | tr '\\0' x"));
        assert_eq!(print(OUTPUT_BYTES_MAX).unwrap().len(), 64 << 10);
        assert!(print(OUTPUT_BYTES_MAX + 1).unwrap_err().contains("more than 65536 bytes"));
    }

    #[test]
    fn a_command_that_does_not_end_is_ended() {
        let words = ["sleep", "600"].map(str::to_owned);
        let told = output_within(&words, Duration::from_millis(20)).unwrap_err();
        assert!(told.contains("did not end within"), "{told}");
    }
}
