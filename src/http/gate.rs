//! How many may be inside at the same time, in all and from one address.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

/// Lets so many in, and no more.
#[derive(Clone, Debug)]
pub struct Gate {
    most: usize,
    most_of_one: usize,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    /// By address, where that is known.
    each: HashMap<Option<IpAddr>, usize>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There are as many as may be.
    All,
    /// There are as many from this address as may be.
    OfOne,
}

/// A place inside, given up when it is dropped.
#[derive(Debug)]
pub struct Ticket {
    gate: Gate,
    address: Option<IpAddr>,
}

impl Gate {
    /// A gate that lets `most` in, and `most_of_one` from one address.
    pub fn new(most: usize, most_of_one: usize) -> Self {
        Self { most, most_of_one, inside: Arc::default() }
    }

    /// Lets somebody in.
    ///
    /// # Errors
    /// Which limit is reached.
    pub fn enter(&self, address: Option<IpAddr>) -> Result<Ticket, Full> {
        // Whoever has one address of version 6 has the whole network of them.
        let address = address.map(network);
        let mut inside = self.inside.lock();
        if inside.all >= self.most {
            return Err(Full::All);
        }
        let theirs = inside.each.entry(address).or_default();
        if *theirs >= self.most_of_one && address.is_some() {
            return Err(Full::OfOne);
        }
        *theirs += 1;
        inside.all += 1;
        Ok(Ticket { gate: self.clone(), address })
    }
}

/// The network of an address that whoever has it has all of.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut inside = self.gate.inside.lock();
        inside.all -= 1;
        if let Some(theirs) = inside.each.get_mut(&self.address) {
            *theirs -= 1;
            if *theirs == 0 {
                inside.each.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_let_in_and_no_more() {
        let address = |text: &str| Some(text.parse().unwrap());
        let gate = Gate::new(3, 2);
        let _first = gate.enter(address("10.0.0.1")).unwrap();
        let second = gate.enter(address("10.0.0.1")).unwrap();
        assert_eq!(gate.enter(address("10.0.0.1")).err(), Some(Full::OfOne));
        let _other = gate.enter(address("2001:db8::1")).unwrap();
        assert_eq!(gate.enter(address("10.0.0.2")).err(), Some(Full::All));
        drop(second);
        let _again = gate.enter(address("::ffff:10.0.0.1")).unwrap();
        assert_eq!(gate.inside.lock().each.len(), 2);
    }

    #[test]
    fn one_network_of_version_6_is_one_address() {
        let gate = Gate::new(9, 1);
        let _first = gate.enter(Some("2001:db8::1".parse().unwrap())).unwrap();
        assert_eq!(gate.enter(Some("2001:db8::ffff:2".parse().unwrap())).err(), Some(Full::OfOne));
    }
}
