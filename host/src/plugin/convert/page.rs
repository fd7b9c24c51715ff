//! Pages of a channel adapter, checked.

use super::{Checked, at_most, channel::is_header_value};
use crate::{event::Page, plugin::bindings::exports::patchbay::adapter::channel_page as wit};

const BODY_BYTES_MAX: usize = 1 << 20;
const POLICY_BYTES_MAX: usize = 8192;
const TYPE_BYTES_MAX: usize = 256;

/// A page that HTTP can carry, and that says who may frame it.
pub(in crate::plugin) fn page(raw: wit::Page) -> Checked<Page> {
    let wit::Page { content_type, content_security_policy, body } = raw;
    header("page.content-type", &content_type, TYPE_BYTES_MAX)?;
    header("page.content-security-policy", &content_security_policy, POLICY_BYTES_MAX)?;
    if BODY_BYTES_MAX < body.len() {
        return Err(format!(
            "`page.body` has {} bytes, at most {BODY_BYTES_MAX} are allowed",
            body.len()
        ));
    }
    Ok(Page { content_type, content_security_policy, body })
}

fn header(field: &str, value: &str, bytes_max: usize) -> Checked<()> {
    if value.trim().is_empty() {
        return Err(format!("`{field}` is empty"));
    }
    at_most(field, value, bytes_max)?;
    if is_header_value(value) { Ok(()) } else { Err(format!("`{field}` is none that HTTP allows")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut wit::Page), expected: Option<&str>) {
        let mut raw = wit::Page {
            content_type: "text/html; charset=utf-8".to_owned(),
            content_security_policy: "frame-ancestors https://crm.example".to_owned(),
            body: Vec::new(),
        };
        change(&mut raw);
        match (page(raw), expected) {
            (Ok(_), None) => {}
            (Err(text), Some(expected)) => assert!(text.contains(expected), "{text}"),
            (other, expected) => panic!("expected {expected:?}, found {other:?}"),
        }
    }

    #[test]
    fn a_page_has_a_type_and_says_who_may_frame_it() {
        let (kind, policy) = ("`page.content-type`", "`page.content-security-policy`");
        check(|_| {}, None);
        check(|page| page.content_type = "t".repeat(256), None);
        check(|page| page.content_type = "t".repeat(257), Some(kind));
        check(|page| page.content_type.clear(), Some(kind));
        check(|page| page.content_type = "text/html\r\nset-cookie: a".to_owned(), Some(kind));
        check(|page| page.content_security_policy = "p".repeat(8192), None);
        check(|page| page.content_security_policy = "p".repeat(8193), Some(policy));
        check(|page| page.content_security_policy = " ".to_owned(), Some("is empty"));
        check(|page| page.content_security_policy = "a\n".to_owned(), Some(policy));
        check(|page| page.content_security_policy = "é".to_owned(), Some(policy));
    }

    #[test]
    fn a_page_is_taken_up_to_its_last_byte() {
        check(|page| page.body = vec![0; 1 << 20], None);
        check(|page| page.body = vec![0; (1 << 20) + 1], Some("`page.body`"));
    }
}
