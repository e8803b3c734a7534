//! The lines that two neighbouring nodes exchange. They are text, so that a log can show them.
//!
//! | line | meaning |
//! |---|---|
//! | `HELLO <version> <name> <epoch> <incarnation>` | who is speaking; the first line in each direction |
//! | `CURSOR <epoch> <sequence>` | answers a hello: how far the speaker has heard the other's log |
//! | `AT ...` | a report, exactly as a client would see it |
//! | `REMOVED <removals> <client-id>` | the client was removed, for the `removals`th time |
//! | `AFTER <removals> AT ...` | a report after `removals` removals of its client |
//! | `UPTO <sequence>` | a mark: everything in the speaker's log up to that sequence has been sent |
//! | `SYNCED` | the speaker has reached the end of its log for the first time on this link |
//! | `ALIVE <sum> <head> <heard> <sent> <echo> <clock> <forgotten>` | a heartbeat: the sum of the digests of all records of the speaker, the last sequence of its log, and the sequence up to which it has heard the other's log; when it was sent, what the other's timer should show now, and the speaker's wall clock; the window up to which the speaker has forgotten reports, with a `-` while it has not dropped their records |
//! | `SUMS <seed> [<group>] <256 sums>` | in a bulk sync: the sums of the groups of buckets, or of the buckets of a group |
//! | `DIFFER [<group>] <256 bits>` | answers `SUMS`: which of the sums differ from the speaker's |
//! | `PRUNE <origin>` | the other need not send what clients report to that node: the speaker gets it sooner from elsewhere |
//! | `GRAFT <origin>` | the opposite of `PRUNE`, which is how a link begins |
//! | `HAVE <sequence> [<origin> <window> <sum>]...` | a mark that also covers updates that were not sent: they are in these [windows](super::At::window), or in earlier lines' |
//! | `WANT <sequence> [<origin> <window>]...` | the speaker lacks updates of these windows: send those after that sequence of the log |
//! | `GAVE [<origin> <window> <sum>]...` | answers `WANT`: the updates of these windows have been sent |
//! | `BYE <reason>` | the speaker closes the link, and why |
//!
//! `<sent>` and `<echo>` are in microseconds since any fixed moment; the time by which the other's
//! timer is ahead of `<echo>` is the round trip. `<clock>` is in microseconds since 1970. Epochs,
//! incarnations, seeds and sums of buckets and windows have 16 hexadecimal digits, the sum of all
//! records 32, groups 2, bits 64. Sequences and windows are decimal.
//!
//! Version 6 of the language has no `<forgotten>`. Version 5 has no `PRUNE`, `GRAFT`, `HAVE`,
//! `WANT` and `GAVE`, either.

use std::fmt;

use super::decimal::Digits;
use super::windows::{are_sums, are_windows};
use super::{Forgotten, Update, is_node_name};

/// The version of the link language.
pub const VERSION: u64 = 7;

/// The oldest version that nodes still speak with a neighbour.
pub const OLDEST_VERSION: u64 = 5;

/// A parsed line from a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLine<'a> {
    /// A hello: the node that is speaking.
    Hello {
        /// The version of the link language that the node speaks.
        version: u64,
        /// The name of the node.
        name: &'a str,
        /// The life of the node's table. Sequences of another epoch mean nothing in this one.
        epoch: u64,
        /// The life of the node's process.
        incarnation: u64,
    },
    /// The cursor: the other's log is to be sent after this sequence of this epoch.
    Cursor {
        /// The epoch that the sequence belongs to; 0 if the speaker has heard nothing yet.
        epoch: u64,
        /// The last sequence heard; 0 if there is none.
        sequence: u64,
    },
    /// An [`Update`]: a line that begins with `AT`, `REMOVED` or `AFTER`. Its fields are not
    /// checked.
    Update(&'a [u8]),
    /// A mark: everything up to this sequence has been sent.
    UpTo(u64),
    /// The end of the log was reached for the first time on this link.
    Synced,
    /// A heartbeat. Two nodes that have heard all of each other compare their records with it.
    Alive {
        /// The sum of the digests of all records of the speaker.
        sum: u128,
        /// The last sequence of the speaker's log.
        head: u64,
        /// The sequence up to which the speaker has heard the other's log, in its present epoch.
        heard: u64,
        /// The speaker's timer when it sent this, in microseconds.
        sent: u64,
        /// What the other's timer would show now if its last heartbeat had taken no time; 0 if none
        /// has arrived.
        echo: u64,
        /// The speaker's wall clock, in microseconds since 1970.
        clock: u64,
        /// What the speaker has forgotten.
        forgotten: Forgotten,
    },
    /// Sums of the speaker's records, to be compared in a bulk sync.
    Sums {
        /// The seed of the hashes.
        seed: u64,
        /// The group of the buckets; `None` if these are the sums of the groups.
        group: Option<u8>,
        /// 256 sums of 16 hexadecimal digits each: see [`words`].
        sums: &'a str,
    },
    /// Which of the other's sums differ from the speaker's own.
    Differ {
        /// The group of the buckets; `None` if these are the groups.
        group: Option<u8>,
        /// One bit for each sum in four words of 16 hexadecimal digits, the first one lowest.
        differ: &'a str,
    },
    /// The other need not send updates of this origin: the node whose name they have.
    Prune(&'a str),
    /// The other is to send updates of this origin.
    Graft(&'a str),
    /// A mark: everything up to this sequence has been sent, or is in windows that this line or an
    /// earlier one lists.
    Have {
        /// The sequence.
        sequence: u64,
        /// Windows with the speaker's sums: see [`sums_of_windows`](super::sums_of_windows).
        windows: &'a str,
    },
    /// The speaker lacks something in these windows.
    Want {
        /// Only updates after this sequence are to be sent.
        sequence: u64,
        /// Windows without sums: see [`windows`](super::windows()).
        windows: &'a str,
    },
    /// The updates of these windows have been sent.
    Gave {
        /// Windows with the sums that they had when sending began: see
        /// [`sums_of_windows`](super::sums_of_windows).
        windows: &'a str,
    },
    /// The speaker closes the link, for this reason.
    Bye(&'a str),
}

impl<'a> LinkLine<'a> {
    /// Returns whether a line begins like a heartbeat.
    pub fn is_heartbeat(line: &[u8]) -> bool {
        line.starts_with(b"ALIVE ")
    }

    /// Parses a line without its line end; `None` if it is not part of the link language.
    ///
    /// # Examples
    /// ```
    /// use herd::message::LinkLine;
    ///
    /// assert_eq!(LinkLine::parse(b"UPTO 7"), Some(LinkLine::UpTo(7)));
    /// assert_eq!(LinkLine::parse(b"UPTO seven"), None);
    /// ```
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        if Update::is_like(line) {
            return Some(LinkLine::Update(line));
        }
        let line = std::str::from_utf8(line).ok()?;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let operands: Vec<&str> = rest.split(' ').collect();
        match (word, operands.as_slice()) {
            // Only the number can be relied on if the version is a different one.
            ("HELLO", [version, ..]) if !(OLDEST_VERSION..=VERSION).contains(&decimal(version)?) => {
                Some(LinkLine::Hello { version: decimal(version)?, name: "", epoch: 0, incarnation: 0 })
            }
            ("HELLO", [version, name, epoch, incarnation]) if is_node_name(name.as_bytes()) => {
                Some(LinkLine::Hello {
                    version: decimal(version)?,
                    name,
                    epoch: hexadecimal(epoch)?,
                    incarnation: hexadecimal(incarnation)?,
                })
            }
            ("CURSOR", [epoch, sequence]) => {
                Some(LinkLine::Cursor { epoch: hexadecimal(epoch)?, sequence: decimal(sequence)? })
            }
            ("UPTO", [sequence]) => Some(LinkLine::UpTo(decimal(sequence)?)),
            ("SYNCED", [""]) => Some(LinkLine::Synced),
            ("ALIVE", [sum, head, heard, sent, echo, clock, forgotten @ ..]) if forgotten.len() <= 1 => {
                let sum =
                    u128::from(hexadecimal(sum.get(..16)?)?) << 64 | u128::from(hexadecimal(sum.get(16..)?)?);
                let [head, heard] = [decimal(head)?, decimal(heard)?];
                let [sent, echo, clock] = [decimal(sent)?, decimal(echo)?, decimal(clock)?];
                let forgotten = match forgotten.first() {
                    Some(window) => match window.strip_suffix('-') {
                        Some(window) => Forgotten::Soon(decimal(window)?),
                        None => Forgotten::UpTo(decimal(window)?),
                    },
                    None => Forgotten::Unsaid,
                };
                Some(LinkLine::Alive { sum, head, heard, sent, echo, clock, forgotten })
            }
            ("SUMS", [seed, sums]) => {
                Some(LinkLine::Sums { seed: hexadecimal(seed)?, group: None, sums: of_words(sums, SUMS)? })
            }
            ("SUMS", [seed, group, sums]) => Some(LinkLine::Sums {
                seed: hexadecimal(seed)?,
                group: Some(byte(group)?),
                sums: of_words(sums, SUMS)?,
            }),
            ("DIFFER", [differ]) => {
                Some(LinkLine::Differ { group: None, differ: of_words(differ, SUMS / 64)? })
            }
            ("DIFFER", [group, differ]) => {
                Some(LinkLine::Differ { group: Some(byte(group)?), differ: of_words(differ, SUMS / 64)? })
            }
            ("PRUNE", [origin]) if is_node_name(origin.as_bytes()) => Some(LinkLine::Prune(origin)),
            ("GRAFT", [origin]) if is_node_name(origin.as_bytes()) => Some(LinkLine::Graft(origin)),
            ("HAVE", [sequence, windows @ ..]) if are_sums(windows) => {
                Some(LinkLine::Have { sequence: decimal(sequence)?, windows: after_word(rest) })
            }
            ("WANT", [sequence, windows @ ..]) if are_windows(windows) => {
                Some(LinkLine::Want { sequence: decimal(sequence)?, windows: after_word(rest) })
            }
            ("GAVE", [""]) => Some(LinkLine::Gave { windows: "" }),
            ("GAVE", windows) if are_sums(windows) => Some(LinkLine::Gave { windows: rest }),
            ("BYE", _) => Some(LinkLine::Bye(rest)),
            _ => None,
        }
    }

    /// Appends the line with its line end to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            LinkLine::Update(line) => out.extend_from_slice(line),
            other => out.extend_from_slice(other.to_string().as_bytes()),
        }
        out.push(b'\n');
    }
}

impl fmt::Display for LinkLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkLine::Hello { version, name, epoch, incarnation } => {
                write!(f, "HELLO {version} {name} {epoch:016x} {incarnation:016x}")
            }
            LinkLine::Cursor { epoch, sequence } => write!(f, "CURSOR {epoch:016x} {sequence}"),
            LinkLine::Update(line) => write!(f, "{}", line.escape_ascii()),
            LinkLine::UpTo(sequence) => write!(f, "UPTO {sequence}"),
            LinkLine::Synced => f.write_str("SYNCED"),
            LinkLine::Alive { sum, head, heard, sent, echo, clock, forgotten } => {
                write!(f, "ALIVE {sum:032x} {head} {heard} {sent} {echo} {clock}{forgotten}")
            }
            LinkLine::Sums { seed, group: None, sums } => write!(f, "SUMS {seed:016x} {sums}"),
            LinkLine::Sums { seed, group: Some(group), sums } => {
                write!(f, "SUMS {seed:016x} {group:02x} {sums}")
            }
            LinkLine::Differ { group: None, differ } => write!(f, "DIFFER {differ}"),
            LinkLine::Differ { group: Some(group), differ } => write!(f, "DIFFER {group:02x} {differ}"),
            LinkLine::Prune(origin) => write!(f, "PRUNE {origin}"),
            LinkLine::Graft(origin) => write!(f, "GRAFT {origin}"),
            LinkLine::Have { sequence, windows: "" } => write!(f, "HAVE {sequence}"),
            LinkLine::Have { sequence, windows } => write!(f, "HAVE {sequence} {windows}"),
            LinkLine::Want { sequence, windows: "" } => write!(f, "WANT {sequence}"),
            LinkLine::Want { sequence, windows } => write!(f, "WANT {sequence} {windows}"),
            LinkLine::Gave { windows: "" } => f.write_str("GAVE"),
            LinkLine::Gave { windows } => write!(f, "GAVE {windows}"),
            LinkLine::Bye(reason) => write!(f, "BYE {reason}"),
        }
    }
}

/// The number of sums, or bits, in one line.
const SUMS: usize = 256;

/// The number of hexadecimal digits of each word.
const WORD: usize = 16;

/// Returns the words that a text of hexadecimal digits contains, 16 digits each.
pub fn words(text: &str) -> impl Iterator<Item = u64> {
    let digits = text.as_bytes().chunks(WORD).filter_map(|word| std::str::from_utf8(word).ok());
    digits.map(|word| u64::from_str_radix(word, 16).unwrap_or_default())
}

/// Returns words as hexadecimal digits, 16 digits each.
pub fn hex(words: &[u64]) -> String {
    words.iter().map(|word| format!("{word:016x}")).collect()
}

/// Returns what follows the first word.
fn after_word(text: &str) -> &str {
    text.split_once(' ').map_or("", |(_, rest)| rest)
}

/// Returns a text if it consists of `words` words.
fn of_words(text: &str, words: usize) -> Option<&str> {
    of_digits(text, words * WORD)
}

fn byte(text: &str) -> Option<u8> {
    of_digits(text, 2).and_then(|text| u8::from_str_radix(text, 16).ok())
}

pub(super) fn decimal(text: &str) -> Option<u64> {
    Digits::parse(text.as_bytes(), 19).map(|digits| digits.value)
}

pub(super) fn hexadecimal(text: &str) -> Option<u64> {
    of_digits(text, WORD).and_then(|text| u64::from_str_radix(text, 16).ok())
}

fn of_digits(text: &str, digits: usize) -> Option<&str> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}
