//! Wrong API tokens: an address that sends them has to wait, and the database is not asked.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::{account::Rate, storage::turn};

/// Wrong tokens that one address may send.
const RATE: Rate = Rate { per_second: 1.0, burst: 10 };

/// Addresses remembered at once. Beyond it those that have rested are forgotten, and then all.
const ADDRESSES_MAX: usize = 10_000;

/// Who sent wrong tokens, in this host's memory: address, and when it will have rested.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<IpAddr, Timestamp>>);

impl Guesses {
    /// How long the address has to wait before it is listened to; `None` for not at all.
    pub(super) fn wait(&self, client: IpAddr, now: Timestamp) -> Option<Duration> {
        let guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, _) = turn(guesses.get(&group(client)).copied(), RATE, now);
        (now < at).then(|| Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
    }

    /// Remembers that the address sent a wrong token.
    pub(super) fn count(&self, client: IpAddr, now: Timestamp) {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ADDRESSES_MAX <= guesses.len() {
            guesses.retain(|_, rested| now < *rested);
        }
        if ADDRESSES_MAX <= guesses.len() {
            guesses.clear();
        }
        let client = group(client);
        let (_, after) = turn(guesses.get(&client).copied(), RATE, now);
        guesses.insert(client, after);
    }
}

/// Whoever has one IPv6 address has all of its /64.
fn group(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn an_address_that_guesses_waits_and_no_other_does() {
        let guesses = Guesses::default();
        let [bad, good] = ["192.0.2.7", "192.0.2.8"].map(|text| text.parse().unwrap());
        for _ in 0..10 {
            assert_eq!(guesses.wait(bad, at(0)), None);
            guesses.count(bad, at(0));
        }
        assert_eq!(guesses.wait(bad, at(0)), Some(Duration::from_secs(1)));
        assert_eq!(guesses.wait(bad, at(999)), Some(Duration::from_millis(1)));
        assert_eq!(guesses.wait(bad, at(1000)), None);
        assert_eq!(guesses.wait(good, at(0)), None);
    }

    #[test]
    fn a_network_of_ipv6_is_one_guesser() {
        let guesses = Guesses::default();
        for guess in 0..10_u32 {
            guesses.count(format!("2001:db8::{guess:x}").parse().unwrap(), at(0));
        }
        assert!(guesses.wait("2001:db8::ffff".parse().unwrap(), at(0)).is_some());
        assert!(guesses.wait("2001:db8:0:1::1".parse().unwrap(), at(0)).is_none());
    }

    #[test]
    fn only_so_many_addresses_are_remembered() {
        let guesses = Guesses::default();
        for guess in 0..=ADDRESSES_MAX {
            let address = u32::try_from(guess).unwrap();
            guesses.count(IpAddr::V4(address.into()), at(0));
        }
        assert_eq!(guesses.0.lock().unwrap().len(), 1);
    }
}
