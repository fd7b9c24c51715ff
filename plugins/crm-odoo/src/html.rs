//! The comment of a partner is HTML: text into it, and text out of it.

/// Text as HTML, a paragraph for each line; nothing in it can be markup.
pub(crate) fn from_text(text: &str) -> String {
    text.lines().flat_map(|line| ["<p>".to_owned(), escaped(line), "</p>".to_owned()]).collect()
}

/// Text that may stand in an element or in a quoted attribute.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len().saturating_add(16));
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            letter => html.push(letter),
        }
    }
    html
}

/// The text of HTML: a new line for each block, the common entities read, all else as it stands.
pub(crate) fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let Some((tag, after)) = tag.split_once('>') else {
            rest = "";
            break;
        };
        if breaks(tag) {
            text.push('\n');
        }
        rest = after;
    }
    text.push_str(rest);
    let text = ["&lt;<", "&gt;>", "&quot;\"", "&#34;\"", "&#39;'", "&nbsp; ", "&amp;&"]
        .iter()
        .fold(text, |text, pair| {
            let (entity, letter) = pair.split_at(pair.len().saturating_sub(1));
            text.replace(entity, letter)
        });
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn breaks(tag: &str) -> bool {
    let name = tag
        .trim_end_matches('/')
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    matches!(name.as_str(), "/p" | "/div" | "/li" | "/tr" | "/h1" | "/h2" | "/h3" | "br" | "br/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(from_text("a <b> & \"c\"\nd"), "<p>a &lt;b&gt; &amp; &quot;c&quot;</p><p>d</p>");
    }

    #[test]
    fn blocks_become_lines_and_an_empty_document_becomes_nothing() {
        assert_eq!(
            to_text("<p>made <b>by</b> test</p><div>two<br/>three</div>"),
            "made by test\ntwo\nthree"
        );
        assert_eq!(to_text("<p><br></p>"), "");
        assert_eq!(to_text("cut <p"), "cut");
        assert_eq!(to_text("&amp;lt;"), "&lt;");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again(lines in proptest::collection::vec("[a-z<>&;\"']{1,12}", 0..4)) {
            let text = lines.join("\n");
            prop_assert_eq!(to_text(&from_text(&text)), text);
        }

        #[test]
        fn any_html_can_be_read(html in ".*") {
            to_text(&html);
        }
    }
}
