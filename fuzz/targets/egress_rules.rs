//! The allow-list: the first line is a rule, the second a URL.
#![no_main]

use patchbay_floors::{
    capability::{Ask, Rule},
    plugin,
};
use std::net::{IpAddr, Ipv4Addr};
use url::{Host, Url};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (rule, url) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(Ask::Place(asked)) = rule.parse::<Ask>() {
        assert_eq!(
            rule.parse::<Rule>().ok().as_ref(),
            Some(&asked),
            "asked and granted are read alike"
        );
    }
    let url = Url::parse(url);
    if let Ok(url) = &url {
        reach(url);
    }
    let Ok(rule) = rule.parse::<Rule>() else { return };
    assert_eq!(
        rule.to_string().parse::<Rule>().ok().as_ref(),
        Some(&rule),
        "a rule is read as it is written"
    );
    let Ok(url) = url else { return };
    if let Some(own) = Rule::of_origin(&url) {
        let is_bare = url.username().is_empty() && url.password().is_none();
        assert_eq!(own.allows(&url), is_bare, "{url}");
    }
    if rule.allows(&url) {
        is_rightly_allowed(&rule.to_string(), &url);
    }
});

/// The same decision made once more from the texts alone, in another way than the host's.
fn is_rightly_allowed(rule: &str, url: &Url) {
    let (scheme, authority) = rule.split_once("://").expect("a rule has a scheme");
    assert_eq!(scheme, url.scheme());
    assert!(!url.authority().contains('@'));
    let host = url.host_str().expect("an allowed URL has a host");
    let host = host.strip_suffix('.').unwrap_or(host);
    let default = if scheme == "https" { 443 } else { 80 };
    let port = url.port().unwrap_or(default);
    let name = match authority.rsplit_once(':') {
        Some((name, digits)) if !digits.ends_with(']') => {
            assert_eq!(digits.parse(), Ok(port));
            name
        }
        _ => {
            assert_eq!(port, default);
            authority
        }
    };
    match name.strip_prefix('*') {
        Some(domain) => {
            assert!(domain.starts_with('.') && domain.len() < host.len() && host.ends_with(domain));
            assert!(matches!(url.host(), Some(Host::Domain(_))));
        }
        None => assert_eq!(name, host),
    }
}

/// An address is judged alike in all its clothes.
fn reach(url: &Url) {
    let addresses: Vec<IpAddr> = match url.host() {
        Some(Host::Ipv4(address)) => clothes(address),
        Some(Host::Ipv6(address)) => match address.to_ipv4_mapped() {
            Some(address) => clothes(address),
            None => vec![address.into()],
        },
        Some(Host::Domain(_)) | None => return,
    };
    let kinds: Vec<String> = addresses.iter().map(|address| plugin::reach(*address)).collect();
    assert!(kinds.windows(2).all(|pair| pair[0] == pair[1]), "{addresses:?} {kinds:?}");
}

fn clothes(address: Ipv4Addr) -> Vec<IpAddr> {
    vec![address.into(), address.to_ipv6_mapped().into()]
}
