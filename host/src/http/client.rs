//! Who asks: the peer of the connection, or whom a trusted proxy asks for.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

use crate::{
    config::{Access, ProxyHeader},
    network::Network,
};

/// The address of whoever asks, in its own notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client(pub(super) IpAddr);

/// The proxies that are believed.
#[derive(Debug)]
pub(super) struct Proxies {
    trusted: Vec<Network>,
    header: ProxyHeader,
}

impl Proxies {
    pub(super) fn new(access: &Access) -> Self {
        Self { trusted: access.trusted_proxies.clone(), header: access.proxy_header }
    }

    /// The last address on the way that is no trusted proxy. What came before it was written by
    /// strangers.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        for hop in self.hops(headers).into_iter().rev() {
            // A hop without an address hides who came before it: the one that tells of it answers.
            let Some(address) = hop else { break };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// In the order of the way; `None` for a hop whose address is not told.
    fn hops(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let (name, read): (HeaderName, fn(&str) -> Option<IpAddr>) = match self.header {
            ProxyHeader::XForwardedFor => (HeaderName::from_static("x-forwarded-for"), address),
            ProxyHeader::Forwarded => (header::FORWARDED, forwarded_for),
        };
        let lines = headers.get_all(name).into_iter();
        // A line that is no text still counts as a hop.
        lines
            .flat_map(|line| {
                line.to_str().unwrap_or_default().split(',').map(read).collect::<Vec<_>>()
            })
            .collect()
    }
}

/// The `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

/// An address with or without a port: `192.0.2.7:80`, `[2001:db8::1]:80`, `2001:db8::1`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: ProxyHeader, peer: &str, lines: &[&str], expected: &str) {
        let access = Access {
            trusted_proxies: vec![
                "10.0.0.0/8".parse().unwrap(),
                "2001:db8:1::/48".parse().unwrap(),
            ],
            proxy_header: header,
            ..Access::default()
        };
        let name = match header {
            ProxyHeader::XForwardedFor => "x-forwarded-for",
            ProxyHeader::Forwarded => "forwarded",
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, line.parse().unwrap());
        }
        // What a stranger writes into the other one is not read.
        let other = if name == "forwarded" { "x-forwarded-for" } else { "forwarded" };
        headers.append(other, "for=203.0.113.99, 203.0.113.99".parse().unwrap());
        let client = Proxies::new(&access).client(peer.parse().unwrap(), &headers);
        assert_eq!(client.to_string(), expected, "{peer} {lines:?}");
    }

    #[test]
    fn a_peer_that_is_no_proxy_is_not_believed() {
        check(ProxyHeader::XForwardedFor, "192.0.2.7", &["203.0.113.5"], "192.0.2.7");
        check(ProxyHeader::Forwarded, "::ffff:192.0.2.7", &["for=203.0.113.5"], "192.0.2.7");
    }

    #[test]
    fn the_last_stranger_on_the_way_is_who_asks() {
        let header = ProxyHeader::XForwardedFor;
        check(header, "10.0.0.1", &[], "10.0.0.1");
        check(header, "10.0.0.1", &["203.0.113.5"], "203.0.113.5");
        check(header, "10.0.0.1", &["198.51.100.1, 203.0.113.5"], "203.0.113.5");
        check(header, "10.0.0.1", &["198.51.100.1", "203.0.113.5, 10.9.9.9"], "203.0.113.5");
        check(header, "10.0.0.1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1");
        check(header, "::ffff:10.0.0.1", &["::ffff:203.0.113.5"], "203.0.113.5");
        check(header, "2001:db8:1::1", &["2001:db8::5"], "2001:db8::5");
        check(header, "10.0.0.1", &["203.0.113.5:4711"], "203.0.113.5");
    }

    #[test]
    fn a_hop_that_hides_ends_the_way() {
        let header = ProxyHeader::XForwardedFor;
        check(header, "10.0.0.1", &["203.0.113.5, unknown"], "10.0.0.1");
        check(header, "10.0.0.1", &["203.0.113.5, , 10.2.2.2"], "10.2.2.2");
        check(ProxyHeader::Forwarded, "10.0.0.1", &["for=203.0.113.5, for=_secret"], "10.0.0.1");
        check(ProxyHeader::Forwarded, "10.0.0.1", &["proto=https"], "10.0.0.1");
    }

    #[test]
    fn forwarded_is_read_with_its_quotes_and_brackets() {
        let header = ProxyHeader::Forwarded;
        let line = "For=\"[2001:db8:cafe::17]:4711\";proto=http;by=203.0.113.43";
        check(header, "10.0.0.1", &[line], "2001:db8:cafe::17");
        check(header, "10.0.0.1", &["proto=https;for=203.0.113.5"], "203.0.113.5");
        check(header, "10.0.0.1", &["for=203.0.113.5, for=\"10.0.0.9:80\""], "203.0.113.5");
    }
}
