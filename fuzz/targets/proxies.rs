//! Networks, and what proxies say of whom they ask for. The first line is a network, the second a peer,
//! and the rest are lines of the header.
#![no_main]

use std::net::IpAddr;

use patchbay_floors::{
    config::{Access, ProxyHeader},
    http,
    network::Network,
};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|&byte| byte == b'\n');
    let mut text = || str::from_utf8(lines.next().unwrap_or_default()).unwrap_or_default();
    let (network, peer) = (text().parse::<Network>(), text().parse::<IpAddr>());
    let lines: Vec<&[u8]> = lines.collect();
    if let Ok(network) = &network {
        assert_eq!(network.to_string().parse::<Network>().as_ref(), Ok(network));
    }
    let peer = peer.unwrap_or(IpAddr::from([10, 0, 0, 1]));
    let trusted = Vec::from_iter(network.ok());
    for proxy_header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
        let access = Access { trusted_proxies: trusted.clone(), proxy_header, ..Access::default() };
        let client = http::client(&access, peer, &lines);
        assert_eq!(client, client.to_canonical());
        if !trusted.iter().any(|network| network.contains(peer)) {
            assert_eq!(client, peer.to_canonical(), "a stranger is believed");
        }
    }
});
