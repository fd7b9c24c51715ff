//! Addresses that an operator sets, read as far as a page needs: the origin, and whether anything follows.

/// Where the id of a card belongs.
const ID: &str = "{id}";

/// An address, plain enough to stand in a page and in a policy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) whole: String,
    /// As browsers write it: lower case, without the port that is usual for the scheme.
    pub(super) origin: String,
    /// Nothing follows the origin but perhaps a slash.
    pub(super) is_bare: bool,
}

impl Url {
    /// `None` for anything but `http` and `https`, and for names that are not in ASCII.
    pub(super) fn read(text: &str) -> Option<Self> {
        let whole = text.trim();
        let (scheme, rest) = whole.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end)?;
        let usual = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return None,
        };
        let is_plain = !tail.contains(|c: char| {
            c.is_control() || c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '\\')
        });
        let authority = authority.to_ascii_lowercase();
        let authority = authority.strip_suffix(usual).unwrap_or(&authority);
        (is_plain && is_authority(authority)).then(|| Self {
            whole: whole.to_owned(),
            origin: format!("{scheme}://{authority}"),
            is_bare: matches!(tail, "" | "/"),
        })
    }
}

/// A name or an IPv4 address, perhaps with a port. No one's name and password.
fn is_authority(authority: &str) -> bool {
    let (host, port) = authority.split_once(':').unwrap_or((authority, "1"));
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    !host.is_empty() && host.bytes().all(is_host) && port.parse::<u16>().is_ok_and(|port| 0 < port)
}

/// The address of a card, with a place for its id behind the origin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) whole: String,
    pub(super) origin: String,
}

impl Template {
    pub(super) fn read(text: &str) -> Option<Self> {
        // A brace is no part of a host, so that the place can only stand behind it.
        let Url { whole, origin, .. } = Url::read(text)?;
        whole.contains(ID).then_some(Self { whole, origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_do() {
        let cases = [
            ("https://crm.example.com", "https://crm.example.com", true),
            (" HTTPS://CRM.example.com:443/ ", "https://crm.example.com", true),
            ("http://127.0.0.1:8080/a?b#c", "http://127.0.0.1:8080", false),
            ("http://intranet:80", "http://intranet", true),
            ("https://intranet:80?x", "https://intranet:80", false),
        ];
        for (text, origin, is_bare) in cases {
            let url = Url::read(text).unwrap();
            assert_eq!((url.origin.as_str(), url.is_bare), (origin, is_bare), "{text}");
        }
    }

    #[test]
    fn what_is_no_web_address_is_not_read() {
        let cases = [
            "",
            "crm.example.com",
            "javascript:alert(1)",
            "javascript://x/%0aalert(1)",
            "https://",
            "https:///x",
            "https://*",
            "https://user:secret@crm.example.com",
            "https://crm.example.com;script-src",
            "https://crm.example.com:0",
            "https://crm.example.com:99999",
            "https://crm.example.com:",
            "https://банк.example",
            "https://crm.example.com/a b",
            "https://crm.example.com/\"><script>",
        ];
        for text in cases {
            assert_eq!(Url::read(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_has_its_place_behind_the_host() {
        let template = Template::read("https://crm.example.com/client/{id}?tab=1").unwrap();
        assert_eq!(template.origin, "https://crm.example.com");
        for text in ["https://crm.example.com/client/", "https://{id}.example.com/", "{id}"] {
            assert_eq!(Template::read(text), None, "{text}");
        }
    }
}
