//! Tests of journals on a disk in memory, which can be full, fail, or stop at any step.

mod compaction;
mod crash;
mod damage;
mod disk;
mod files;
mod full_disk;
mod lives;

use std::io::ErrorKind;
use std::time::Duration;

use super::*;
use crate::message::{ClientId, Time};
use crate::node::{Cursor, Limits, Link, LinkEnd, LinkId, Lives};
use disk::MemoryDisk;

const NOW: Time = Time { seconds: 2_000_000_000, nanoseconds: 0 };

/// Returns epochs that show which node began them, and in which of its lives.
fn epochs(first: u64) -> Epochs {
    let mut next = first;
    Box::new(move || {
        next += 1;
        next
    })
}

fn blank(name: &str, neighbour: &str, life: u64) -> Node {
    let lives = Lives { epoch: life * 1000, incarnation: life, hash_seed: 0 };
    Node::new(name, &[neighbour.to_owned()], Limits::default(), lives)
}

type Opened = (Node, Journal<MemoryDisk>, Replayed);

/// Starts Alford for the `life`th time, in the same boot of the machine.
fn start(disk: &MemoryDisk, life: u64) -> Opened {
    start_after_boot(disk, life, "boot-1")
}

fn start_after_boot(disk: &MemoryDisk, life: u64, boot: &str) -> Opened {
    let mut node = blank("Alford", "Parker", life);
    let opened = Journal::open(disk.clone(), &mut node, Some(boot), epochs(life * 1000));
    let (journal, replayed) = opened.expect("a journal that can be opened");
    (node, journal, replayed)
}

fn report(node: &mut Node, line: &str) -> String {
    let mut out = Vec::new();
    node.answer(format!("IAMAT {line}").as_bytes(), NOW, &mut out);
    String::from_utf8(out.trim_ascii_end().to_vec()).unwrap()
}

fn known(node: &Node) -> Vec<(u64, String)> {
    let line = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
    node.table().changes_after(0).map(|(sequence, record)| (sequence, line(&record.line()))).collect()
}

fn cursor_of(node: &Node) -> Cursor {
    node.cursors().next().expect("a neighbour").1
}

const HEARD: Cursor = Cursor { epoch: 77, sequence: 5 };

/// Writes a journal with three clients, one of which reported twice, and a cursor.
fn written(disk: &MemoryDisk) -> Node {
    let (mut node, mut journal, _) = start(disk, 1);
    for line in ["kiwi +1+1 1", "plum +1+1 1", "kiwi +2+2 2", "fig +3-3 3"] {
        report(&mut node, line);
        journal.write(&mut node).unwrap();
    }
    node.restore_cursor("Parker", HEARD);
    journal.write(&mut node).unwrap();
    node
}

/// Links two nodes until both have heard everything and a heartbeat finds no divergence. After a
/// divergence, links them once more.
fn sync(a: &mut Node, b: &mut Node) {
    for _ in 0..2 {
        if link_until_heartbeats(a, b).is_ok() {
            return;
        }
    }
    panic!("two nodes do not agree");
}

fn link_until_heartbeats(a: &mut Node, b: &mut Node) -> Result<(), LinkEnd> {
    let to = a.neighbour(b.name()).expect("a neighbour");
    let mut ends = [Link::dialled(LinkId(1), to, Duration::ZERO), Link::accepted(LinkId(1), Duration::ZERO)];
    // The second heartbeat confirms everything that was heard before it.
    let mut now = Duration::ZERO;
    for _ in 0..3 {
        while let [said, heard] = [transmit(&mut ends[0], a, now), transmit(&mut ends[1], b, now)]
            && !(said.is_empty() && heard.is_empty())
        {
            let ended = receive(&mut ends[1], b, &said, now).and(receive(&mut ends[0], a, &heard, now));
            if let Err(end) = ended {
                ends[0].close(a, &end, &mut Vec::new());
                ends[1].close(b, &end, &mut Vec::new());
                return Err(end);
            }
        }
        now += Limits::default().heartbeat;
    }
    let end = LinkEnd::Connection("done".to_owned());
    ends[0].close(a, &end, &mut Vec::new());
    ends[1].close(b, &end, &mut Vec::new());
    Ok(())
}

fn transmit(link: &mut Link, node: &mut Node, now: Duration) -> Vec<u8> {
    let mut said = Vec::new();
    link.transmit(node, now, Time::default(), &mut said).unwrap();
    said
}

fn receive(link: &mut Link, node: &mut Node, said: &[u8], now: Duration) -> Result<(), LinkEnd> {
    let mut lines = said.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.try_for_each(|line| link.receive(node, line, now, Time::default()).map(drop))
}

#[test]
fn changes_that_must_be_on_disk_are_not_sent_before_they_are() {
    let mut alford = blank("Alford", "Parker", 1);
    let mut parker = blank("Parker", "Alford", 2);
    report(&mut alford, "kiwi +1+1 1");
    alford.withhold_after(1);
    report(&mut alford, "plum +1+1 1");
    sync(&mut alford, &mut parker);
    let knows =
        |node: &Node, client: &str| node.table().get(ClientId::parse(client.as_bytes()).unwrap()).is_some();
    assert!(knows(&parker, "kiwi") && !knows(&parker, "plum"));
    alford.withhold_after(2);
    sync(&mut alford, &mut parker);
    assert!(knows(&parker, "plum"));
}

/// Compacts the journal as a keeper does.
fn compact(journal: &mut Journal<MemoryDisk>, node: &mut Node) -> io::Result<()> {
    let mut snapshot = journal.begin_snapshot("Alford")?;
    while !snapshot.finish(node) {
        snapshot.append()?;
    }
    snapshot.seal()?;
    let installed = journal.install(snapshot);
    if let Err(error) = &installed {
        journal.fail(node, error);
    }
    installed
}
