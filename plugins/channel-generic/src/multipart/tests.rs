//! Multipart bodies as browsers, scripts and careless senders write them.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(body: impl AsRef<[u8]>, expected: &[(&str, &str)]) {
    let pairs = pairs(body.as_ref(), "X", None).unwrap();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(pairs, expected);
}

#[test]
fn texts_are_read_as_they_stand() {
    check(
        "preamble\r\n--X\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nАнна\r\n\
         --X\r\ncontent-disposition: form-data; name=\"note\"\r\nContent-Type: text/plain\r\n\r\na\r\n\r\n--Y\r\nb\r\n--X--\r\nepilogue",
        &[("name", "Анна"), ("note", "a\r\n\r\n--Y\r\nb")],
    );
}

#[test]
fn files_are_told_by_name_and_size_and_empty_inputs_left_out() {
    let part = |parameters: &str, content: &str| {
        format!(
            "--X\r\nContent-Disposition: form-data; name=\"f\"; {parameters}\r\n\r\n{content}\r\n"
        )
    };
    let body = [
        part("filename=\"a \\\"b\\\".jpg\"", "12345"),
        part("filename=\"C:\\dir\\c.png\"", ""),
        part("filename=plain.txt", "1"),
        part("filename=\"x\"; filename*=UTF-8''na%C3%AFve+1.txt", "22"),
        part("filename=\"\"", ""),
        part("filename=\"\"", "123"),
    ];
    check(
        body.concat() + "--X--",
        &[
            ("f", "a \"b\".jpg (5 bytes)"),
            ("f", "c.png (0 bytes)"),
            ("f", "plain.txt (1 bytes)"),
            ("f", "naïve+1.txt (2 bytes)"),
            ("f", " (3 bytes)"),
        ],
    );
}

#[test]
fn a_careless_sender_is_understood() {
    // Bare line feeds, no closing boundary, blanks after the boundary, a part without a name.
    check(
        "--X \nContent-Disposition: form-data; name=a\n\n1\n--X\nContent-Type: text/plain\n\n2",
        &[("a", "1"), ("part", "2")],
    );
    // A part without content, and one without an end of its headers.
    check(
        "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--X\r\nContent-Disposition: form-data; name=\"b\"\r\n--X--",
        &[("a", ""), ("b", "")],
    );
    check("--X--", &[]);
    check("--X", &[]);
}

#[test]
fn windows_1251_is_read() {
    check(b"--X\r\nContent-Disposition: form-data; name=\"\xe8\xec\xff\"\r\n\r\n\xc0\xed\xed\xe0\r\n--X--", &[("имя", "Анна")]);
}

#[test]
fn a_body_without_its_boundary_is_refused() {
    assert_eq!(pairs(b"--Y\r\n\r\n1\r\n--Y--", "X", None), Err(Fault::NoBoundary));
    assert_eq!(pairs(b"text --X\r\n", "X", None), Err(Fault::NoBoundary));
    let boundary = |length: usize| {
        let boundary = "b".repeat(length);
        pairs(format!("--{boundary}--").as_bytes(), &boundary, None)
    };
    assert_eq!(boundary(BOUNDARY_BYTES_MAX), Ok(Vec::new()));
    assert_eq!(boundary(BOUNDARY_BYTES_MAX + 1), Err(Fault::NoBoundary));
}

#[test]
fn parts_are_read_up_to_their_limit() {
    let body = |count: usize| {
        let mut body = String::new();
        for number in 0..count {
            write!(
                body,
                "--X\r\nContent-Disposition: form-data; name=\"p{number}\"\r\n\r\n{number}\r\n"
            )
            .unwrap();
        }
        body + "--X--\r\n"
    };
    assert_eq!(pairs(body(PARTS_MAX).as_bytes(), "X", None).unwrap().len(), PARTS_MAX);
    assert_eq!(pairs(body(PARTS_MAX + 1).as_bytes(), "X", None), Err(Fault::TooManyParts));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in any::<Vec<u8>>(), odd in r"(--X|\r\n|\n|--|Content-Disposition: a; |name=|filename\*?=|[;' %])*",
    ) {
        drop(pairs(&bytes, "X", None));
        drop(pairs(odd.as_bytes(), "X", None));
        drop(pairs(&bytes, "", None));
    }
}
