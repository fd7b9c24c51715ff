//! Texts of people in places where Bitrix24 reads BB codes.

/// Stands after a bracket and is not seen: the bracket no longer opens a code.
const BREAK: &str = "[\u{200b}";

/// The text as it was written: what a client types mentions nobody, and loads no picture.
pub(crate) fn plain(text: &str) -> String {
    text.replace('\0', "").replace('[', BREAK)
}

/// The text as a person reads it.
pub(crate) fn shown(text: &str) -> String {
    text.replace(BREAK, "[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_opens_no_code() {
        assert_eq!(plain("[USER=1]Boss[/USER]\0"), "[\u{200b}USER=1]Boss[\u{200b}/USER]");
        assert_eq!(plain("2 < 3 & a]"), "2 < 3 & a]");
        assert_eq!(shown(&plain("[b]ж[/b]")), "[b]ж[/b]");
    }
}
