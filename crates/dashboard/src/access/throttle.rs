//! How often one address may try to sign in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Attempts at once, and how many a second come back.
const BURST: f64 = 20.0;
const PER_SECOND: f64 = 0.2;

/// Addresses that are remembered; more, and the list begins anew.
const MOST: usize = 100_000;

/// Attempts by address.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    left: Mutex<HashMap<IpAddr, (f64, Instant)>>,
}

impl Throttle {
    /// Counts an attempt; false where there were too many.
    pub(crate) fn allow(&self, address: IpAddr) -> bool {
        let address = network(address);
        let now = Instant::now();
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.len() >= MOST {
            left.clear();
        }
        let entry = left.entry(address).or_insert((BURST, now));
        entry.0 = (entry.0 + (now - entry.1).as_secs_f64() * PER_SECOND).min(BURST);
        entry.1 = now;
        if entry.0 < 1.0 {
            return false;
        }
        entry.0 -= 1.0;
        true
    }
}

/// An address of IPv6 stands for its network: whoever has one has all 2^64 addresses of it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_of_one_network_count_together() {
        let throttle = Throttle::default();
        let own = |host| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]);
        assert_eq!((0..100).filter(|&host| throttle.allow(own(host))).count(), 20);
        assert!(throttle.allow(IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1])));
        // IPv4 within IPv6 is IPv4.
        let within = |host| IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0xa00, host]);
        assert!((0..100).all(|host| throttle.allow(within(host))));
    }

    #[test]
    fn an_address_that_tries_too_often_waits_and_others_do_not() {
        let throttle = Throttle::default();
        let [a, b] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from);
        let allowed = (0..100).filter(|_| throttle.allow(a)).count();
        assert_eq!(allowed, 20);
        assert!(throttle.allow(b));
    }
}
