//! IP addresses and networks: who may send.

use std::net::IpAddr;

/// One address, or all that share its first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u32,
}

/// The entries of a list with commas, semicolons or blanks between them; the first faulty one
/// otherwise.
pub(crate) fn list(text: &str) -> Result<Vec<Network>, String> {
    let entries = text.split(|c: char| c == ',' || c == ';' || c.is_whitespace());
    let network = |entry: &str| Network::parse(entry).ok_or_else(|| entry.to_owned());
    entries.filter(|entry| !entry.is_empty()).map(network).collect()
}

impl Network {
    /// `203.0.113.7`, `198.51.100.0/24`, `2001:db8::/32`.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((address, prefix)) => (address, Some(prefix)),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = bits_of(address);
        let prefix = match prefix {
            None => bits,
            Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                prefix.parse().ok().filter(|&prefix| prefix <= bits)?
            }
            Some(_) => return None,
        };
        Some(Self { address, prefix })
    }

    /// Whether the address is one of these. An IPv4 address within IPv6 counts as IPv4.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs) = (self.address, address.to_canonical());
        match (ours, theirs) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differing = u32::from(ours) ^ u32::from(theirs);
                self.prefix <= differing.leading_zeros()
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differing = u128::from(ours) ^ u128::from(theirs);
                self.prefix <= differing.leading_zeros()
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn bits_of(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_within_its_network_and_not_beyond_its_edges() {
        let cases = [
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("198.51.100.0/24", "198.51.100.255", true),
            ("198.51.100.0/24", "198.51.101.0", false),
            ("198.51.100.9/31", "198.51.100.8", true),
            ("198.51.100.9/31", "198.51.100.10", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("203.0.113.7", "::ffff:203.0.113.7", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::1", "2001:db8::1", true),
        ];
        for (network, address, expected) in cases {
            let network = Network::parse(network).unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                expected,
                "{network:?} {address}"
            );
        }
    }

    #[test]
    fn lists_are_read_and_faulty_entries_named() {
        assert_eq!(list(" 203.0.113.7,198.51.100.0/24;\n2001:db8::/32 ").unwrap().len(), 3);
        assert_eq!(list(" , ").unwrap(), []);
        for wrong in
            ["203.0.113", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "example.com"]
        {
            assert_eq!(list(&format!("203.0.113.7 {wrong}")), Err(wrong.to_owned()));
        }
    }
}
