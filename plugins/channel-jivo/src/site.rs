//! The site that a widget stands on, by the account's own list.

use patchbay_sdk::json::tolerant::Members;

/// What a setting of names says of this one, as of a widget the name of its site; `None` where it
/// does not tell, or cannot be read.
pub(crate) fn name_in(names: &str, of: &str) -> Option<String> {
    let names = serde_json::from_str::<Members<'_>>(names).ok()?.0;
    names.into_iter().find(|(id, _)| id.get() == Some(of))?.1.owned()
}

/// The page as a URL: a path alone is completed with the origin of the page that Jivo saw.
pub(crate) fn absolute(page: &str, seen: Option<&str>) -> String {
    match seen.and_then(origin) {
        Some(origin) if page.starts_with('/') && !page.starts_with("//") => {
            format!("{origin}{page}")
        }
        _ => page.to_owned(),
    }
}

/// Scheme, host and port: what stands before the path.
fn origin(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if host == 0 { None } else { url.get(..scheme.len() + "://".len() + host) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_widget_has_the_name_that_the_setting_gives() {
        let names = r#"{"a":"One","b":"","7":"Seven"}"#;
        let cases = [("a", Some("One")), ("7", Some("Seven")), ("b", None), ("c", None)];
        for (widget, expected) in cases {
            assert_eq!(name_in(names, widget).as_deref(), expected);
        }
        for broken in ["", "[]", "{", "\"a\""] {
            assert_eq!(name_in(broken, "a"), None);
        }
    }

    #[test]
    fn a_path_is_completed_and_a_url_is_kept() {
        let seen = Some("https://shop.example.com:8443/a?b");
        assert_eq!(absolute("/catalog", seen), "https://shop.example.com:8443/catalog");
        assert_eq!(
            absolute("/catalog", Some("https://shop.example.com")),
            "https://shop.example.com/catalog"
        );
        assert_eq!(absolute("/catalog", Some("https:///x")), "/catalog");
        assert_eq!(absolute("/catalog", None), "/catalog");
        assert_eq!(absolute("//other.example/x", seen), "//other.example/x");
        assert_eq!(absolute("https://other.example/x", seen), "https://other.example/x");
    }
}
