//! Networks as operators write them, `203.0.113.0/24`, and whether an address is within one.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

/// The addresses that share their first `bits` bits. An IPv4 address in IPv6 clothes is the IPv4
/// address.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                first_bits(own.to_bits().into(), 32, self.bits)
                    == first_bits(other.to_bits().into(), 32, self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                first_bits(own.to_bits(), 128, self.bits)
                    == first_bits(other.to_bits(), 128, self.bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// What is left of `value` with `width` bits once all but the first `bits` are gone.
fn first_bits(value: u128, width: u8, bits: u8) -> u128 {
    // A shift by the whole width is none that a processor knows.
    value.checked_shr(u32::from(width.saturating_sub(bits))).unwrap_or(0)
}

/// The text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    #[error("`{0}` is no network: write an address or a network as in `203.0.113.0/24`")]
    Text(String),
    #[error("`{0}` has bits set after its first {1}: write `{2}`")]
    Rest(String, u8, Network),
}

/// Longest text that an error repeats.
const TEXT_CHARS_MAX: usize = 64;

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let wrong = || InvalidNetwork::Text(text.chars().take(TEXT_CHARS_MAX).collect());
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_no_address| wrong())?;
        let width: u8 = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            // `+8` is a number for Rust.
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().ok().filter(|bits| *bits <= width).ok_or_else(wrong)?
            }
            Some(_) => return Err(wrong()),
        };
        let start = match address {
            IpAddr::V4(own) => {
                let rest = 32 - u32::from(bits);
                let mask = u32::MAX.checked_shl(rest).unwrap_or(0);
                IpAddr::V4((own.to_bits() & mask).into())
            }
            IpAddr::V6(own) => {
                let rest = 128 - u32::from(bits);
                let mask = u128::MAX.checked_shl(rest).unwrap_or(0);
                IpAddr::V6((own.to_bits() & mask).into())
            }
        };
        if start != address {
            let meant = Self { address: start, bits };
            return Err(InvalidNetwork::Rest(text.to_owned(), bits, meant));
        }
        Ok(Self { address, bits }.canonical())
    }
}

impl Network {
    /// `::ffff:192.0.2.0/120` is `192.0.2.0/24`.
    fn canonical(self) -> Self {
        match (self.address.to_canonical(), self.bits.checked_sub(96)) {
            (IpAddr::V4(own), Some(bits)) if self.address.is_ipv6() => {
                Self { address: IpAddr::V4(own), bits }
            }
            _ => self,
        }
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;

    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, bits } = self;
        let is_one = *bits == if address.is_ipv4() { 32 } else { 128 };
        if is_one { write!(f, "{address}") } else { write!(f, "{address}/{bits}") }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let parsed: Network = network.parse().unwrap();
        for address in inside {
            assert!(parsed.contains(address.parse().unwrap()), "{address} in {network}");
        }
        for address in outside {
            assert!(!parsed.contains(address.parse().unwrap()), "{address} not in {network}");
        }
    }

    #[test]
    fn a_network_holds_its_first_and_last_address_and_no_neighbour() {
        check(
            "203.0.113.0/24",
            &["203.0.113.0", "203.0.113.255"],
            &["203.0.112.255", "203.0.114.0"],
        );
        check("10.0.0.0/8", &["10.0.0.0", "10.255.255.255"], &["9.255.255.255", "11.0.0.0"]);
        check("192.0.2.7", &["192.0.2.7"], &["192.0.2.6", "192.0.2.8"]);
        check("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::", "2001:db8::1"]);
        check("2001:db8::/32", &["2001:db8::", "2001:db8:ffff::1"], &["2001:db7::", "192.0.2.1"]);
        check("::/0", &["::", "2001:db8::1"], &["192.0.2.1"]);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_the_same_address() {
        check("192.0.2.0/24", &["::ffff:192.0.2.9"], &["::ffff:192.0.3.9"]);
        check("::ffff:192.0.2.0/120", &["192.0.2.9"], &["192.0.3.0"]);
        assert_eq!("::ffff:192.0.2.0/120".parse::<Network>().unwrap().to_string(), "192.0.2.0/24");
    }

    #[test]
    fn what_is_no_network_is_told_with_the_remedy() {
        for text in
            ["", "all", "192.0.2", "192.0.2.0/33", "::/129", "::/-1", "1.2.3.4/+8", "1.2.3.4/"]
        {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains("203.0.113.0/24"), "{text}: {error}");
        }
        let error = "192.0.2.7/24".parse::<Network>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`192.0.2.7/24` has bits set after its first 24: write `192.0.2.0/24`"
        );
    }

    #[test]
    fn a_network_survives_its_text() {
        for text in ["203.0.113.0/24", "192.0.2.7", "2001:db8::/32"] {
            let network: Network = serde_json::from_value(text.into()).unwrap();
            assert_eq!(serde_json::to_value(network).unwrap(), text);
        }
    }
}
