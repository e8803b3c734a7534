//! The seats of a port: the connections that it serves at the same time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::node::NeighbourId;

/// The connections that a port serves at the same time, up to a limit, shared fairly between
/// addresses.
///
/// While seats are free, every connection gets one. When none is free, a connection from an address
/// with fewer seats takes the seat of another: that of the longest-silent connection of the address
/// with the most seats. So one address can use all seats, but cannot keep others out.
#[derive(Clone, Debug)]
pub(crate) struct Seats(Arc<Mutex<SeatTable>>);

/// The treatment of a connection that finds no free seat and whose address has its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// It is rejected.
    Refuse,
    /// It takes the seat of the longest-silent connection from the same address.
    ReplaceOldest,
}

#[derive(Debug)]
struct SeatTable {
    most: usize,
    when_full: WhenFull,
    /// The addresses of each neighbour, which other addresses cannot displace.
    favoured: BTreeMap<NeighbourId, Vec<Origin>>,
    next: u64,
    taken: usize,
    by_origin: HashMap<Origin, BTreeMap<u64, Taken>>,
    /// The number of seats of each origin, with the origin, in this order.
    by_share: BTreeSet<(usize, Origin)>,
}

/// The origin of a connection: an IPv4 address, or an IPv6 network of 64 bits, which is the
/// smallest that a host gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Origin(IpAddr);

#[derive(Debug)]
struct Taken {
    /// The time when its connection last sent something; 0 if it never did.
    heard: Arc<AtomicU64>,
    /// Dropped when another connection takes the seat.
    _keep: oneshot::Sender<()>,
}

/// A seat, which becomes free when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    origin: Origin,
    number: u64,
    heard: Arc<AtomicU64>,
}

/// A signal that another connection has taken the seat. The connection must then be closed.
#[derive(Debug)]
pub(crate) struct Lost(oneshot::Receiver<()>);

impl Origin {
    pub(super) fn of(address: IpAddr) -> Origin {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                Origin(IpAddr::V6(network.into()))
            }
            address => Origin(address),
        }
    }
}

impl Seats {
    /// A port with at most `most` seats.
    pub(crate) fn new(most: usize, when_full: WhenFull) -> Seats {
        Seats(Arc::new(Mutex::new(SeatTable {
            most,
            when_full,
            favoured: BTreeMap::new(),
            next: 0,
            taken: 0,
            by_origin: HashMap::new(),
            by_share: BTreeSet::new(),
        })))
    }

    /// Gives connections from the addresses of a neighbour precedence over all others. Replaces the
    /// previous addresses of the neighbour.
    pub(super) fn favour(&self, neighbour: NeighbourId, addresses: &[SocketAddr]) {
        let origins = addresses.iter().map(|address| Origin::of(address.ip())).collect();
        self.lock().favoured.insert(neighbour, origins);
    }

    /// Takes a seat for a connection from `address`, if it can get one.
    pub(crate) fn take(&self, address: IpAddr) -> Option<(Seat, Lost)> {
        let origin = Origin::of(address);
        let mut table = self.lock();
        if table.taken >= table.most {
            let loser = table.loser_to(origin)?;
            table.evict_oldest(loser);
        }
        let number = table.next;
        table.next += 1;
        let (keep, lost) = oneshot::channel();
        let heard = Arc::new(AtomicU64::new(0));
        table.insert(origin, number, Taken { heard: Arc::clone(&heard), _keep: keep });
        drop(table);
        Some((Seat { seats: self.clone(), origin, number, heard }, Lost(lost)))
    }

    /// The number of taken seats.
    pub(super) fn taken(&self) -> usize {
        self.lock().taken
    }

    fn lock(&self) -> MutexGuard<'_, SeatTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SeatTable {
    /// The origin that loses a seat to a connection from `origin`, if there is one.
    fn loser_to(&self, origin: Origin) -> Option<Origin> {
        let share = self.by_origin.get(&origin).map_or(0, BTreeMap::len);
        let is_favoured = |origin: &Origin| self.favoured.values().any(|origins| origins.contains(origin));
        let stranger = self.by_share.iter().rev().find(|(_, other)| !is_favoured(other));
        match stranger {
            Some((_, stranger)) if is_favoured(&origin) => Some(*stranger),
            Some((most, stranger)) if *most > share + 1 => Some(*stranger),
            _ => (self.when_full == WhenFull::ReplaceOldest && share > 0).then_some(origin),
        }
    }

    /// Takes the seat of the longest-silent connection of `origin`.
    fn evict_oldest(&mut self, origin: Origin) {
        let silent = self.by_origin.get(&origin).and_then(|seats| {
            seats.iter().min_by_key(|(number, taken)| (taken.heard.load(Ordering::Relaxed), **number))
        });
        if let Some(number) = silent.map(|(number, _)| *number) {
            self.remove(origin, number);
        }
    }

    fn insert(&mut self, origin: Origin, number: u64, taken: Taken) {
        let seats = self.by_origin.entry(origin).or_default();
        let share = seats.len();
        seats.insert(number, taken);
        self.by_share.remove(&(share, origin));
        self.by_share.insert((share + 1, origin));
        self.taken += 1;
    }

    fn remove(&mut self, origin: Origin, number: u64) {
        let Some(seats) = self.by_origin.get_mut(&origin) else { return };
        let share = seats.len();
        if seats.remove(&number).is_none() {
            return;
        }
        self.taken -= 1;
        self.by_share.remove(&(share, origin));
        if share > 1 {
            self.by_share.insert((share - 1, origin));
        } else {
            self.by_origin.remove(&origin);
        }
    }
}

impl Seat {
    /// Records that the connection sent something, at a time since any fixed moment.
    pub(super) fn note_heard(&self, now: Duration) {
        self.heard.store((now.as_millis() as u64).max(1), Ordering::Relaxed);
    }

    /// The origin of the connection.
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }
}

impl Lost {
    /// Waits until another connection takes the seat. The future is cancellation safe.
    pub(crate) async fn wait(&mut self) {
        if !self.0.is_terminated() {
            // Returns only when the sender is dropped, since nothing is ever sent.
            let _ = (&mut self.0).await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().remove(self.origin, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Limits, Lives, Node};

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    fn take(seats: &Seats, last: u8, number: usize) -> Vec<(Seat, Lost)> {
        (0..number).map(|_| seats.take(address(last)).unwrap()).collect()
    }

    fn neighbour() -> NeighbourId {
        let lives = Lives { epoch: 1, incarnation: 1, hash_seed: 0 };
        Node::new("Alford", &["Bolden".to_owned()], Limits::default(), lives).neighbour("Bolden").unwrap()
    }

    fn is_lost((_, lost): &mut (Seat, Lost)) -> bool {
        lost.0.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn one_address_may_have_all_seats_and_no_more() {
        let seats = Seats::new(3, WhenFull::Refuse);
        let mut taken = take(&seats, 1, 3);
        assert!(seats.take(address(1)).is_none());
        taken.pop();
        assert!(seats.take(address(1)).is_some());
    }

    #[test]
    fn other_addresses_get_their_share_from_the_one_that_has_most() {
        let seats = Seats::new(4, WhenFull::Refuse);
        let mut crowd = take(&seats, 1, 4);
        crowd[0].0.note_heard(Duration::from_secs(9));
        let _others = take(&seats, 2, 2);
        assert_eq!(crowd.iter_mut().map(is_lost).collect::<Vec<_>>(), [false, true, true, false]);
        assert!(seats.take(address(2)).is_none(), "both have half");
        assert_eq!(seats.taken(), 4);
        drop(crowd);
        assert_eq!(seats.taken(), 2);
    }

    #[test]
    fn a_newer_connection_replaces_the_oldest_that_has_said_nothing() {
        let seats = Seats::new(2, WhenFull::ReplaceOldest);
        let mut first = take(&seats, 1, 2);
        first[0].0.note_heard(Duration::ZERO);
        let _next = seats.take(address(1)).unwrap();
        assert_eq!(first.iter_mut().map(is_lost).collect::<Vec<_>>(), [false, true]);
        let _after = seats.take(address(1)).unwrap();
        assert!(!is_lost(&mut first[0]), "the silent one goes first");
    }

    #[test]
    fn a_favoured_address_gets_in_whatever_its_share_is_and_is_not_crowded_out() {
        let seats = Seats::new(4, WhenFull::ReplaceOldest);
        seats.favour(neighbour(), &[SocketAddr::new(address(1), 9)]);
        let mut neighbours = take(&seats, 1, 3);
        let mut stranger = seats.take(address(2)).unwrap();
        assert!(seats.take(address(3)).is_none(), "a stranger takes no seat from a neighbour");
        neighbours.extend(seats.take(address(1)));
        assert!(is_lost(&mut stranger));
        assert!(!neighbours.iter_mut().any(is_lost));
    }

    #[test]
    fn a_neighbour_whose_name_has_moved_is_favoured_at_its_new_address_only() {
        let seats = Seats::new(2, WhenFull::ReplaceOldest);
        let at = |host| SocketAddr::new(address(host), 9);
        seats.favour(neighbour(), &[at(1), at(2)]);
        seats.favour(neighbour(), &[at(2), at(3)]);
        let mut taken: Vec<_> = [1, 3].into_iter().filter_map(|host| seats.take(address(host))).collect();
        let _moved = seats.take(address(2)).unwrap();
        assert_eq!(taken.iter_mut().map(is_lost).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let of = |text: &str| Origin::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::1"), of("2001:db8:1:2:9::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:127.0.0.1"), of("127.0.0.1"));
    }

    #[test]
    fn an_address_takes_a_seat_only_from_one_that_still_has_as_many_afterwards() {
        for (most, own, is_taken) in [(2, 0, true), (3, 1, false), (4, 1, true), (5, 2, false)] {
            let seats = Seats::new(most, WhenFull::Refuse);
            let _own = take(&seats, 2, own);
            let _crowd = take(&seats, 1, most - own);
            assert_eq!(seats.take(address(2)).is_some(), is_taken, "{own} of {most}");
        }
    }

    #[test]
    fn a_stranger_takes_a_seat_from_another_stranger_while_a_neighbour_has_the_most() {
        let seats = Seats::new(5, WhenFull::Refuse);
        seats.favour(neighbour(), &[SocketAddr::new(address(1), 9)]);
        let mut neighbours = take(&seats, 1, 3);
        let mut strangers = take(&seats, 2, 2);
        assert!(seats.take(address(3)).is_some());
        assert!(!neighbours.iter_mut().any(is_lost));
        assert!(is_lost(&mut strangers[0]));
    }

    #[test]
    fn nothing_is_kept_of_an_address_that_has_no_seat_any_more() {
        let seats = Seats::new(4, WhenFull::Refuse);
        drop([take(&seats, 1, 3), take(&seats, 2, 1)]);
        let table = seats.lock();
        assert!(table.by_origin.is_empty() && table.by_share.is_empty(), "{table:?}");
    }
}
