//! The lines one call writes: `log`, standard output and standard error, under one cap.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{bind::Bound, bindings::patchbay::adapter::log::Level};

/// Collects and caps the lines of one call. Cheap to clone: `log`, output and error share it.
#[derive(Debug, Clone)]
pub(super) struct Lines(Arc<Mutex<State>>);

/// Which of the guest's streams a piece of text came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Output,
    Error,
}

#[derive(Debug)]
struct State {
    plugin: String,
    /// `None` while a plugin is admitted: there is no account yet, and no secret to scrub.
    bound: Option<Arc<Bound>>,
    lines_left: u32,
    line_bytes_max: usize,
    dropped: u64,
    output: Vec<u8>,
    error: Vec<u8>,
    panic: Option<String>,
    /// The line that says where it panicked was seen; the next one says why.
    awaits_reason: bool,
}

impl Lines {
    pub(super) fn new(
        plugin: &str,
        bound: Option<Arc<Bound>>,
        lines_max: u32,
        line_bytes_max: usize,
    ) -> Self {
        Self(Arc::new(Mutex::new(State {
            plugin: plugin.to_owned(),
            bound,
            lines_left: lines_max,
            line_bytes_max,
            dropped: 0,
            output: Vec::new(),
            error: Vec::new(),
            panic: None,
            awaits_reason: false,
        })))
    }

    /// One line of the `log` interface.
    pub(super) fn write(&self, level: Level, message: &str) {
        self.state().line(level, message);
    }

    /// A piece of a stream, cut into lines here.
    pub(super) fn feed(&self, stream: Stream, bytes: &[u8]) {
        self.state().feed(stream, bytes);
    }

    /// Flushes what has no line end yet; gives the first panic, and how many lines were dropped.
    pub(super) fn finish(&self) -> (Option<String>, u64) {
        let mut state = self.state();
        state.feed(Stream::Output, b"\n");
        state.feed(Stream::Error, b"\n");
        if 0 < state.dropped {
            tracing::warn!(
                plugin.name = state.plugin,
                dropped = state.dropped,
                "the plugin wrote more lines than `limits.log_lines` allows"
            );
        }
        let dropped = std::mem::take(&mut state.dropped);
        (state.panic.take(), dropped)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn feed(&mut self, stream: Stream, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.hold(stream, line);
            bytes = rest.get(1..).unwrap_or_default();
            let line = std::mem::take(self.buffer(stream));
            if !line.trim_ascii().is_empty() {
                let level = if stream == Stream::Error { Level::Warn } else { Level::Info };
                self.line(level, &String::from_utf8_lossy(&line));
            }
        }
        self.hold(stream, bytes);
    }

    /// Keeps the begin of a line; what is over the cap cannot be shown and is not kept.
    fn hold(&mut self, stream: Stream, bytes: &[u8]) {
        // One byte over, so that `line` sees that something is missing.
        let max = self.line_bytes_max.saturating_add(1);
        let buffer = self.buffer(stream);
        let room = max.saturating_sub(buffer.len()).min(bytes.len());
        buffer.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    fn buffer(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Output => &mut self.output,
            Stream::Error => &mut self.error,
        }
    }

    fn line(&mut self, level: Level, text: &str) {
        // Looked for even past the cap: it is what the operator needs most.
        self.look_for_panic(text);
        if self.lines_left == 0 {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.lines_left -= 1;
        let text = self.clean(text);
        emit(level, &self.plugin, self.bound.as_deref().map(Bound::account_name), &text);
    }

    fn look_for_panic(&mut self, text: &str) {
        if self.panic.is_none() && text.contains("panicked at") {
            self.panic = Some(self.clean(text.trim()));
            self.awaits_reason = text.trim_end().ends_with(':');
        } else if self.awaits_reason {
            self.awaits_reason = false;
            let reason = self.clean(text.trim());
            self.panic = self.panic.take().map(|place| format!("{place} {reason}"));
        }
    }

    /// Cut to the cap and without secrets; however long it is, little more is looked at.
    fn clean(&self, text: &str) -> String {
        if let Some(bound) = &self.bound {
            return bound.door.scrub_up_to(text, self.line_bytes_max);
        }
        let end = text.floor_char_boundary(self.line_bytes_max);
        text.get(..end).unwrap_or_default().to_owned()
    }
}

fn emit(level: Level, plugin: &str, account: Option<&str>, text: &str) {
    match level {
        Level::Trace => tracing::trace!(plugin.name = plugin, account.name = account, "{text}"),
        Level::Debug => tracing::debug!(plugin.name = plugin, account.name = account, "{text}"),
        Level::Info => tracing::info!(plugin.name = plugin, account.name = account, "{text}"),
        Level::Warn => tracing::warn!(plugin.name = plugin, account.name = account, "{text}"),
        Level::Error => tracing::error!(plugin.name = plugin, account.name = account, "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(max: u32, bytes: usize) -> Lines {
        Lines::new("test", None, max, bytes)
    }

    #[test]
    fn a_panic_is_found_past_the_cap_and_across_pieces() {
        let lines = lines(1, 200);
        lines.feed(Stream::Output, b"one\ntwo\n");
        lines.feed(Stream::Error, b"\nthread 'main' panicked at src/li");
        lines.feed(Stream::Error, b"b.rs:3:5:\nno such thing\nnote: more");
        assert_eq!(
            lines.finish().0.unwrap(),
            "thread 'main' panicked at src/lib.rs:3:5: no such thing"
        );
    }

    #[test]
    fn what_is_over_the_cap_is_dropped_and_counted() {
        let lines = lines(2, 10);
        for _ in 0..2 {
            lines.write(Level::Info, "line");
        }
        assert_eq!(lines.state().dropped, 0);
        lines.write(Level::Info, "line");
        assert_eq!(lines.state().dropped, 1);
    }

    #[test]
    fn a_line_without_end_is_held_no_longer_than_the_cap() {
        let lines = lines(2, 10);
        for _ in 0..100 {
            lines.feed(Stream::Output, &[b'x'; 100]);
        }
        assert_eq!(lines.state().output.len(), 11);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(lines(1, 3).state().clean("ééé"), "é");
        assert_eq!(lines(1, 4).state().clean("éé"), "éé");
    }
}
