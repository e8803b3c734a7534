//! Bulk sync: two nodes first compare sums of their records, then the sender sends only what
//! differs.
//!
//! The sender sends the sums of its groups of buckets, and the receiver answers which of them
//! differ. For the groups that differ, the sender then has the sums of single buckets compared, if
//! a sample shows that this probably saves bytes. Finally it sends the updates in differing
//! buckets that the receiver has not heard yet.
//!
//! The receiver takes part in one bulk sync at a time. When the next sender's turn comes, hardly
//! any of its updates are missing. A sender that has begun waits only for its receiver, so each
//! bulk sync ends, and the next one can begin.

use super::bucket_sums::{BUCKETS, Differences, GROUPS, Sums, bucket, differences, indices};
use super::selection::Selection;
use crate::message::{LinkLine, hex, words};
use crate::node::Node;
use crate::node::table::{Record, Source};

/// The approximate length of an update, and of the sums of a group, in bytes.
const UPDATE_BYTES: usize = 80;
const GROUP_BYTES: usize = 4_200;

/// The number of groups whose buckets are compared as the sample.
pub(in crate::node) const SAMPLE: usize = 8;

/// The number of changes to look at before yielding: less than a millisecond of work.
pub(super) const PIECE: usize = 4096;

/// What a bulk sync does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It continues at once.
    Busy,
    /// It waits for the other side.
    Waiting,
    /// Nothing: it is complete.
    Done,
}

/// The sender's state in a bulk sync.
#[derive(Debug)]
pub(super) struct BulkSender {
    /// The bulk sync covers the changes after `from`, up to `upto`.
    from: u64,
    upto: u64,
    phase: SyncPhase,
    sums: Sums,
    /// The number of those changes in each bucket.
    changes: Vec<u32>,
    /// Whether the receiver lacks something in each bucket.
    wanted: Vec<bool>,
    /// The sequence up to which the wanted changes have been sent.
    read: u64,
}

#[derive(Debug)]
enum SyncPhase {
    /// The sender is summing its table.
    Summing,
    /// The sender waits for the groups that differ.
    Groups,
    /// The sender waits for the buckets that differ in some groups.
    Buckets(GroupsCompared),
    /// The sender sends the wanted changes.
    Saying,
}

/// Groups whose buckets are compared.
#[derive(Debug, Default)]
struct GroupsCompared {
    /// Groups whose sums go out now, and those that follow if the sample pays off.
    due: Vec<usize>,
    later: Vec<usize>,
    /// The number of groups whose sums were sent and not answered, and the number answered.
    awaited: usize,
    compared: usize,
    /// The number of changes that the answers made unnecessary.
    saved: usize,
}

impl BulkSender {
    /// Begins a bulk sync of the changes after `from`, up to `upto`. Each one needs a different
    /// `seed`.
    pub(super) fn begin(node: &Node, from: u64, upto: u64, seed: u64) -> BulkSender {
        let sums = Sums::begin(&node.table, seed);
        let changes = vec![0; BUCKETS];
        let wanted = vec![false; BUCKETS];
        BulkSender { from, upto, phase: SyncPhase::Summing, sums, changes, wanted, read: from }
    }

    /// Continues the bulk sync until `out` has `full` bytes. Returns what to do next, and the
    /// number of updates written. `theirs` is the source of the neighbour's own updates.
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

    /// Takes the receiver's answer: which groups differ, or which buckets of a group. Returns
    /// whether it was expected.
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
        let is_over = self.sums.add_piece(&node.table, |bucket, sequence, record, _| {
            let is_due = sequence > *from && sequence <= *upto && record.source() != theirs;
            changes[bucket] += u32::from(is_due);
            true
        });
        if !is_over {
            return Progress::Busy;
        }
        write_sums(&self.sums, None, &self.sums.groups(), out);
        self.phase = SyncPhase::Groups;
        Progress::Waiting
    }

    /// Chooses the groups to compare. Those with few changes are sent whole, because their sums
    /// would need more bytes.
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

    /// After a sample of groups has been compared, compares the others if that saved bytes.
    /// Otherwise begins to send the changes.
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
        let mut selection = Selection { read: self.read, upto: self.upto };
        let is_wanted = |record: Record<'_>| self.wanted[bucket(record)];
        let (said, is_done) = selection.write_updates(node, theirs, full, out, is_wanted);
        self.read = selection.read;
        (if is_done { Progress::Done } else { Progress::Busy }, said)
    }
}

/// The receiver's state in a bulk sync.
#[derive(Debug)]
pub(super) struct BulkReceiver {
    seed: u64,
    /// The sums of the sender's groups.
    groups: Vec<u64>,
    /// This node's sums, from the moment when its turn has come.
    sums: Option<Sums>,
    /// Answers that are to be sent.
    due: Vec<(Option<u8>, Differences)>,
    /// Whether the whole table has been summed.
    is_summed: bool,
}

impl BulkReceiver {
    /// Begins a bulk sync with the sums of the sender's groups.
    pub(super) fn of(seed: u64, sums: &str) -> BulkReceiver {
        BulkReceiver { seed, groups: words(sums).collect(), sums: None, due: Vec::new(), is_summed: false }
    }

    /// Takes the sums of a group's buckets. Returns whether they were expected.
    pub(super) fn take_sums(&mut self, seed: u64, group: u8, sums: &str) -> bool {
        let Some(ours) = self.sums.as_ref().filter(|_| self.is_summed && seed == self.seed) else {
            return false;
        };
        // A sender asks once for each group, so there are at most as many answers.
        if self.due.len() == GROUPS {
            return false;
        }
        self.due.push((Some(group), differences(ours.group(usize::from(group)), words(sums))));
        true
    }

    /// Continues the bulk sync; call it only when it is this one's turn.
    pub(super) fn advance(&mut self, node: &Node, out: &mut Vec<u8>) -> Progress {
        let sums = self.sums.get_or_insert_with(|| Sums::begin(&node.table, self.seed));
        if !self.is_summed {
            if !sums.add_piece(&node.table, |_, _, _, _| true) {
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
