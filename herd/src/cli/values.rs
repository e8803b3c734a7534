//! Parsers of the values of flags. Their errors give what is expected.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use herd::tls::check_dns_name;

/// The most threads that serve clients.
const MOST_THREADS: u16 = 256;

/// Ten years: no herd should depend on a certificate for longer.
const MOST_DAYS: u32 = 3650;

/// A maximal skew; `None` if there is no limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skew(pub(super) Option<Duration>);

/// The address of a port.
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address and a port of at most 65535, such as 127.0.0.1:12480".to_owned())
}

/// The value of a variable that stands in for a flag without a value.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// A number of threads.
pub(super) fn threads(text: &str) -> Result<u16, String> {
    number(text, 1..=MOST_THREADS, "threads")
}

/// A number of days for which a certificate is valid.
pub(super) fn days(text: &str) -> Result<u32, String> {
    number(text, 1..=MOST_DAYS, "days")
}

/// A DNS name in a certificate.
pub(super) fn dns_name(text: &str) -> Result<String, &'static str> {
    check_dns_name(text).map(|()| text.to_owned())
}

/// An IP address.
pub(super) fn ip_address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "expected an IP address, such as 192.0.2.1")
}

/// A latitude in degrees.
pub(super) fn latitude(text: &str) -> Result<f64, String> {
    number(text, -90.0..=90.0, "degrees")
}

/// A longitude in degrees.
pub(super) fn longitude(text: &str) -> Result<f64, String> {
    number(text, -180.0..=180.0, "degrees")
}

/// A number in a range, which `NaN` is not.
fn number<T>(text: &str, range: RangeInclusive<T>, unit: &str) -> Result<T, String>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    let number = text.parse().ok().filter(|number| range.contains(number));
    let [least, most] = [range.start(), range.end()];
    number.ok_or_else(|| format!("expected a number of {unit} from {least} to {most}"))
}
