//! Points in time and the differences between them, exact to the nanosecond.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::decimal::{Decimal, sixteen_digits};

const NANOSECONDS: i128 = 1_000_000_000;

/// The length of a window in nanoseconds is 2 to the power of this. All nodes must use the same.
const WINDOW: u32 = 26;

/// The last second of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// A POSIX time. It is a pair, because the nanoseconds of the year 9999 do not fit 64 bits, and has
/// the order of the pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub seconds: u64,
    /// Nanoseconds since that second, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl Time {
    /// Returns the time `duration` after this one. It saturates far beyond the year 9999.
    pub fn plus(self, duration: Duration) -> Time {
        let nanoseconds = self.nanoseconds + duration.subsec_nanos();
        let carry = u64::from(nanoseconds >= NANOSECONDS as u32);
        Time {
            seconds: self.seconds.saturating_add(duration.as_secs()).saturating_add(carry),
            nanoseconds: nanoseconds % NANOSECONDS as u32,
        }
    }

    /// Returns the [window](super::At::window) of reports that are received at this time.
    pub fn window(self) -> u64 {
        Skew(0).window(self)
    }

    /// Returns the number of windows that a duration takes, rounded down.
    pub fn windows_in(duration: Duration) -> u64 {
        u64::try_from(duration.as_nanos() >> WINDOW).unwrap_or(u64::MAX)
    }

    /// Returns the time at which a window begins.
    pub fn of_window(window: u64) -> Time {
        let nanoseconds = u128::from(window) << WINDOW;
        let per_second = NANOSECONDS as u128;
        Time {
            seconds: u64::try_from(nanoseconds / per_second).unwrap_or(u64::MAX),
            nanoseconds: (nanoseconds % per_second) as u32,
        }
    }

    /// Returns the microseconds since 1970-01-01 00:00:00 UTC.
    pub fn microseconds(self) -> u64 {
        self.seconds.saturating_mul(1_000_000).saturating_add(u64::from(self.nanoseconds / 1_000))
    }

    fn nanoseconds_since_epoch(self) -> i128 {
        i128::from(self.seconds) * NANOSECONDS + i128::from(self.nanoseconds)
    }
}

impl From<SystemTime> for Time {
    /// Converts the time of a clock. A time before 1970 becomes 1970.
    fn from(time: SystemTime) -> Time {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Time { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() }
    }
}

/// A client's time: its value, and the bytes that the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    text: &'a [u8],
    time: Time,
    /// The numbers of digits before and after the point.
    digits: (u8, u8),
}

impl<'a> Stamp<'a> {
    /// Parses a field; `None` if it is not a time: 1 to 12 digits, optionally a point and 1 to 9
    /// digits, at most the last second of the year 9999.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let decimal = Decimal::parse(text, 12, 9)?;
        if decimal.exceeds(LAST_SECOND) {
            return None;
        }
        let digits = (decimal.whole.text.len() as u8, decimal.fraction.text.len() as u8);
        let scale = 10_u64.pow(9 - u32::from(digits.1));
        let nanoseconds = (decimal.fraction.value * scale) as u32;
        Some(Stamp { text, time: Time { seconds: decimal.whole.value, nanoseconds }, digits })
    }

    /// Returns the numbers of digits before and after the point.
    pub(crate) fn digits(self) -> (u8, u8) {
        self.digits
    }

    /// Returns the value of the time.
    pub fn time(self) -> Time {
        self.time
    }

    /// Returns the bytes that the client sent.
    pub fn as_bytes(self) -> &'a [u8] {
        self.text
    }
}

/// The time from the client's time to the time when a node received the report, in nanoseconds. It
/// is negative if the client's clock is ahead.
///
/// It is written in seconds, with its sign and nine decimals: `+0.263873386`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skew(i128);

impl Skew {
    /// Returns the skew of a report with the time `time` that was received at `received`.
    pub fn between(received: Time, time: Time) -> Skew {
        Skew(received.nanoseconds_since_epoch() - time.nanoseconds_since_epoch())
    }

    /// Returns the skew in seconds, rounded to what a float can hold.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOSECONDS as f64
    }

    /// Parses a field; `None` unless it is written exactly as [`write`](Self::write) does. If there
    /// were two ways to write a skew, two nodes could have different bytes for one update.
    pub fn parse(field: &[u8]) -> Option<Skew> {
        let (sign, digits) = field.split_first()?;
        let Decimal { whole, fraction } = Decimal::parse(digits, 12, 9)?;
        let nanoseconds = i128::from(whole.value) * NANOSECONDS + i128::from(fraction.value);
        let skew = match sign {
            b'+' => Skew(nanoseconds),
            b'-' => Skew(-nanoseconds),
            _ => return None,
        };
        let canonical = fraction.text.len() == 9
            && (whole.text.len() == 1 || whole.text[0] != b'0')
            && (*sign == b'+' || nanoseconds != 0);
        canonical.then_some(skew)
    }

    /// Returns how long before `now` a report with this skew and the time `time` was received; zero
    /// if that is in the future, by a clock that is behind.
    pub fn age(self, time: Time, now: Time) -> Duration {
        let received = time.nanoseconds_since_epoch() + self.0;
        let age = now.nanoseconds_since_epoch() - received;
        Duration::from_nanos(age.max(0).try_into().unwrap_or(u64::MAX))
    }

    /// Returns the [window](super::At::window) of a report with this skew and the time `time`.
    pub(super) fn window(self, time: Time) -> u64 {
        ((time.nanoseconds_since_epoch() + self.0) >> WINDOW) as u64
    }

    /// Appends the skew to `out`.
    ///
    /// # Examples
    /// ```
    /// use herd::message::{Skew, Time};
    ///
    /// let at = |seconds| Time { seconds, nanoseconds: 0 };
    /// let mut out = Vec::new();
    /// Skew::between(at(5), at(7)).write(&mut out);
    /// assert_eq!(out, b"-2.000000000");
    /// ```
    pub fn write(self, out: &mut Vec<u8>) {
        let magnitude = self.0.unsigned_abs();
        let (seconds, nanoseconds) = match u64::try_from(magnitude) {
            // For up to 584 years: dividing 128 bits takes ten times as long.
            Ok(magnitude) => (magnitude / NANOSECONDS as u64, magnitude % NANOSECONDS as u64),
            Err(_) => ((magnitude / NANOSECONDS as u128) as u64, (magnitude % NANOSECONDS as u128) as u64),
        };
        let sign = if self.0 < 0 { b'-' } else { b'+' };
        let fraction = sixteen_digits(nanoseconds);
        if let [.., a, b, c, d, e, f, g, h, i] = fraction
            && seconds < 10
        {
            // Most clients report within ten seconds.
            out.extend_from_slice(&[sign, b'0' + seconds as u8, b'.', a, b, c, d, e, f, g, h, i]);
            return;
        }
        out.push(sign);
        out.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
        out.push(b'.');
        out.extend_from_slice(&fraction[7..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_report_counts_from_when_it_was_received() {
        let time = |seconds, nanoseconds| Time { seconds, nanoseconds };
        let received = time(1_700_000_000, 5);
        for stamp in [time(5, 7), received, time(253_402_300_799, 0)] {
            let skew = Skew::between(received, stamp);
            assert_eq!(skew.age(stamp, time(1_700_000_001, 4)), Duration::from_nanos(999_999_999));
            assert_eq!(skew.age(stamp, time(1_699_999_999, 0)), Duration::ZERO);
            assert_eq!(skew.age(stamp, time(u64::MAX, 0)), Duration::from_nanos(u64::MAX));
        }
    }

    #[test]
    fn nanoseconds_carry_over_into_seconds_and_the_far_end_stays() {
        let time = |seconds, nanoseconds| Time { seconds, nanoseconds };
        assert_eq!(time(5, 999_999_998).plus(Duration::from_nanos(1)), time(5, 999_999_999));
        assert_eq!(time(5, 999_999_999).plus(Duration::from_nanos(1)), time(6, 0));
        assert_eq!(time(5, 999_999_999).plus(Duration::new(2, 999_999_999)), time(8, 999_999_998));
        assert_eq!(time(u64::MAX, 999_999_999).plus(Duration::from_nanos(2)), time(u64::MAX, 1));
        assert_eq!(time(5, 1_999).microseconds(), 5_000_001);
    }

    #[test]
    fn the_systems_time_is_read_to_the_nanosecond_and_none_is_before_1970() {
        let after = UNIX_EPOCH + Duration::new(5, 7);
        assert_eq!(Time::from(after), Time { seconds: 5, nanoseconds: 7 });
        assert_eq!(Time::from(UNIX_EPOCH - Duration::from_secs(1)), Time::default());
    }
}
