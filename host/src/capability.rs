//! What a plugin may reach: the rules of manifests and grants, and how a URL is held against them.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use url::{Host, Url};

/// A set of origins: scheme, host and port, written `https://api.example.com`,
/// `https://*.bitrix24.ru` or `http://10.0.0.5:8069`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    scheme: Scheme,
    host: HostRule,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostRule {
    /// A domain has no trailing dot here.
    Exact(Host<String>),
    /// Any name with at least one more label in front, never the bare domain.
    Subdomains(String),
}

/// One thing that a manifest asks to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    Place(Rule),
    /// `setting:KEY`: the origin of the URL that the account has under the key.
    Setting(String),
}

/// Why a text is no rule.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRule {
    #[error(
        "`{0}` names no scheme: start it with `https://`, or with `http://` where there is no TLS"
    )]
    Scheme(String),
    #[error("`{0}` has more than scheme, host and port: leave out path, query, user and spaces")]
    More(String),
    #[error("`{0}` has no host that can be reached")]
    Host(String),
    #[error("`{0}` has an address in an unusual spelling: write it as `127.0.0.1` or `[::1]`")]
    Address(String),
    #[error("`{0}` is too wide: `*` stands once, first, and before a domain of two labels or more")]
    Wildcard(String),
    #[error("`{0}` has no port between 1 and 65535")]
    Port(String),
    #[error("`setting:` needs the key of a setting: `setting:base-url`")]
    SettingKey,
}

impl Rule {
    /// The rule that allows exactly the origin of `url`; none unless it is an HTTP URL.
    pub fn of_origin(url: &Url) -> Option<Self> {
        let host = HostRule::Exact(plain(&url.host()?));
        Some(Self { scheme: Scheme::of(url)?, host, port: url.port_or_known_default()? })
    }

    /// A URL with a user or password in it is never allowed.
    pub fn allows(&self, url: &Url) -> bool {
        let is_bare = url.username().is_empty() && url.password().is_none();
        is_bare
            && Scheme::of(url) == Some(self.scheme)
            && url.port_or_known_default() == Some(self.port)
            && url.host().is_some_and(|host| self.host.allows(&plain(&host)))
    }

    /// Whether it is one origin, and not those of all names below a domain.
    pub fn is_exact(&self) -> bool {
        matches!(self.host, HostRule::Exact(_))
    }

    /// Whether it names an address and not a name.
    pub fn is_address(&self) -> bool {
        matches!(self.host, HostRule::Exact(Host::Ipv4(_) | Host::Ipv6(_)))
    }

    /// Whether what goes there goes through TLS.
    pub fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The host as it is connected to, without a trailing dot, IPv6 in brackets.
    pub fn host(&self) -> String {
        match &self.host {
            HostRule::Exact(host) => host.to_string(),
            HostRule::Subdomains(domain) => format!("*.{domain}"),
        }
    }
}

impl Scheme {
    fn of(url: &Url) -> Option<Self> {
        match url.scheme() {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl HostRule {
    fn allows(&self, host: &Host<String>) -> bool {
        match (self, host) {
            (Self::Exact(own), host) => own == host,
            (Self::Subdomains(domain), Host::Domain(name)) => name
                .strip_suffix(domain.as_str())
                .and_then(|labels| labels.strip_suffix('.'))
                .is_some_and(|labels| labels.split('.').all(|label| !label.is_empty())),
            (Self::Subdomains(_), Host::Ipv4(_) | Host::Ipv6(_)) => false,
        }
    }
}

/// `example.com.` and `example.com` are one host.
fn plain(host: &Host<&str>) -> Host<String> {
    match host {
        Host::Domain(name) => Host::Domain(name.strip_suffix('.').unwrap_or(name).to_owned()),
        Host::Ipv4(address) => Host::Ipv4(*address),
        Host::Ipv6(address) => Host::Ipv6(*address),
    }
}

impl FromStr for Rule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, authority) = if let Some(rest) = text.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (Scheme::Http, rest)
        } else {
            return Err(InvalidRule::Scheme(text.to_owned()));
        };
        let is_more = |c: char| c.is_whitespace() || c.is_control() || "/\\?#@%".contains(c);
        if authority.contains(is_more) {
            return Err(InvalidRule::More(text.to_owned()));
        }
        let (is_wide, name) = match authority.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, authority),
        };
        if name.contains('*') {
            return Err(InvalidRule::Wildcard(text.to_owned()));
        }
        let url = Url::parse(&format!("{}://{name}/", scheme.name()))
            .map_err(|_not_a_url| InvalidRule::Host(text.to_owned()))?;
        let port = url.port().unwrap_or_else(|| scheme.port());
        if port == 0 || name.ends_with(':') {
            return Err(InvalidRule::Port(text.to_owned()));
        }
        let host = url
            .host()
            .map(|host| plain(&host))
            .ok_or_else(|| InvalidRule::Host(text.to_owned()))?;
        check_host(&host, name, text)?;
        let host = match (is_wide, host) {
            (false, host) => HostRule::Exact(host),
            (true, Host::Domain(domain)) if domain.contains('.') => HostRule::Subdomains(domain),
            (true, _) => return Err(InvalidRule::Wildcard(text.to_owned())),
        };
        Ok(Self { scheme, host, port })
    }
}

/// An address counts only as its own usual text, so that nobody grants one without seeing it.
fn check_host(host: &Host<String>, written: &str, rule: &str) -> Result<(), InvalidRule> {
    let is_plain = match host {
        Host::Domain(name) if name.split('.').any(str::is_empty) => {
            return Err(InvalidRule::Host(rule.to_owned()));
        }
        Host::Domain(_) => true,
        Host::Ipv4(address) => {
            let name = written.split_once(':').map_or(written, |(name, _port)| name);
            name.parse::<Ipv4Addr>().is_ok_and(|own| own == *address)
        }
        Host::Ipv6(address) => written
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .is_some_and(|(name, _port)| name.parse::<Ipv6Addr>().is_ok_and(|own| own == *address)),
    };
    if is_plain { Ok(()) } else { Err(InvalidRule::Address(rule.to_owned())) }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host())?;
        if self.port == self.scheme.port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl FromStr for Ask {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("setting:") {
            Some("") => Err(InvalidRule::SettingKey),
            Some(key) => Ok(Self::Setting(key.to_owned())),
            None => text.parse().map(Self::Place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text that is no URL at all reaches nothing either.
    #[track_caller]
    fn check(rule: &str, url: &str, expected: bool) {
        let parsed: Rule = rule.parse().unwrap();
        let allowed = Url::parse(url).is_ok_and(|url| parsed.allows(&url));
        assert_eq!(allowed, expected, "{rule} and {url}");
    }

    #[test]
    fn subdomain_rules_match_whole_labels() {
        let rule = "https://*.bitrix24.ru";
        for good in [
            "https://acme.bitrix24.ru/rest?a=1#f",
            "https://a.b.bitrix24.ru",
            "https://ACME.bitrix24.ru.:443/",
        ] {
            check(rule, good, true);
        }
        for bad in [
            "https://bitrix24.ru/",
            "https://.bitrix24.ru/",
            "https://a..bitrix24.ru/",
            "https://evilbitrix24.ru/",
            "https://bitrix24.ru.evil.com/",
            "https://evil.com/acme.bitrix24.ru",
            "https://evil.com?.bitrix24.ru",
            "https://evil.com#.bitrix24.ru",
            "https://evil.com\\.bitrix24.ru",
            "https://evil.com%2f.bitrix24.ru",
            "https://evil.com%00.bitrix24.ru",
            "http://acme.bitrix24.ru/",
            "https://acme.bitrix24.ru:8443/",
            "https://bitrix24.ru@evil.com/",
            "wss://acme.bitrix24.ru/",
            "ftp://acme.bitrix24.ru/",
        ] {
            check(rule, bad, false);
        }
    }

    #[test]
    fn other_spellings_of_the_same_host_are_the_same_host() {
        for same in [
            "https://good.example",
            "https://good.example./",
            "HTTPS://GOOD.EXAMPLE",
            "https://good.example:443/",
            "https:good.example",
            "https:\\\\good.example",
            "https://go\tod.exam\nple/",
            "https://%67ood.example/",
            "https://good\u{3002}example/",
            "https://\u{ff47}ood.example/",
            "https://good.example#@evil.example",
        ] {
            check("https://good.example", same, true);
        }
    }

    #[test]
    fn no_spelling_reaches_another_host() {
        for bad in [
            "https://good.example@evil.example/",
            "https://good.example:443@evil.example/",
            "https://evil.example\\@good.example/",
            "https://user@good.example/",
            "https://:password@good.example/",
            "https://good.example:8443/",
            "https://good.example:80/",
            "https://good.example../",
            "https://good.example.evil.example/",
            "https://evil.example/https://good.example/",
            "https://good.example%2eevil.example/",
            "https://g\u{043e}od.example/",
            "http://good.example/",
            "//good.example/",
            "/good.example/",
            "good.example",
            "file://good.example/etc/passwd",
            "data:text/plain,good.example",
            "blob:https://good.example/",
            "https://1.2.3.4/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://017700000001/",
            "https://[::ffff:127.0.0.1]/",
            "",
        ] {
            check("https://good.example", bad, false);
        }
    }

    #[test]
    fn addresses_are_reached_only_if_they_are_written() {
        check("http://10.0.0.5:8069", "http://10.0.0.5:8069/json", true);
        check("http://10.0.0.5:8069", "http://10.0.0.5/", false);
        check("https://127.0.0.1", "https://0x7f000001/", true);
        check("https://127.0.0.1", "https://[::ffff:127.0.0.1]/", false);
        check("https://[::1]:8443", "https://[0:0::1]:8443/", true);
        check("https://[::1]:8443", "https://127.0.0.1:8443/", false);
        check("https://*.0.0.1.example", "https://127.0.0.1/", false);
    }

    #[test]
    fn international_names_are_compared_as_punycode() {
        check("https://пример.испытание", "https://xn--e1afmkfd.xn--80akhbyknj4f/", true);
        check("https://*.xn--e1afmkfd.example", "https://a.ПРИМЕР.example", true);
    }

    #[test]
    fn rules_are_checked_when_they_are_read() {
        for bad in [
            "",
            "*",
            "https://",
            "https://*",
            "https://*.",
            "https://*.ru",
            "https://*.*.ru",
            "https://a.*.ru",
            "https://*.1.2.3.4",
            "https://*.[::1]",
            "api.example.com",
            "HTTPS://a.ru",
            "ftp://a.ru",
            "//a.ru",
            "https://a.ru/",
            "https://a.ru/v1",
            "https://a.ru?x",
            "https://a.ru#x",
            "https://u@a.ru",
            "https://a b",
            "https://a.ru:0",
            "https://a.ru:",
            "https://a.ru:65536",
            "https://a..ru",
            "https://a.ru..",
            "https://%61.ru",
            "https://0x7f000001",
            "https://127.1",
            "https://2130706433",
            "https://[::1",
            "https://a\t.ru",
            "setting:x",
        ] {
            assert!(bad.parse::<Rule>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rule_is_written_the_way_it_is_read() {
        for text in [
            "https://api.hubapi.com",
            "https://*.bitrix24.ru",
            "http://10.0.0.5:8069",
            "https://[::1]:65535",
            "http://localhost:1",
        ] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
        assert_eq!("https://A.ru.:443".parse::<Rule>().unwrap().to_string(), "https://a.ru");
        let url = Url::parse("HTTPS://API.example.com.:8443/x?y").unwrap();
        assert_eq!(Rule::of_origin(&url).unwrap().to_string(), "https://api.example.com:8443");
        assert_eq!(Rule::of_origin(&Url::parse("mailto:a@example.com").unwrap()), None);
    }

    #[test]
    fn a_manifest_may_ask_for_the_origin_of_a_setting() {
        assert_eq!("setting:base-url".parse::<Ask>().unwrap(), Ask::Setting("base-url".to_owned()));
        assert!(matches!("https://a.ru".parse::<Ask>().unwrap(), Ask::Place(_)));
        assert!("setting:".parse::<Ask>().is_err());
    }
}
