//! Which addresses belong to the public internet. All others need a grant with `private`, and some
//! a grant that names the address itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks that are not public, as address and prefix length.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::UNSPECIFIED, 8), // this network; Linux connects it to itself
    (Ipv4Addr::new(10, 0, 0, 0), 8), // private
    (Ipv4Addr::new(100, 64, 0, 0), 10), // carrier-grade NAT, with one cloud's metadata in it
    (Ipv4Addr::new(127, 0, 0, 0), 8), // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // the host agent of one cloud
    (Ipv4Addr::new(169, 254, 0, 0), 16), // link-local, with the metadata of most clouds in it
    (Ipv4Addr::new(172, 16, 0, 0), 12), // private
    (Ipv4Addr::new(192, 0, 0, 0), 24), // protocol assignments, with one cloud's metadata in it
    (Ipv4Addr::new(192, 0, 2, 0), 24), // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24), // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16), // private
    (Ipv4Addr::new(198, 18, 0, 0), 15), // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24), // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4), // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4), // reserved, and broadcast
];

/// Exceptions within the public `2000::/3`.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo, benchmarks
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

const PUBLIC_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Networks that nobody means with a private CRM: the machine's own cloud answers there, or
/// everybody at once.
const SENSITIVE_V4: [(Ipv4Addr, u32); 7] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(100, 100, 100, 200), 32), // the metadata of one cloud
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(192, 0, 0, 192), 32), // the metadata of one cloud
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Likewise.
const SENSITIVE_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::UNSPECIFIED, 128),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10), // link-local
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128), // the metadata of one cloud
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128), // the metadata of one cloud
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),  // multicast
];

/// What it takes to reach an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Public,
    /// Loopback, private networks and the like: a grant with `private`.
    Private,
    /// Link-local addresses, metadata of clouds, multicast: a grant that names the address itself.
    Sensitive,
}

/// An IPv4 address in IPv6 clothes is judged as the IPv4 address.
pub(super) fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    let is_in = |nets: &[(Ipv4Addr, u32)]| nets.iter().any(|net| is_within_v4(address, *net));
    if is_in(&SENSITIVE_V4) {
        Kind::Sensitive
    } else if is_in(&NOT_PUBLIC_V4) {
        Kind::Private
    } else {
        Kind::Public
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    let is_in = |nets: &[(Ipv6Addr, u32)]| nets.iter().any(|net| is_within_v6(address, *net));
    if is_in(&SENSITIVE_V6) {
        return Kind::Sensitive;
    }
    // Not the IPv4 address 0.0.0.1.
    if address == Ipv6Addr::LOCALHOST {
        return Kind::Private;
    }
    match inner_v4(address).map(kind_v4) {
        Some(Kind::Public) | None if is_in(&[PUBLIC_V6]) && !is_in(&NOT_PUBLIC_V6) => Kind::Public,
        Some(inner) => inner,
        None => Kind::Private,
    }
}

#[cfg(test)]
fn is_public(address: IpAddr) -> bool {
    kind(address) == Kind::Public
}

fn is_within_v4(address: Ipv4Addr, (net, prefix): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ net.to_bits()).leading_zeros() >= prefix
}

fn is_within_v6(address: Ipv6Addr, (net, prefix): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ net.to_bits()).leading_zeros() >= prefix
}

/// Mapped, compatible, translated (RFC 2765), NAT64, 6to4 and ISATAP addresses carry one of IPv4.
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            Some(from(high, low))
        }
        [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => Some(from(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
    }

    #[test]
    fn private_networks_end_where_they_end() {
        for inside in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
        ] {
            check(inside, false);
        }
        for outside in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.17",
        ] {
            check(outside, true);
        }
    }

    #[test]
    fn ipv6_is_public_only_in_its_public_part() {
        for bad in [
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "64:ff9b:1::1",
            "100::1",
            "5f00::1",
        ] {
            check(bad, false);
        }
        for good in ["2606:4700::1111", "2a00:1450::1", "2001:4860::8888", "3ffe::1"] {
            check(good, true);
        }
    }

    #[test]
    fn an_address_in_other_clothes_is_the_same_address() {
        for bad in [
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::169.254.169.254",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "::ffff:0.0.0.0",
            "2606:4700::5efe:10.0.0.1",
            "2606:4700::200:5efe:169.254.169.254",
            "fec0::1",
        ] {
            check(bad, false);
        }
        for good in ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"] {
            check(good, true);
        }
    }

    #[test]
    fn metadata_and_link_local_addresses_are_no_private_network() {
        let check =
            |text: &str, expected| assert_eq!(kind(text.parse().unwrap()), expected, "{text}");
        for sensitive in [
            "0.0.0.0",
            "0.255.255.255",
            "169.254.0.0",
            "169.254.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "febf:ffff::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "2606:4700::5efe:169.254.169.254",
        ] {
            check(sensitive, Kind::Sensitive);
        }
        for private in [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "10.0.0.5",
            "100.100.100.199",
            "192.168.1.1",
            "fc00::1",
            "fd00:ec2::253",
            "fec0::1",
        ] {
            check(private, Kind::Private);
        }
    }
}
