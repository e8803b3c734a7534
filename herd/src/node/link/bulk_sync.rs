//! Telling a neighbour much: first the two compare what they know, then only what differs is said.
//!
//! The sender says the sums of its groups of buckets, the receiver answers which of them differ. Of those the sender
//! has the buckets compared as well, if that is likely to be worth its bytes: a sample tells. Then it says what lies in buckets
//! that differ, of what the receiver had not heard.
//!
//! The receiver takes part in one bulk sync at a time: when the turn comes to the next sender, that has hardly anything left
//! to say. A sender that has begun never waits for anybody but its receiver, so each sync ends, and with it the wait of the next one.

use super::bucket_sums::{BUCKETS, Differences, GROUPS, Sums, bucket, differences, indices};
use crate::message::{LinkLine, hex, words};
use crate::node::Node;
use crate::node::table::Source;

/// About how many bytes an update takes, and the sums of a group.
const UPDATE_BYTES: usize = 80;
const GROUP_BYTES: usize = 4_200;

/// Groups whose buckets are compared before it is known whether that is worth it.
pub(in crate::node) const SAMPLE: usize = 8;

/// Changes that are looked at before somebody else gets his turn: less than a millisecond of work.
pub(super) const PIECE: usize = 4096;

/// What a bulk sync does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More of the same, at once.
    Busy,
    /// Nothing before the other side has said something.
    Waiting,
    /// Nothing: it is over.
    Done,
}

/// A bulk sync as its sender sees it.
#[derive(Debug)]
pub(super) struct BulkSender {
    /// Which changes it is about: those after `from`, up to `upto`.
    from: u64,
    upto: u64,
    phase: SyncPhase,
    sums: Sums,
    /// By bucket: how many of those changes there are.
    changes: Vec<u32>,
    /// By bucket: whether the receiver lacks something of it.
    wanted: Vec<bool>,
    /// Up to where the wanted changes have been said.
    read: u64,
}

#[derive(Debug)]
enum SyncPhase {
    /// The table is gone over.
    Summing,
    /// The receiver is to say which groups differ.
    Groups,
    /// The receiver is to say which buckets of some groups differ.
    Buckets(GroupsCompared),
    /// What is wanted is said.
    Saying,
}

/// Groups whose buckets are compared.
#[derive(Debug, Default)]
struct GroupsCompared {
    /// Whose sums are to be said, and whose are if the sample was worth it.
    due: Vec<usize>,
    later: Vec<usize>,
    /// How many have been said and not answered, and how many answered.
    awaited: usize,
    compared: usize,
    /// Changes that need not be said, by these answers.
    saved: usize,
}

impl BulkSender {
    /// Begins to tell of the changes after `from`, up to `upto`. `seed` is another one each time.
    pub(super) fn begin(node: &Node, from: u64, upto: u64, seed: u64) -> BulkSender {
        let sums = Sums::begin(&node.table, seed);
        let changes = vec![0; BUCKETS];
        let wanted = vec![false; BUCKETS];
        BulkSender { from, upto, phase: SyncPhase::Summing, sums, changes, wanted, read: from }
    }

    /// Does some of it: appends to `out` until that has `full` bytes, and returns how many updates it has said. The
    /// neighbour's own updates came from `theirs`.
    pub(super) fn advance(
        &mut self,
        node: &Node,
        theirs: Source,
        full: usize,
        out: &mut Vec<u8>,
    ) -> (Progress, u64) {
        match &mut self.phase {
            SyncPhase::Summing => (self.sum_piece(node, theirs, out), 0),
            SyncPhase::Groups => (Progress::Waiting, 0),
            SyncPhase::Buckets(groups) => {
                while out.len() < full
                    && let Some(group) = groups.due.pop()
                {
                    groups.awaited += 1;
                    write_sums(&self.sums, Some(group as u8), self.sums.group(group), out);
                }
                (if groups.due.is_empty() { Progress::Waiting } else { Progress::Busy }, 0)
            }
            SyncPhase::Saying => self.write_wanted(node, theirs, full, out),
        }
    }

    /// Takes an answer of the receiver's: which groups differ, or which buckets of a group. Returns whether it was expected.
    pub(super) fn take_answer(&mut self, group: Option<u8>, differ: Differences) -> bool {
        match (&mut self.phase, group) {
            (SyncPhase::Groups, None) => self.choose_groups(differ),
            (SyncPhase::Buckets(groups), Some(group)) if groups.awaited > 0 => {
                let first = usize::from(group) * GROUPS;
                indices(differ).for_each(|index| self.wanted[first + index] = true);
                let equal = (first..first + GROUPS).filter(|bucket| !self.wanted[*bucket]);
                groups.saved += equal.map(|bucket| self.changes[bucket] as usize).sum::<usize>();
                groups.awaited -= 1;
                groups.compared += 1;
                self.compare_more_groups();
            }
            _ => return false,
        }
        true
    }

    fn sum_piece(&mut self, node: &Node, theirs: Source, out: &mut Vec<u8>) -> Progress {
        let BulkSender { from, upto, changes, .. } = self;
        let is_over = self.sums.add_piece(&node.table, |bucket, sequence, record| {
            let is_due = sequence > *from && sequence <= *upto && record.source() != theirs;
            changes[bucket] += u32::from(is_due);
        });
        if !is_over {
            return Progress::Busy;
        }
        write_sums(&self.sums, None, &self.sums.groups(), out);
        self.phase = SyncPhase::Groups;
        Progress::Waiting
    }

    /// Of the groups that differ, those with few changes are said whole: their sums would take more bytes.
    fn choose_groups(&mut self, differ: Differences) {
        let mut groups = GroupsCompared::default();
        for group in indices(differ) {
            let changes: u32 = self.changes[group * GROUPS..][..GROUPS].iter().sum();
            if changes as usize * UPDATE_BYTES <= GROUP_BYTES {
                self.want_group(group);
            } else {
                groups.later.push(group);
            }
        }
        groups.due = groups.later.split_off(groups.later.len().saturating_sub(SAMPLE));
        self.phase = if groups.due.is_empty() { SyncPhase::Saying } else { SyncPhase::Buckets(groups) };
    }

    /// Once a sample has been compared, the other groups are too, if that saved more than it took; then what differs is said.
    fn compare_more_groups(&mut self) {
        let SyncPhase::Buckets(groups) = &mut self.phase else { return };
        if groups.awaited > 0 || !groups.due.is_empty() {
            return;
        }
        let was_worth_it = groups.saved * UPDATE_BYTES > groups.compared * GROUP_BYTES;
        let later = std::mem::take(&mut groups.later);
        if was_worth_it && !later.is_empty() {
            groups.due = later;
        } else {
            later.into_iter().for_each(|group| self.want_group(group));
            self.phase = SyncPhase::Saying;
        }
    }

    fn want_group(&mut self, group: usize) {
        self.wanted[group * GROUPS..][..GROUPS].fill(true);
    }

    fn write_wanted(
        &mut self,
        node: &Node,
        theirs: Source,
        full: usize,
        out: &mut Vec<u8>,
    ) -> (Progress, u64) {
        let mut said = 0;
        for (sequence, record) in node.changes_to_say(self.read).take(PIECE) {
            if sequence > self.upto {
                return (Progress::Done, said);
            }
            if record.source() != theirs && self.wanted[bucket(record)] {
                LinkLine::Update(record.line()).write(out);
                said += 1;
            }
            self.read = sequence;
            if out.len() >= full {
                break;
            }
        }
        let is_over = self.read >= self.upto || node.changes_to_say(self.read).next().is_none();
        (if is_over { Progress::Done } else { Progress::Busy }, said)
    }
}

/// A bulk sync as its receiver sees it.
#[derive(Debug)]
pub(super) struct BulkReceiver {
    seed: u64,
    /// The sums of the sender's groups.
    groups: Vec<u64>,
    /// This node's, once it has its turn.
    sums: Option<Sums>,
    /// Answers that are to be said.
    due: Vec<(Option<u8>, Differences)>,
    /// Whether the table has been gone over.
    is_summed: bool,
}

impl BulkReceiver {
    /// What a sender has said begins it.
    pub(super) fn of(seed: u64, sums: &str) -> BulkReceiver {
        BulkReceiver { seed, groups: words(sums).collect(), sums: None, due: Vec::new(), is_summed: false }
    }

    /// Takes the sums of a group's buckets. Returns whether they were asked for.
    pub(super) fn take_sums(&mut self, seed: u64, group: u8, sums: &str) -> bool {
        let Some(ours) = self.sums.as_ref().filter(|_| self.is_summed && seed == self.seed) else {
            return false;
        };
        // One answer a group: a sender asks once.
        if self.due.len() == GROUPS {
            return false;
        }
        self.due.push((Some(group), differences(ours.group(usize::from(group)), words(sums))));
        true
    }

    /// Does some of it, when it is this sync's turn.
    pub(super) fn advance(&mut self, node: &Node, out: &mut Vec<u8>) -> Progress {
        let sums = self.sums.get_or_insert_with(|| Sums::begin(&node.table, self.seed));
        if !self.is_summed {
            if !sums.add_piece(&node.table, |_, _, _| {}) {
                return Progress::Busy;
            }
            self.is_summed = true;
            self.due.push((None, differences(&sums.groups(), self.groups.iter().copied())));
        }
        for (group, differ) in self.due.drain(..) {
            LinkLine::Differ { group, differ: &hex(&differ) }.write(out);
        }
        Progress::Waiting
    }
}

fn write_sums(sums: &Sums, group: Option<u8>, said: &[u64], out: &mut Vec<u8>) {
    LinkLine::Sums { seed: sums.seed(), group, sums: &hex(said) }.write(out);
}
