//! What a herd survives, and how it ends.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt::Linger};

use crate::conformance::answer::Answer;
use crate::conformance::case::{Case, Judged, seconds};
use crate::conformance::client::Connection;
use crate::conformance::hints;

/// The number of connections that are opened at once.
const CONNECTIONS: usize = 1_000;

/// The time within which a node must end.
const STOP_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn survives(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let id = case.report().id;
    let long = [b"IAMAT ".as_slice(), &[b'x'; 64 * 1024], b"\n"].concat();
    let hostile: [(&str, Vec<u8>); 6] = [
        ("a line of 64 KiB", long),
        ("NULs", b"\0\0\0\0\nIAMAT \0 \0 \0\n".to_vec()),
        ("invalid UTF-8", b"\xff\xfe\xf0\x28\nIAMAT \xff\xfe +1+1 5\n".to_vec()),
        ("a time that is not a number", format!("IAMAT {id} +34.068930-118.445127 nan\n").into_bytes()),
        ("an infinite time", format!("IAMAT {id} +34.068930-118.445127 inf\n").into_bytes()),
        ("a location that is not a number", format!("IAMAT {id} +nan+nan 5\n").into_bytes()),
    ];
    for (what, bytes) in hostile {
        let mut connection = case.connect(&node)?;
        connection.send(&bytes, case.answer_within());
        connection.end_sending();
        connection.read_until(|_| false, case.quiet(), Some(case.quiet()));
        drop(connection);
        every_node_answers(case, &format!("after {what}"))?;
    }
    many_connections(case, &node)?;
    every_node_answers(case, "after 1,000 connections")?;
    resets(case, &node)?;
    // A node may answer once more before it notices the first reset, and dies of it.
    std::thread::sleep(case.quiet());
    every_node_answers(case, "after connections that were reset")
}

/// Opens many connections and holds them open together for a moment. A node may accept fewer.
fn many_connections(case: &mut Case<'_>, node: &str) -> Judged {
    let address = case.herd.address(node);
    let deadline = Instant::now() + case.answer_within();
    case.transcript.note(format!("{CONNECTIONS} connections are opened to {node}"));
    let mut open: Vec<TcpStream> = Vec::new();
    while open.len() < CONNECTIONS && Instant::now() < deadline {
        match TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
            Ok(stream) => open.push(stream),
            Err(_) => break,
        }
    }
    case.transcript.note(format!("{} connections are open, and are closed now", open.len()));
    Ok(())
}

/// Sends commands and resets the connections before the answers can be written.
fn resets(case: &mut Case<'_>, node: &str) -> Judged {
    for _ in 0..50 {
        let report = case.report();
        let mut connection = case.connect(node)?;
        case.form.send(&mut connection, report.command().as_bytes(), case.answer_within());
        reset(connection);
    }
    Ok(())
}

fn reset(connection: Connection) {
    let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    // A connection that cannot be reset is closed, which is as good a test.
    let _ = setsockopt(connection.stream(), Linger, &at_once);
}

fn every_node_answers(case: &mut Case<'_>, when: &str) -> Judged {
    for node in case.nodes() {
        let report = case.report();
        let answer = case.ask(&node, report.command());
        if answer.is_empty() {
            let why = format!("{node} does not answer {when}");
            return Err(case.wrong(&node, report.command().as_bytes(), "AT ...", &answer, &why).into());
        }
    }
    Ok(())
}

pub(super) fn slow_reader(case: &mut Case<'_>) -> Judged {
    let node = case.first();
    let mut slow = case.connect(&node)?;
    let line = [b"HELLO ".as_slice(), &[b'x'; 1_000], b"\n"].concat();
    let burst = line.repeat(64);
    case.transcript.note("a client sends up to 16 MiB of invalid commands and reads nothing");
    let stop_at = Instant::now() + Duration::from_secs(2);
    for _ in 0..256 {
        if Instant::now() > stop_at || slow.send_unrecorded(&burst, Duration::from_millis(300)).is_err() {
            break;
        }
    }
    for node in case.nodes() {
        let report = case.report();
        let answer = case.ask(&node, report.command());
        if !answer.is_at() {
            let why = format!("{node} does not answer while another client does not read its answers");
            let failure = case.wrong(&node, report.command().as_bytes(), "AT ...", &answer, &why);
            return Err(failure.hint(hints::SLOW_READER).into());
        }
    }
    Ok(())
}

pub(super) fn stops(case: &mut Case<'_>) -> Judged {
    let within = case.allow(STOP_WITHIN);
    for node in case.nodes() {
        if case.guest.one_process && node != case.first() {
            break;
        }
        case.transcript.note(format!("{node} gets the stop signal"));
        let stopped = case.herd.stop(&node, within).map_err(|error| {
            crate::conformance::verdict::Verdict::NotJudged(format!(
                "{node} cannot be told to stop: {error:#}"
            ))
        })?;
        let why = match stopped.exit {
            None => format!("{node} still runs {} after it was told to stop", seconds(within)),
            Some(_) if stopped.left > 0 => format!("{node} has ended and left {} processes", stopped.left),
            Some(_) => continue,
        };
        return Err(case.wrong(&node, b"", "the end of the process", &Answer::default(), &why).into());
    }
    let left = case.herd.usage().map(|usage| usage.processes).unwrap_or_default();
    if left > 0 {
        let node = case.first();
        let why = format!("{left} processes are left after all nodes have stopped");
        return Err(case.wrong(&node, b"", "no process", &Answer::default(), &why).into());
    }
    Ok(())
}
