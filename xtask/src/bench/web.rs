//! One request to a server of the bench.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::steps::{Context as _, Error, Result};

/// The body of `GET url`; the server hangs up behind it.
pub(crate) fn get(url: &str) -> Result<String> {
    let rest = url.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
    let (address, path) = rest.ok_or_else(|| Error::new(format!("`{url}` is no http:// URL")))?;
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let mut answer = String::new();
    TcpStream::connect(address)
        .and_then(|mut stream| {
            stream.write_all(request.as_bytes())?;
            stream.read_to_string(&mut answer)
        })
        .context(format!("cannot get {url}"))?;
    body(&answer).ok_or_else(|| Error::new(format!("{url} was answered with {answer}")))
}

fn body(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).is_some_and(|status| status == "200").then(|| body.to_owned())
}

/// A number of a flat JSON object.
pub(crate) fn number(json: &str, key: &str) -> Result<u64> {
    let value = json.split_once(&format!("\"{key}\":")).map_or("", |(_, value)| value.trim_start());
    let digits = value.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().context(format!("there is no number `{key}` in {json}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_success_has_a_body() {
        assert_eq!(body("HTTP/1.1 200 OK\r\na: b\r\n\r\nyes").as_deref(), Some("yes"));
        assert_eq!(body("HTTP/1.1 404 No\r\n\r\nno"), None);
    }

    #[test]
    fn a_number_is_found_by_its_whole_key() {
        let json = r#"{"calls":7,"writes": 12,"re-writes":3}"#;
        assert_eq!(number(json, "writes").unwrap(), 12);
        assert!(number(json, "notes").unwrap_err().to_string().contains("`notes`"));
    }
}
