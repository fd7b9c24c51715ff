//! Where a spelling of a value may start: a quick look that misses none of them.
//!
//! Answers are large and hold next to no secrets, so that nearly all of the time goes into the look
//! that finds nothing.

use super::spelled::Heads;

/// What the spellings of all values of an account start with.
pub(super) struct Starts {
    /// A bit for each pair of bytes, of which the lower seven bits count.
    pairs: Box<[u64; 256]>,
    /// A bit for each first byte; all beyond ASCII are one.
    firsts: [u64; 4],
}

impl Starts {
    pub(super) fn new() -> Self {
        let mut starts = Self { pairs: Box::new([0; 256]), firsts: [0; 4] };
        // Whatever they stand for: `firsts` tells whether a value begins so.
        for (escape, seconds) in [(b'%', "0123456789ABCDEFabcdef"), (b'\\', "nrtbfu\"\\/")] {
            for second in seconds.bytes() {
                starts.mark(escape, second);
            }
        }
        for second in b"#qalg" {
            starts.mark(b'&', *second);
        }
        starts
    }

    /// A value, or what it is in base64.
    pub(super) fn add(&mut self, spelling: &str) {
        let mut bytes = spelling.bytes();
        let Some(first) = bytes.next() else { return };
        self.mark_first(first);
        // A space may be a plus.
        for first in [Some(first), (first == b' ').then_some(b'+')].into_iter().flatten() {
            // The second letter as it is, or escaped, or in two bytes.
            for second in b"%\\&+\0" {
                self.mark(first, *second);
            }
            let second = bytes.clone().next();
            // A value of one letter has any letter behind it.
            for second in second.map_or(0..=127, |second| second..=second) {
                self.mark(first, second);
            }
        }
    }

    /// A value in hexadecimal digits.
    pub(super) fn add_hex(&mut self, value: &str) {
        let Some(byte) = value.bytes().next() else { return };
        let digits = |nibble: u8| {
            let digit = char::from_digit(u32::from(nibble), 16).unwrap_or('0');
            [digit, digit.to_ascii_uppercase()].map(|digit| u8::try_from(digit).unwrap_or(b'0'))
        };
        for first in digits(byte >> 4) {
            self.mark_first(first);
            for second in digits(byte & 15) {
                self.mark(first, second);
            }
        }
    }

    /// The first place where a spelling may start.
    pub(super) fn find(&self, text: &[u8]) -> Option<usize> {
        text.windows(2).position(|pair| match pair {
            [first, second] => {
                let (word, bit) = place(*first, *second);
                self.pairs.get(word).is_some_and(|word| word & bit != 0)
            }
            _ => false,
        })
    }

    /// Whether some value may begin as the text does.
    pub(super) fn have_one_of(&self, heads: Heads) -> bool {
        heads.iter().any(|head| {
            let (word, bit) = (usize::from(head >> 6), 1 << (head & 63));
            self.firsts.get(word).is_some_and(|word| word & bit != 0)
        })
    }

    fn mark(&mut self, first: u8, second: u8) {
        let (word, bit) = place(first, second);
        if let Some(word) = self.pairs.get_mut(word) {
            *word |= bit;
        }
    }

    fn mark_first(&mut self, first: u8) {
        let head = Heads::folded(first);
        if let Some(word) = self.firsts.get_mut(usize::from(head >> 6)) {
            *word |= 1 << (head & 63);
        }
    }
}

fn place(first: u8, second: u8) -> (usize, u64) {
    let (first, second) = (usize::from(first & 127), second & 127);
    (first << 1 | usize::from(second >> 6), 1 << (second & 63))
}

impl std::fmt::Debug for Starts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What a secret begins with is a part of it.
        f.debug_struct("Starts").finish_non_exhaustive()
    }
}
