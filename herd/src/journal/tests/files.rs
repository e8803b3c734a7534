//! Journals that are cut off or corrupted, or that belong to another node.

use super::*;

#[test]
fn a_journal_cut_in_its_last_records_loses_only_those_and_begins_a_new_epoch() {
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
fn a_journal_with_a_flipped_bit_serves_nothing_wrong_and_misses_nothing_after_a_sync() {
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

/// Checks that every record of the node was once reported, and that a neighbour which had heard all
/// of it sends what the node lacks.
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
    // Parker has heard the journal's node up to its end, in the previous epoch.
    parker.restore_cursor("Alford", Cursor { epoch: 1000, sequence: 10 });
    sync(node, &mut parker);
    let all: Vec<String> = known(node).into_iter().map(|(_, line)| line).collect();
    let latest: Vec<&String> = said.iter().filter(|line| !line.contains(" kiwi +1")).collect();
    assert!(latest.iter().all(|line| all.contains(line)), "{all:?}");
    assert_eq!(all.len(), latest.len());
    assert_eq!(node.table().sum(), parker.table().sum());
}

#[test]
fn a_file_that_is_not_a_journal_is_kept_aside() {
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
fn the_journal_of_another_node_or_format_is_rejected_and_stays() {
    let disk = MemoryDisk::default();
    written(&disk);
    let whole = disk.journal();
    let refused = |disk: &MemoryDisk, name: &str| {
        let mut node = blank(name, "Parker", 2);
        Journal::open(disk.clone(), &mut node, Some("boot-1"), epochs(0)).map(drop).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&disk, "Bolden"),
        "the journal belongs to Alford, not to Bolden: give each node its own data folder"
    );
    assert_eq!(disk.journal(), whole);
    let mut other = Vec::new();
    Line::Journal { format: 9, node: "Alford" }.write(1, &mut other);
    let disk = MemoryDisk::holding(&other);
    assert_eq!(
        refused(&disk, "Alford"),
        "the journal has format 9, but this program reads formats 1 to 2: use the version that wrote it"
    );
    assert_eq!(disk.journal(), other);
    // The rest of a later format's header may have any form.
    let mut later = Vec::new();
    Line::Journal { format: 9, node: "Alford of-more words" }.write(1, &mut later);
    assert!(refused(&MemoryDisk::holding(&later), "Alford").contains("the journal has format 9,"));
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
