//! What a body is by its looks, because content types lie.

/// What a body looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Nothing but white space.
    Empty,
    Json,
    Form,
    /// With its boundary.
    Multipart(String),
    /// None of these.
    Other,
}

const MARK: &[u8] = b"\xef\xbb\xbf";

/// The body without the byte order mark that some senders put before it.
pub fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(MARK).unwrap_or(body)
}

/// The shape of a body. Its first character counts more than its content type.
///
/// What begins like JSON is JSON under any content type but `multipart/form-data`; what begins like
/// XML is neither a form nor JSON; and `name=value` is a form, whatever it is called.
pub fn shape(content_type: Option<&[u8]>, body: &[u8]) -> Shape {
    let bare = without_mark(body).trim_ascii_start();
    let Some(first) = bare.first() else { return Shape::Empty };
    let content_type = content_type.and_then(|text| str::from_utf8(text).ok()).unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media == "multipart/form-data"
        && let Some(boundary) = parameter(content_type, "boundary")
    {
        return Shape::Multipart(boundary);
    }
    let is_json = media == "application/json" || media.ends_with("+json");
    match first {
        b'{' | b'[' => Shape::Json,
        b'<' => Shape::Other,
        b'"' if is_json => Shape::Json,
        _ if bare.contains(&b'=') => Shape::Form,
        _ if is_json => Shape::Json,
        _ if media == "application/x-www-form-urlencoded" => Shape::Form,
        _ => Shape::Other,
    }
}

/// A parameter of a header such as a content type, without its quotes; `None` for an empty one.
///
/// The name is given in lower case.
pub fn parameter(header: &str, name: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        // A parameter without a value may stand before this one.
        let key = key.rsplit(';').next().unwrap_or_default().trim();
        let (value, tail) = value(after.trim_start());
        if key.eq_ignore_ascii_case(name) {
            return (!value.is_empty()).then_some(value);
        }
        rest = tail;
    }
}

/// A value with or without quotes, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.clone().next() {
                Some(escaped @ ('"' | '\\')) => {
                    chars.next();
                    value.push(escaped);
                }
                // A path of Windows, which old browsers send as it is.
                _ => value.push('\\'),
            },
            c => value.push(c),
        }
    }
    (value, chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn the_looks_of_a_body_count_more_than_its_content_type() {
        let multipart = || Shape::Multipart("x y".to_owned());
        let cases = [
            ("", "", Shape::Empty),
            (JSON, "\u{feff} \r\n", Shape::Empty),
            ("", "\u{feff}{}", Shape::Json),
            (FORM, " [1]", Shape::Json),
            (FORM, "{\"a\":\"b=c\"}", Shape::Json),
            (FORM, "a", Shape::Form),
            (JSON, "a=b", Shape::Form),
            (JSON, "\"a=b\"", Shape::Json),
            ("text/plain", "a=b&c", Shape::Form),
            ("application/vnd.x+json; charset=utf-8", "12", Shape::Json),
            ("", "hello", Shape::Other),
            ("text/xml", "<a b=\"c\"/>", Shape::Other),
            ("multipart/form-data; boundary=\"x y\"", "--x y--", multipart()),
            ("Multipart/Form-Data; charset=utf-8; BOUNDARY=\"x y\"", "{}", multipart()),
            ("multipart/form-data", "--x", Shape::Other),
        ];
        for (content_type, body, expected) in cases {
            let shape = shape(Some(content_type.as_bytes()), body.as_bytes());
            assert_eq!(shape, expected, "{content_type}: {body}");
        }
    }

    #[test]
    fn parameters_are_found_with_and_without_quotes() {
        let header =
            r#"form-data; name="a \"b\"; c=d"; flag; filename="C:\x\y.jpg"; e=; size = 7 "#;
        let cases = [
            ("name", Some(r#"a "b"; c=d"#)),
            ("filename", Some(r"C:\x\y.jpg")),
            ("size", Some("7")),
            ("c", None),
            ("e", None),
            ("flag", None),
            ("form-data", None),
        ];
        for (name, expected) in cases {
            assert_eq!(parameter(header, name).as_deref(), expected, "{name}");
        }
        assert_eq!(parameter("a; b=\"open", "b").as_deref(), Some("open"));
    }
}
