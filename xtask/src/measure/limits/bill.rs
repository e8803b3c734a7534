//! One client asks for places on many connections as fast as it can. Counts the requests to the
//! Places service, which the owner of the node pays for.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use herd::node::Limits;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use serde_json::Value;

use super::{Bound, Finding, LimitsBench};
use crate::session::places_stub::{Mount, PlacesStub};

/// The number of connections of the client.
const CONNECTIONS: usize = 16;

/// The time for which the client asks. Each question has another radius, so that no two questions
/// share a request.
const ASKS: Duration = Duration::from_secs(5);

/// The timeout of an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Another address of this machine, for a second client.
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The number of answers with each status.
type Statuses = BTreeMap<String, usize>;

pub(super) fn check_bill(bench: &LimitsBench) -> Result<Vec<Finding>> {
    let stub = PlacesStub::start()?;
    let (body, parameters) = (Some("nearby-20.json".to_owned()), Vec::new());
    stub.mount(&Mount { body, status: 200, delay: Duration::ZERO, times: None, parameters })
        .map_err(anyhow::Error::msg)?;
    let node = bench.start_with("bill", |setup| {
        setup.args = ["--places", "google-legacy", "--places-url", &stub.url()].map(Into::into).into();
        setup.variables.push(("HERD_PLACES_KEY", Some("a-key-of-the-check".into())));
    })?;
    let address = node.address()?;
    let mut reporter = connect_from(Ipv4Addr::LOCALHOST, address)?;
    reporter.write_all(b"IAMAT kiwi +34.068930-118.445127 1520023934.9\n")?;
    BufReader::new(reporter).read_line(&mut String::new()).context("a report was not answered")?;
    let statuses = thread::scope(|scope| {
        let asking: Vec<_> =
            (0..CONNECTIONS).map(|first| scope.spawn(move || ask_on(address, first))).collect();
        let mut all = Statuses::new();
        for connection in asking {
            for (status, count) in connection.join().expect("a thread that does not panic")? {
                *all.entry(status).or_default() += count;
            }
        }
        anyhow::Ok(all)
    })?;
    let caused = stub.requests().len();
    let mut other = BufReader::new(connect_from(OTHER, address)?);
    let is_served = ask_for(&mut other, 50_000)? == "OK";
    let count = |status: &str| statuses.get(status).copied().unwrap_or_default();
    let (asked, refused) = (statuses.values().sum::<usize>(), count("OVER_QUERY_LIMIT"));
    let client = format!("a client with {asked} questions on {CONNECTIONS} connections in {ASKS:?}");
    let wrong = asked - count("OK") - refused;
    Ok(vec![
        Finding::new(format!("{client}: requests to the service"), caused as f64, "", Bound::AtMost(share())),
        Finding::new(
            format!("{client}: answers that are neither `OK` nor `OVER_QUERY_LIMIT`"),
            wrong as f64,
            "",
            Bound::AtMost(0.0),
        ),
        Finding::new(
            format!("{client}: questions from another address that are answered, of 1"),
            f64::from(u8::from(is_served)),
            "",
            Bound::AtLeast(1.0),
        ),
    ])
}

/// The most requests that one address may cause while the check runs, which may touch two minutes
/// of the clock, under the default limits.
fn share() -> f64 {
    let limits = Limits::default();
    let [minute, day] =
        [limits.places_per_minute, limits.places_per_day].map(|most| f64::from(most.unwrap_or(u32::MAX)));
    (2.0 * minute).min(day) * f64::from(limits.places_address_percent) / 100.0
}

/// Asks questions on one connection, one after another. Returns the statuses of the answers.
fn ask_on(node: SocketAddr, first: usize) -> Result<Statuses> {
    let mut stream = BufReader::new(connect_from(Ipv4Addr::LOCALHOST, node)?);
    let began = Instant::now();
    let mut statuses = Statuses::new();
    let mut metres = (first + 1..50_000).step_by(CONNECTIONS).cycle();
    while began.elapsed() < ASKS
        && let Some(metres) = metres.next()
    {
        *statuses.entry(ask_for(&mut stream, metres)?).or_default() += 1;
    }
    Ok(statuses)
}

/// Asks for one place within this number of metres. Returns the status of the answer.
fn ask_for(stream: &mut BufReader<TcpStream>, metres: usize) -> Result<String> {
    let question = format!("WHATSAT kiwi {}.{:03} 1\n", metres / 1000, metres % 1000);
    stream.get_mut().write_all(question.as_bytes())?;
    let mut answer = String::new();
    while !answer.ends_with("\n\n") {
        let length = stream.read_line(&mut answer).context("a question was not answered")?;
        anyhow::ensure!(length > 0, "expected an AT line and places, not {answer:?}");
    }
    let (_, json) = answer.split_once('\n').context("expected a line and a JSON object")?;
    let object: Value = serde_json::from_str(json)
        .with_context(|| format!("expected JSON in the answer to {question:?}, not {json:?}"))?;
    Ok(object["status"].as_str().unwrap_or_default().to_owned())
}

/// Connects to a node from an address of this machine.
fn connect_from(from: Ipv4Addr, node: SocketAddr) -> Result<TcpStream> {
    let IpAddr::V4(ip) = node.ip() else { anyhow::bail!("{node} is not an IPv4 address") };
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let stream = TcpStream::from(socket);
    bind(stream.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(from, 0)))?;
    connect(stream.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(ip, node.port())))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
