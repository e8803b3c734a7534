//! Journals on a disk in memory, which can be full, fail, or stop at any step.

mod crash;
mod damage;
mod disk;

use std::io::ErrorKind;
use std::time::Duration;

use super::*;
use crate::message::{ClientId, Time};
use crate::node::{Cursor, Limits, Link, LinkEnd, LinkId, Lives};
use disk::MemoryDisk;

const NOW: Time = Time { seconds: 2_000_000_000, nanoseconds: 0 };

/// Epochs that tell by which node, and in which of its lives, they were begun.
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

/// Starts Alford for the `life`th time, in the same life of the machine.
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
    node.table().changes_after(0).map(|(sequence, record)| (sequence, line(record.line()))).collect()
}

fn cursor_of(node: &Node) -> Cursor {
    node.cursors().next().expect("a neighbour").1
}

const HEARD: Cursor = Cursor { epoch: 77, sequence: 5 };

/// Three clients, one of which reported twice, and a cursor.
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

/// Links two nodes until both have heard everything and a heartbeat finds nothing wrong; if one does, again.
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
    // The second heartbeat tells of all that was heard before it.
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
fn a_killed_node_comes_back_with_its_sequences_its_epoch_and_its_cursors() {
    let disk = MemoryDisk::default();
    let before = written(&disk);
    let (after, _, replayed) = start(&disk, 2);
    assert_eq!(known(&after), known(&before));
    assert_eq!((after.epoch(), cursor_of(&after)), (1000, HEARD));
    assert_eq!(after.table().sum(), before.table().sum());
    assert!(!replayed.is_torn() && !replayed.is_damaged && !replayed.closed);
}

#[test]
fn a_new_sequence_never_repeats_an_old_one() {
    let disk = MemoryDisk::default();
    written(&disk);
    let (mut node, mut journal, _) = start(&disk, 2);
    report(&mut node, "pear +1+1 1");
    journal.write(&mut node).unwrap();
    let (node, ..) = start(&disk, 3);
    assert_eq!(known(&node).last().map(|(sequence, _)| *sequence), Some(5));
}

#[test]
fn a_stop_of_the_machine_begins_a_new_epoch_unless_the_node_was_stopped_before() {
    let disk = MemoryDisk::default();
    let before = written(&disk);
    let (node, mut journal, _) = start_after_boot(&disk, 2, "boot-2");
    assert_eq!((node.epoch(), cursor_of(&node)), (2000, HEARD));
    assert_eq!(known(&node), known(&before));
    journal.close().unwrap();
    let (node, _, replayed) = start_after_boot(&disk, 3, "boot-3");
    assert!(replayed.closed);
    assert_eq!(node.epoch(), 2000);
}

#[test]
fn a_machine_that_stops_just_after_a_start_brings_no_older_end_back() {
    // The last lines on disk must not be those of the stop before: they would say that nothing is missing.
    let disk = MemoryDisk::default();
    let (_, mut journal, _) = start(&disk, 1);
    journal.close().unwrap();
    let (mut node, mut journal, _) = start(&disk, 2);
    report(&mut node, "kiwi +1+1 1");
    journal.write(&mut node).unwrap();
    let told_in = node.epoch();
    disk.crash();
    let (node, ..) = start_after_boot(&disk, 3, "boot-2");
    assert!(node.table().is_empty());
    assert_ne!(node.epoch(), told_in);
}

#[test]
fn what_was_read_back_is_on_disk_before_anything_new() {
    let disk = MemoryDisk::default();
    let before = written(&disk);
    start(&disk, 2);
    disk.crash();
    let (after, ..) = start_after_boot(&disk, 3, "boot-2");
    assert_eq!(known(&after), known(&before));
}

#[test]
fn where_a_life_of_the_machine_has_no_name_each_start_begins_a_new_epoch() {
    let disk = MemoryDisk::default();
    for life in 1..3 {
        let mut node = blank("Alford", "Parker", life);
        Journal::open(disk.clone(), &mut node, None, epochs(0)).map(drop).unwrap();
        assert_eq!(node.epoch(), life * 1000);
    }
}

#[test]
fn a_journal_cut_anywhere_in_its_last_records_loses_those_only_and_says_so_by_a_new_epoch() {
    let disk = MemoryDisk::default();
    written(&disk);
    let whole = disk.journal();
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &whole).map(|end| end + 1).collect();
    for length in ends[ends.len() - 4]..whole.len() {
        let disk = MemoryDisk::holding(&whole[..length]);
        let (mut node, mut journal, replayed) = start(&disk, 2);
        let at_an_end = ends.contains(&length);
        assert_eq!(replayed.is_torn(), !at_an_end, "{length}");
        assert!(!replayed.is_damaged);
        assert_eq!(node.epoch(), if at_an_end { 1000 } else { 2000 }, "{length}");
        assert_serves_nothing_wrong_and_misses_nothing_after_a_sync(&mut node);
        journal.write(&mut node).unwrap();
        let again = start(&disk, 3);
        assert_eq!(known(&again.0), known(&node), "{length}");
        assert!(!again.2.is_torn() && again.0.epoch() == node.epoch());
    }
}

#[test]
fn a_journal_with_any_bit_flipped_serves_nothing_wrong_and_misses_nothing_after_a_sync() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    for number in 0..11 {
        report(&mut node, &format!("client-{number} +34.068930-118.445127 {number}"));
        journal.write(&mut node).unwrap();
    }
    node.restore_cursor("Parker", HEARD);
    journal.write(&mut node).unwrap();
    let whole = disk.journal();
    assert!((900..1200).contains(&whole.len()), "{}", whole.len());
    for bit in 0..8 * whole.len() {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let disk = MemoryDisk::holding(&damaged);
        let mut node = blank("Alford", "Parker", 2);
        let (mut journal, replayed) =
            Journal::open(disk.clone(), &mut node, Some("boot-1"), epochs(2000)).unwrap();
        assert!(replayed.is_damaged || replayed.is_torn(), "bit {bit}");
        assert_eq!(node.epoch(), 2000, "bit {bit}");
        if replayed.is_damaged {
            assert_eq!(cursor_of(&node), Cursor::default(), "bit {bit}");
            assert_eq!(disk.damaged(), Some(damaged));
        }
        assert_serves_nothing_wrong_and_misses_nothing_after_a_sync(&mut node);
        journal.write(&mut node).unwrap();
        assert_eq!(known(&start(&disk, 3).0), known(&node), "bit {bit}");
    }
}

/// Everything that the node knows is something that was once reported, and a neighbour that had heard all of it tells
/// what it lacks.
fn assert_serves_nothing_wrong_and_misses_nothing_after_a_sync(node: &mut Node) {
    let mut parker = blank("Parker", "Alford", 50);
    let mut alford = blank("Alford", "Parker", 1);
    let lines: Vec<String> = (0..11).map(|n| format!("client-{n} +34.068930-118.445127 {n}")).collect();
    let said: Vec<String> = ["kiwi +1+1 1", "plum +1+1 1", "kiwi +2+2 2", "fig +3-3 3"]
        .into_iter()
        .chain(lines.iter().map(String::as_str))
        .map(|line| report(&mut alford, line))
        .collect();
    assert!(known(node).iter().all(|(_, line)| said.contains(line)), "{:?}", known(node));
    sync(&mut alford, &mut parker);
    // Parker has heard the journal's node up to its end, in the epoch that was.
    parker.restore_cursor("Alford", Cursor { epoch: 1000, sequence: 10 });
    sync(node, &mut parker);
    let all: Vec<String> = known(node).into_iter().map(|(_, line)| line).collect();
    let latest: Vec<&String> = said.iter().filter(|line| !line.contains(" kiwi +1")).collect();
    assert!(latest.iter().all(|line| all.contains(line)), "{all:?}");
    assert_eq!(all.len(), latest.len());
    assert_eq!(node.table().sum(), parker.table().sum());
}

#[test]
fn a_file_that_is_no_journal_is_kept_aside() {
    let disk = MemoryDisk::holding(b"shopping list\nmilk\n");
    let (node, _, replayed) = start(&disk, 1);
    assert!(replayed.is_damaged && node.table().is_empty());
    assert_eq!(disk.damaged().unwrap(), b"shopping list\nmilk\n");
    let fault = Fault::Unreadable;
    assert_eq!(
        replayed.damage,
        [Damage { line: 1, offset: 0, fault }, Damage { line: 2, offset: 14, fault }]
    );
}

#[test]
fn the_journal_of_another_node_or_format_is_refused_and_stays() {
    let disk = MemoryDisk::default();
    written(&disk);
    let whole = disk.journal();
    let refused = |disk: &MemoryDisk, name: &str| {
        let mut node = blank(name, "Parker", 2);
        Journal::open(disk.clone(), &mut node, Some("boot-1"), epochs(0)).map(drop).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&disk, "Bolden"),
        "the journal is that of Alford, not of Bolden: give each node a data folder of its own"
    );
    assert_eq!(disk.journal(), whole);
    let mut other = Vec::new();
    Line::Journal { format: 9, node: "Alford" }.write(1, &mut other);
    let disk = MemoryDisk::holding(&other);
    assert_eq!(
        refused(&disk, "Alford"),
        "the journal is of format 9, this program reads formats 1 to 2: use the version that wrote it"
    );
    assert_eq!(disk.journal(), other);
    // Whatever else the header of a later format says.
    let mut later = Vec::new();
    Line::Journal { format: 9, node: "Alford of-more words" }.write(1, &mut later);
    assert!(refused(&MemoryDisk::holding(&later), "Alford").contains("the journal is of format 9,"));
}

#[test]
fn a_full_disk_stops_nothing_and_the_journal_is_whole_again_when_there_is_room() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    report(&mut node, "kiwi +1+1 1");
    journal.write(&mut node).unwrap();
    disk.0.borrow_mut().room = Some(30);
    report(&mut node, "plum +1+1 1");
    assert_eq!(journal.write(&mut node).unwrap_err().kind(), ErrorKind::StorageFull);
    // Sequences that the file lacks are told in an epoch that it does not know.
    assert_eq!(node.epoch(), 1001);
    report(&mut node, "fig +1+1 1");
    journal.write(&mut node).unwrap();
    assert!(journal.failure().is_some() && journal.wants_snapshot(&node, u64::MAX));
    assert!(journal.begin_snapshot("Alford").is_err());
    let (killed, ..) = start(&disk, 2);
    assert_eq!(known(&killed).len(), 1);

    disk.0.borrow_mut().room = None;
    compact(&mut journal, &mut node).unwrap();
    assert!(journal.failure().is_none());
    let (killed, ..) = start(&disk, 3);
    assert_eq!((known(&killed), killed.epoch()), (known(&node), 1001));
}

#[test]
fn a_draft_that_may_have_taken_the_journal_s_place_is_a_failure() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    report(&mut node, "kiwi +1+1 1");
    journal.write(&mut node).unwrap();
    disk.0.borrow_mut().fails_to_sync_names = true;
    assert!(compact(&mut journal, &mut node).is_err());
    // Which file is the journal now is not known: nothing more may be told as if it were in it.
    assert!(journal.failure().is_some());
    assert_eq!(node.epoch(), 1001);
    report(&mut node, "plum +1+1 1");
    disk.0.borrow_mut().fails_to_sync_names = false;
    compact(&mut journal, &mut node).unwrap();
    report(&mut node, "fig +1+1 1");
    journal.write(&mut node).unwrap();
    let (killed, ..) = start(&disk, 2);
    assert_eq!((known(&killed), killed.epoch()), (known(&node), 1001));
}

#[test]
fn a_disk_that_is_full_at_the_start_is_a_failure_and_not_the_end() {
    let disk = MemoryDisk::default();
    let before = written(&disk);
    disk.0.borrow_mut().room = Some(0);
    let (node, journal, _) = start(&disk, 2);
    assert_eq!(journal.failure(), Some(&*io::Error::from(ErrorKind::StorageFull).to_string()));
    assert_eq!((known(&node), node.epoch()), (known(&before), 2001));
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

#[test]
fn removals_and_what_was_reported_since_outlast_restarts_and_a_journal_written_anew() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    for client in ["kiwi", "plum", "fig"] {
        report(&mut node, &format!("{client} +1+1 9"));
    }
    for client in ["kiwi", "plum"] {
        node.remove(ClientId::parse(client.as_bytes()).unwrap()).unwrap();
    }
    report(&mut node, "plum +2+2 1");
    journal.write(&mut node).unwrap();
    let (mut after, mut journal, replayed) = start(&disk, 2);
    assert!(!replayed.is_torn() && !replayed.is_damaged);
    assert_eq!(known(&after), known(&node));
    assert_eq!((after.table().sum(), after.table().len()), (node.table().sum(), 2));
    report(&mut after, "kiwi +3+3 1");
    journal.write(&mut after).unwrap();
    compact(&mut journal, &mut after).unwrap();
    let (again, ..) = start(&disk, 3);
    assert_eq!(known(&again), known(&after));
    assert_eq!(
        (again.table().sum(), again.table().len(), again.table().ever_removed()),
        (after.table().sum(), 3, 2)
    );
    assert!(
        known(&again).iter().any(|(_, line)| line.starts_with("AFTER 1 AT ") && line.contains(" kiwi +3"))
    );
}

#[test]
fn a_journal_written_anew_says_the_same_in_less() {
    let disk = MemoryDisk::default();
    let (mut node, mut journal, _) = start(&disk, 1);
    for stamp in 0..1000 {
        report(&mut node, &format!("client-{} +1+1 {stamp}", stamp % 10));
        journal.write(&mut node).unwrap();
    }
    node.restore_cursor("Parker", HEARD);
    journal.write(&mut node).unwrap();
    assert!(journal.wants_snapshot(&node, 1000) && !journal.wants_snapshot(&node, 1 << 20));
    let long = disk.journal().len();
    let mut snapshot = journal.begin_snapshot("Alford").unwrap();
    assert!(!snapshot.collect(&node));
    // What changes meanwhile goes to the old journal, and to the new one at the end.
    report(&mut node, "client-3 +1+1 2000");
    report(&mut node, "late +1+1 1");
    journal.write(&mut node).unwrap();
    snapshot.append().unwrap();
    assert!(snapshot.finish(&node));
    snapshot.seal().unwrap();
    journal.install(snapshot).unwrap();
    assert!(disk.journal().len() * 20 < long, "{} of {long}", disk.journal().len());
    assert!(!journal.wants_snapshot(&node, 0));
    assert_eq!(journal.size().bytes, disk.journal().len() as u64);
    report(&mut node, "later +1+1 1");
    journal.write(&mut node).unwrap();
    let (after, _, replayed) = start(&disk, 2);
    assert!(!replayed.is_torn() && !replayed.is_damaged);
    assert_eq!((known(&after), after.epoch(), cursor_of(&after)), (known(&node), 1000, HEARD));
}

#[test]
fn a_stop_at_any_step_of_writing_anew_loses_nothing() {
    for steps in 0.. {
        let disk = MemoryDisk::default();
        let before = written(&disk);
        let (mut node, mut journal, _) = start(&disk, 2);
        disk.0.borrow_mut().steps = Some(steps);
        let finished = compact(&mut journal, &mut node).is_ok();
        if !finished {
            // The machine goes on as well as it can, and is stopped later.
            report(&mut node, "fig +3-3 4");
            let _ = journal.write(&mut node);
        }
        disk.0.borrow_mut().steps = None;
        let (after, _, replayed) = start(&disk, 3);
        assert_eq!(known(&after), known(&before), "after {steps} steps");
        assert!(!replayed.is_torn() && !replayed.is_damaged);
        assert_eq!(cursor_of(&after), HEARD);
        if finished {
            assert!(steps > 4, "{steps}");
            return;
        }
    }
}

#[test]
fn what_is_not_on_disk_is_not_said_when_it_must_be() {
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

#[test]
fn lines_are_read_as_they_are_written_and_nothing_else_is() {
    let lines = [
        Line::Journal { format: FORMAT, node: "Alford" },
        Line::Epoch(u64::MAX),
        Line::Boot("d2c2a3d3-ec5c-4fe5-9990-4256bbd74709"),
        Line::Update { sequence: u64::MAX, at: b"AT Alford -1.000000000 kiwi +1-1 1" },
        Line::Update { sequence: 7, at: b"AFTER 2 AT Alford -1.000000000 kiwi +1-1 1" },
        Line::Cursor { neighbour: "Parker", cursor: HEARD },
        Line::Closed,
    ];
    for line in lines {
        let mut out = Vec::new();
        line.write(u64::MAX, &mut out);
        let text = out.strip_suffix(b"\n").unwrap();
        assert_eq!(Line::parse(text), Some((Some(u64::MAX), line)));
        for end in 0..text.len() {
            assert_eq!(Line::parse(&text[..end]), None);
        }
    }
    let mut out = Vec::new();
    Line::Closed.write(7, &mut out);
    assert_eq!(out, b"606a9750 7 CLOSED\n");
}
