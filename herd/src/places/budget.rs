//! The rate limits of requests to a service that bills them: those of the node, and those of each
//! client address.
//!
//! Requests are counted in windows of the wall clock: minutes, and days of UTC. Each window has a
//! limit for the node, and each client address may use a share of it, so that one address cannot
//! exhaust the limit for all others. The counts are in memory: a restart begins with empty windows.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::node::Limits;

/// The part of a limit, in percent, from which the log warns.
const WARN_PERCENT: u64 = 80;

/// The bits of an IPv6 address that identify a subscriber.
const SUBSCRIBER: u128 = u128::MAX << 64;

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * 60;

/// The rate limits of a node. Times are durations since 1970-01-01 00:00:00 UTC.
#[derive(Debug)]
pub(super) struct Budget {
    windows: Vec<Window>,
    refused: u64,
}

/// The number of requests left, and the number rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetState {
    /// The requests left to the node by window, `minute` or `day`. A window without a limit is
    /// missing.
    pub left: Vec<(&'static str, u64)>,
    /// The requests rejected since the node started.
    pub refused: u64,
}

/// The limit that has been reached, and its duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Default))]
pub struct Spent {
    window: &'static str,
    limit: u64,
    /// Whether the share of one address is exhausted, and not the limit of the node.
    is_share: bool,
    /// The time until the next window begins.
    wait: Duration,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Budget {
        let windows = [("minute", MINUTE, limits.places_per_minute), ("day", DAY, limits.places_per_day)];
        let windows = windows.into_iter().filter_map(|(name, seconds, limit)| {
            let limit = u64::from(limit?);
            let share = (limit * u64::from(limits.places_address_percent) / 100).max(1);
            Some(Window { name, seconds, limit, share, ..Window::default() })
        });
        Budget { windows: windows.collect(), refused: 0 }
    }

    /// Whether a request for `client` may be sent now.
    ///
    /// # Errors
    /// A limit is exhausted.
    pub(super) fn check(&mut self, client: IpAddr, now: Duration) -> Result<(), Spent> {
        let client = subscriber(client);
        self.windows.iter_mut().for_each(|window| window.turn_to(now));
        let spent = self.windows.iter().filter_map(|window| window.spent(client, now));
        // The window that ends last decides when to retry.
        match spent.max_by_key(|spent| spent.wait) {
            None => Ok(()),
            Some(spent) => {
                self.refused += 1;
                Err(spent)
            }
        }
    }

    /// Counts a request for `client`, which must be sent now.
    ///
    /// # Errors
    /// A limit is exhausted: the request must not be sent.
    pub(super) fn take(&mut self, client: IpAddr, now: Duration) -> Result<(), Spent> {
        self.check(client, now)?;
        self.windows.iter_mut().for_each(|window| window.take(subscriber(client)));
        Ok(())
    }

    pub(super) fn state(&mut self, now: Duration) -> BudgetState {
        self.windows.iter_mut().for_each(|window| window.turn_to(now));
        let left = self.windows.iter().map(|window| (window.name, window.limit - window.used)).collect();
        BudgetState { left, refused: self.refused }
    }
}

#[derive(Debug, Default)]
struct Window {
    name: &'static str,
    seconds: u64,
    limit: u64,
    /// The share of one address.
    share: u64,
    /// The number of the counted window since 1970.
    current: u64,
    used: u64,
    /// The requests by address, with at most one entry per request sent.
    used_by: HashMap<IpAddr, u64>,
}

impl Window {
    /// Resets the counts if a later window has begun. They stay if the clock is set back, since the
    /// requests have been billed.
    fn turn_to(&mut self, now: Duration) {
        let window = now.as_secs() / self.seconds;
        if window > self.current {
            self.used = 0;
            self.used_by.clear();
        }
        self.current = window;
    }

    fn spent(&self, client: IpAddr, now: Duration) -> Option<Spent> {
        let of_client = self.used_by.get(&client).copied().unwrap_or_default();
        let is_spent = self.used >= self.limit;
        let is_share = of_client >= self.share;
        let wait = Duration::from_secs(self.seconds - now.as_secs() % self.seconds);
        let limit = if is_spent { self.limit } else { self.share };
        (is_spent || is_share).then_some(Spent { window: self.name, limit, is_share: !is_spent, wait })
    }

    fn take(&mut self, client: IpAddr) {
        self.used += 1;
        *self.used_by.entry(client).or_default() += 1;
        // Only one request of a window reaches each of these counts.
        let is_at = |percent: u64| self.used == (self.limit * percent).div_ceil(100);
        let used = self.used;
        let limit = self.limit;
        let window = self.name;
        if is_at(100) {
            tracing::warn!(used, limit, window, "rate limit of the places service reached");
        } else if is_at(WARN_PERCENT) {
            let percent = WARN_PERCENT;
            tracing::warn!(used, limit, percent, window, "rate limit of the places service nearly reached");
        }
    }
}

/// The key of an address: an IPv4 address, or the part of an IPv6 address that identifies a
/// subscriber.
fn subscriber(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & SUBSCRIBER).into(),
        address => address,
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spent { window, limit, is_share, wait } = *self;
        let who = if is_share { "each client address" } else { "this node" };
        let wait = humantime::format_duration(wait);
        write!(
            f,
            "the rate limit is reached: {who} may cause {limit} requests to the places service per {window}. Try again in {wait}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn budget(per_minute: Option<u32>, per_day: Option<u32>, percent: u32) -> Budget {
        Budget::new(&Limits {
            places_per_minute: per_minute,
            places_per_day: per_day,
            places_address_percent: percent,
            ..Limits::default()
        })
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(20_000 * DAY + seconds)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The number of requests that `client` may send now.
    fn most(budget: &mut Budget, client: IpAddr, now: Duration) -> usize {
        (0..1000).take_while(|_| budget.take(client, now).is_ok()).count()
    }

    #[test]
    fn an_address_gets_its_share_and_the_node_its_limit_in_each_minute() {
        let mut budget = budget(Some(10), None, 40);
        for minute in [0, 60] {
            let gets = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]
                .map(|client| most(&mut budget, address(client), at(minute + 59)));
            assert_eq!(gets, [4, 4, 2, 0]);
        }
        assert_eq!(budget.state(at(119)), BudgetState { left: vec![("minute", 0)], refused: 8 });
        assert_eq!(budget.state(at(120)).left, [("minute", 10)]);
    }

    #[test]
    fn the_day_has_a_limit_of_its_own() {
        let mut budget = budget(Some(10), Some(25), 100);
        let gets = [0, 60, 120, 180].map(|second| most(&mut budget, HERE, at(second)));
        assert_eq!(gets, [10, 10, 5, 0]);
        assert_eq!(most(&mut budget, HERE, at(DAY)), 10);
    }

    #[test]
    fn a_refusal_says_which_limit_was_reached_and_when_to_try_again() {
        let mut budget = budget(Some(4), Some(5), 50);
        assert_eq!(most(&mut budget, HERE, at(10)), 2);
        assert_eq!(most(&mut budget, address("10.0.0.1"), at(11)), 2);
        assert_eq!(
            budget.check(address("10.0.0.2"), at(11)).unwrap_err().to_string(),
            "the rate limit is reached: this node may cause 4 requests to the places service per minute. Try again in 49s"
        );
        assert_eq!(
            budget.check(HERE, at(DAY - 61)).unwrap_err().to_string(),
            "the rate limit is reached: each client address may cause 2 requests to the places service per day. Try again in 1m 1s"
        );
    }

    #[test]
    fn without_limits_nothing_is_refused_or_kept() {
        let mut budget = budget(None, None, 1);
        assert_eq!(most(&mut budget, HERE, at(0)), 1000);
        assert_eq!(budget.state(at(0)), BudgetState::default());
    }

    #[test]
    fn a_clock_that_is_set_back_gives_no_requests() {
        let mut budget = budget(Some(2), None, 100);
        assert_eq!(most(&mut budget, HERE, at(600)), 2);
        assert_eq!(most(&mut budget, HERE, at(0)), 0);
        assert_eq!(most(&mut budget, HERE, at(60)), 2);
    }

    #[test]
    fn addresses_of_one_subscriber_share_and_others_do_not() {
        for (first, second, left) in [
            ("2001:db8::1", "2001:db8::ffff:2", 0),
            ("2001:db8::1", "2001:db8:0:1::1", 1),
            ("10.0.0.1", "::ffff:10.0.0.1", 0),
            ("10.0.0.1", "10.0.0.2", 1),
        ] {
            let mut budget = budget(Some(2), None, 50);
            assert_eq!(most(&mut budget, address(first), at(0)), 1);
            assert_eq!(most(&mut budget, address(second), at(0)), left, "{first} {second}");
        }
    }
}
