//! What somebody is shown of a card: one line of text, and addresses that a browser opens as pages.
//!
//! Cards hold what people wrote, and the vendor's window shows it to an agent: line ends, control
//! characters and other schemes than the web's stay out of it.

use crate::types::{Card, Value};

/// Longer texts are cut.
pub const LINE_CHARS_MAX: usize = 1_000;
/// A longer URL is left out, because half of one leads nowhere.
pub const URL_BYTES_MAX: usize = 2_048;

/// One line of text without control characters, cut to its limit; `None` where nothing is left.
///
/// ```
/// use patchbay_sdk::shown;
///
/// assert_eq!(shown::line(" Calls\r\n back \t").as_deref(), Some("Calls back"));
/// assert_eq!(shown::line("\n"), None);
/// ```
pub fn line(text: &str) -> Option<String> {
    let words =
        text.split(|c: char| c.is_control()).map(str::trim).filter(|words| !words.is_empty());
    let joined = words
        .enumerate()
        .flat_map(|(index, words)| if index == 0 { ["", words] } else { [" ", words] });
    let cut = joined.flat_map(str::chars).take(LINE_CHARS_MAX).collect::<String>();
    (!cut.is_empty()).then_some(cut)
}

/// The URL if a browser opens it as a page: no other scheme, nothing that breaks out of a link.
///
/// ```
/// use patchbay_sdk::shown;
///
/// assert_eq!(shown::url(" https://crm.example.com/7 "), Some("https://crm.example.com/7"));
/// assert_eq!(shown::url("javascript:alert(1)"), None);
/// ```
pub fn url(url: &str) -> Option<&str> {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let is_plain = !url
        .contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '<' | '>'));
    (is_web && is_plain && !rest.is_empty() && url.len() <= URL_BYTES_MAX).then_some(url)
}

/// The card's value under this key as a [`line()`], the main one of several.
pub fn main(card: &Card, key: &str) -> Option<String> {
    card.fields.iter().filter(|field| field.key == key).find_map(|field| match &field.value {
        Value::Text(text) => line(text),
        Value::Texts(texts) => texts.iter().find_map(|text| line(text)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Field;

    #[test]
    fn a_line_is_cut_at_its_limit() {
        let text = |chars: usize| line(&"я".repeat(chars)).map_or(0, |line| line.chars().count());
        let limit = LINE_CHARS_MAX;
        assert_eq!([text(limit), text(limit + 1)], [limit, limit]);
        assert_eq!(line("a\u{0}\u{7}b\r\n\r\n c").as_deref(), Some("a b c"));
        assert_eq!(line(""), None);
    }

    #[test]
    fn only_web_addresses_are_links() {
        for page in ["https://crm.example.com/#7?a=b", "HTTP://127.0.0.1:8069/web"] {
            assert_eq!(url(page), Some(page));
        }
        let others = ["", "crm.example.com", "https://", "ftp://crm.example.com", "https://a b"];
        for other in others.into_iter().chain(["https://a\"b", "https://a<b", "https://a\u{0}"]) {
            assert_eq!(url(other), None, "{other}");
        }
        let long = |bytes: usize| format!("https://{}", "a".repeat(bytes - "https://".len()));
        assert!(url(&long(URL_BYTES_MAX)).is_some());
        assert!(url(&long(URL_BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn the_main_value_is_the_first_that_says_anything() {
        let phones = ["", " +79000000001", "+79000000002"].map(str::to_owned).to_vec();
        let fields = vec![
            Field::new("vip", Value::Flag(true)),
            Field::text("phone", "\n"),
            Field::new("phone", Value::Texts(phones)),
        ];
        let card = Card { fields, ..Card::new("7") };
        assert_eq!(main(&card, "phone").as_deref(), Some("+79000000001"));
        assert_eq!((main(&card, "vip"), main(&card, "email")), (None, None));
    }
}
