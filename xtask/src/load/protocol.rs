//! The commands of each protocol, and the check of their answers.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};

/// The protocol of a load. Every protocol reports the same clients at the same places and times, so
/// that different servers do equal work. The comments of the variants are help text.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    Display,
    EnumMessage,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Protocol {
    /// The herd's `IAMAT`.
    #[default]
    Iamat,
    /// Redis `SET`, with the client id as key and the AT line as value.
    Set,
    /// Redis `GEOADD`, which keeps only the position.
    Geoadd,
    /// The line of `IAMAT`, to a server that sends it back.
    Echo,
}

/// The server name and the skew in the AT line that `SET` stores.
const AT: &[u8] = b"AT Alford +0.263873386 ";

/// The length of a client id, in bytes.
const ID: usize = 25;

/// The length of a location, in bytes.
const LOCATION: usize = 21;

/// The length of a time, in bytes.
const STAMP: usize = 20;

impl Protocol {
    /// Appends the command that reports `client` at `stamp`, in nanoseconds since 1970. The
    /// location is computed from both, so that it differs from report to report.
    pub fn write(self, out: &mut Vec<u8>, client: u64, stamp: u64) {
        let place = (client.wrapping_mul(31).wrapping_add(stamp)) % 1_000_000;
        match self {
            Protocol::Iamat | Protocol::Echo => {
                out.extend_from_slice(b"IAMAT ");
                write_fields(out, client, place, stamp);
                out.push(b'\n');
            }
            Protocol::Set => {
                out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$25\r\n");
                write_id(out, client);
                out.extend_from_slice(b"\r\n$");
                write_digits(out, (AT.len() + ID + 1 + LOCATION + 1 + STAMP) as u64, 2);
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(AT);
                write_fields(out, client, place, stamp);
                out.extend_from_slice(b"\r\n");
            }
            Protocol::Geoadd => {
                out.extend_from_slice(b"*5\r\n$6\r\nGEOADD\r\n$9\r\npositions\r\n$11\r\n-118.");
                write_digits(out, place, 6);
                out.extend_from_slice(b"\r\n$9\r\n34.");
                write_digits(out, place, 6);
                out.extend_from_slice(b"\r\n$25\r\n");
                write_id(out, client);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Appends a question about a client that has been reported, with at most `places` places.
    pub fn write_whatsat(self, out: &mut Vec<u8>, client: u64, places: u32) {
        out.extend_from_slice(b"WHATSAT ");
        write_id(out, client);
        out.extend_from_slice(b" 10 ");
        write_digits(out, places.into(), 2);
        out.push(b'\n');
    }

    /// The client id in the report of a client.
    pub fn client_id(client: u64) -> String {
        let mut id = Vec::new();
        write_id(&mut id, client);
        String::from_utf8_lossy(&id).into_owned()
    }

    /// Returns whether a line, without its line end, is the answer to an accepted report.
    pub fn is_right(self, answer: &[u8]) -> bool {
        match self {
            Protocol::Iamat => answer.starts_with(b"AT "),
            Protocol::Set => answer.starts_with(b"+OK"),
            Protocol::Geoadd => answer.starts_with(b":"),
            Protocol::Echo => answer.starts_with(b"IAMAT "),
        }
    }
}

fn write_fields(out: &mut Vec<u8>, client: u64, place: u64, stamp: u64) {
    write_id(out, client);
    out.extend_from_slice(b" +34.");
    write_digits(out, place, 6);
    out.extend_from_slice(b"-118.");
    write_digits(out, place, 6);
    out.push(b' ');
    write_digits(out, stamp / 1_000_000_000, 10);
    out.push(b'.');
    write_digits(out, stamp % 1_000_000_000, 9);
}

fn write_id(out: &mut Vec<u8>, client: u64) {
    out.extend_from_slice(b"client-");
    write_digits(out, client, ID - 7);
}

/// Appends a number with leading zeros.
fn write_digits(out: &mut Vec<u8>, mut number: u64, digits: usize) {
    let start = out.len();
    out.resize(start + digits, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(protocol: Protocol) -> String {
        let mut out = Vec::new();
        protocol.write(&mut out, 7, 1_520_023_934_918_963_997);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_protocol_reports_the_same() {
        let fields = "client-000000000000000007 +34.964214-118.964214 1520023934.918963997";
        assert_eq!(written(Protocol::Iamat), format!("IAMAT {fields}\n"));
        assert_eq!(written(Protocol::Echo), written(Protocol::Iamat));
        let value = format!("AT Alford +0.263873386 {fields}");
        let key = Protocol::client_id(7);
        assert_eq!(
            written(Protocol::Set),
            format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n", key.len(), value.len())
        );
        assert_eq!(
            written(Protocol::Geoadd),
            format!(
                "*5\r\n$6\r\nGEOADD\r\n$9\r\npositions\r\n$11\r\n-118.964214\r\n$9\r\n34.964214\r\n$25\r\n{key}\r\n"
            )
        );
    }

    #[test]
    fn a_node_understands_a_report_and_a_question() {
        let report = written(Protocol::Iamat);
        let mut question = Vec::new();
        Protocol::Iamat.write_whatsat(&mut question, 7, 5);
        assert_eq!(question, b"WHATSAT client-000000000000000007 10 05\n");
        for line in [report.as_bytes(), &question] {
            assert!(herd::message::Command::parse(line.trim_ascii_end()).is_ok());
        }
    }
}
