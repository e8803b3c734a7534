//! Journals with missing, swapped or repeated lines, and journals of other formats: the faults that
//! are reported, and what a node does with the rest.

use super::*;

/// Returns the faults of a journal as a node and `herd journal` report them, and whether the node
/// asks neighbours for everything.
fn faults(journal: &[u8]) -> (Vec<String>, bool) {
    let mut looked_at =
        Node::new("", &[], Limits::default(), Lives { epoch: 1, incarnation: 1, hash_seed: 0 });
    let seen = replay(journal, &mut looked_at, None).unwrap();
    let (node, _, replayed) = start(&MemoryDisk::holding(journal), 2);
    assert_eq!(seen.damage, replayed.damage);
    assert_eq!((seen.is_damaged, seen.is_torn()), (replayed.is_damaged, replayed.is_torn()));
    assert_eq!(looked_at.table().sum(), node.table().sum());
    if replayed.is_damaged {
        assert_eq!((node.epoch(), cursor_of(&node)), (2000, Cursor::default()));
    }
    (replayed.damage.iter().map(ToString::to_string).collect(), replayed.is_damaged)
}

/// Returns a journal of at least six lines: a header, and then what [`written`] writes.
fn lines() -> Vec<Vec<u8>> {
    let disk = MemoryDisk::default();
    written(&disk);
    disk.journal().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn an_empty_journal_is_damaged_and_one_that_is_not_there_is_not() {
    let message = "the journal is empty: everything in it is lost";
    assert_eq!(faults(b""), (vec![message.to_owned()], true));
    let (_, _, replayed) = start(&MemoryDisk::default(), 1);
    assert_eq!((replayed.damage.len(), replayed.is_damaged), (0, false));
}

#[test]
fn missing_lines_are_named_wherever_they_are_but_at_the_end() {
    let lines = lines();
    for first in 0..lines.len() - 1 {
        for last in first..lines.len() - 1 {
            let rest = [&lines[..first], &lines[last + 1..]].concat().concat();
            let expected = match (first, last - first + 1) {
                (0, _) => "line 1 is not the header: lines are missing before it".to_owned(),
                (_, 1) => format!("1 line is missing between lines {first} and {}", first + 1),
                (_, missing) => {
                    format!("{missing} lines are missing between lines {first} and {}", first + 1)
                }
            };
            assert_eq!(faults(&rest), (vec![expected], true));
        }
    }
}

#[test]
fn repeated_lines_are_named_and_nothing_is_lost() {
    let lines = lines();
    for repeated in 0..lines.len() {
        for at in repeated + 1..=lines.len() {
            let mut journal = lines.clone();
            journal.insert(at, lines[repeated].clone());
            let expected = format!("line {} is out of place: repeated, or swapped with another", at + 1);
            assert_eq!(faults(&journal.concat()), (vec![expected], true));
            assert_knows_everything(&journal);
        }
    }
}

#[test]
fn swapped_lines_are_named_and_nothing_is_lost() {
    let lines = lines();
    for one in 1..lines.len() {
        for other in one + 1..lines.len() {
            let mut journal = lines.clone();
            journal.swap(one, other);
            let (found, is_damaged) = faults(&journal.concat());
            let is_named = |fault: &String| fault.starts_with(&format!("line {} is out of place", other + 1));
            assert!(is_damaged && found.iter().any(is_named), "{found:?}");
            assert_knows_everything(&journal);
        }
    }
}

fn assert_knows_everything(journal: &[Vec<u8>]) {
    let (node, ..) = start(&MemoryDisk::holding(&journal.concat()), 2);
    let before = written(&MemoryDisk::default());
    assert_eq!((node.table().sum(), node.table().len()), (before.table().sum(), 3));
}

#[test]
fn damaged_lines_and_missing_lines_are_distinguished() {
    let mut lines = lines();
    lines[4][0] ^= 1;
    let (found, _) = faults(&lines.concat());
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("line 5 is damaged, at byte "), "{found:?}");
    lines.remove(3);
    let (found, _) = faults(&lines.concat());
    assert!(found[0].starts_with("line 4 is damaged, at byte "), "{found:?}");
    assert_eq!(found[1], "1 line is missing between lines 4 and 5");
}

#[test]
fn a_journal_of_the_format_before_is_read_and_written_in_the_present_one() {
    let old = b"JOURNAL 1 Alford|BOOT boot-1|1 AT Alford +1.000000000 kiwi +1+1 1|CURSOR Parker 000000000000004d 5|\
        EPOCH 00000000000003e8|2 AT Alford +1.000000000 plum +1+1 1";
    let mut journal = Vec::new();
    for text in old.split(|byte| *byte == b'|') {
        journal.extend_from_slice(format!("{:08x} ", crc32fast::hash(text)).as_bytes());
        journal.extend_from_slice(text);
        journal.push(b'\n');
    }
    assert_eq!(faults(&journal), (Vec::new(), false));
    let disk = MemoryDisk::holding(&journal);
    let (before, _, replayed) = start(&disk, 2);
    assert_eq!((replayed.format, before.epoch(), cursor_of(&before)), (Some(1), 1000, HEARD));
    let (after, _, replayed) = start(&disk, 3);
    assert_eq!((replayed.format, after.epoch(), cursor_of(&after)), (Some(FORMAT), 1000, HEARD));
    assert_eq!(known(&after), known(&before));
    assert_eq!(known(&after).len(), 2);
    // Repeated lines are rejected in the new format as well.
    let last = journal.split_inclusive(|byte| *byte == b'\n').next_back().unwrap().to_vec();
    let header = journal.split_inclusive(|byte| *byte == b'\n').next().unwrap().to_vec();
    for repeated in [last, header] {
        assert!(faults(&[journal.clone(), repeated].concat()).1);
    }
}
