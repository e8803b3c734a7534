//! The lines that two neighbouring nodes exchange, readable in a log.
//!
//! | line | meaning |
//! |---|---|
//! | `HELLO <version> <name> <epoch> <incarnation>` | who is speaking; the first line each way |
//! | `CURSOR <epoch> <sequence>` | answers a hello: up to where the speaker has heard the other's log |
//! | `AT ...` | a report, exactly as a client would see it |
//! | `REMOVED <removals> <client-id>` | the client was removed, for the `removals`th time |
//! | `AFTER <removals> AT ...` | a report after so many removals of its client |
//! | `UPTO <sequence>` | everything in the speaker's log up to that sequence has now been said |
//! | `SYNCED` | the speaker has said all it knew when it first got there |
//! | `ALIVE <sum> <head> <heard> <sent> <echo> <clock>` | a heartbeat: the sum of the digests of all that the speaker knows, the last sequence of its log, and up to which sequence it has heard the other's; when it was sent, what the other's timer should show now, and what the speaker's wall clock shows |
//! | `SUMS <seed> [<group>] <256 sums>` | before much is said: the sums of the groups of buckets, or of the buckets of a group |
//! | `DIFFER [<group>] <256 bits>` | answers that: which of them are not the speaker's |
//! | `BYE <reason>` | the speaker closes the link, and why |
//!
//! `<sent>` and `<echo>` are in microseconds since any moment; how much later the other's timer shows is the round trip. `<clock>` is in
//! microseconds since 1970. Epochs, incarnations, seeds and sums
//! of buckets are 16 hexadecimal digits, the sum of all 32, groups 2, bits 64; sequences are decimal.

use std::fmt;

use super::decimal::Digits;
use super::{Update, is_node_name};

/// The version of the language between nodes.
pub const VERSION: u64 = 5;

/// A line from a neighbour, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLine<'a> {
    /// Who is speaking.
    Hello {
        /// The version it speaks.
        version: u64,
        /// Its name.
        name: &'a str,
        /// The life of its store: sequences of another epoch mean nothing in this one.
        epoch: u64,
        /// The life of its process.
        incarnation: u64,
    },
    /// Where the speaker wants the other's log to be read from: after this sequence of this epoch.
    Cursor {
        /// The epoch that the sequence belongs to; 0 when the speaker has heard nothing yet.
        epoch: u64,
        /// The last sequence heard; 0 for none.
        sequence: u64,
    },
    /// An [`Update`]: a line that begins with `AT`, `REMOVED` or `AFTER`. Whether its fields are acceptable is for the receiver
    /// to see.
    Update(&'a [u8]),
    /// Everything up to this sequence has been said.
    UpTo(u64),
    /// All that was known has been said.
    Synced,
    /// A heartbeat, and what two nodes that have heard all of each other can tell from it: whether they know the
    /// same.
    Alive {
        /// The sum of the digests of all that the speaker knows.
        sum: u128,
        /// The last sequence of its log.
        head: u64,
        /// Up to which sequence it has heard the other's log, as that is now.
        heard: u64,
        /// When it says this, by its own timer, in microseconds.
        sent: u64,
        /// What the other's timer would show now, had its last heartbeat taken no time; 0 if none has come.
        echo: u64,
        /// What its wall clock shows, in microseconds since 1970.
        clock: u64,
    },
    /// Sums of what the speaker knows, to be compared before it says much.
    Sums {
        /// What the hashes are made with.
        seed: u64,
        /// Whose buckets; `None` for the groups themselves.
        group: Option<u8>,
        /// The 256 sums, each of 16 digits: see [`words`].
        sums: &'a str,
    },
    /// Which of such sums are not the speaker's own.
    Differ {
        /// Whose buckets; `None` for the groups themselves.
        group: Option<u8>,
        /// A bit each, 64 to a word of 16 digits, the first one lowest.
        differ: &'a str,
    },
    /// The speaker is closing.
    Bye(&'a str),
}

impl<'a> LinkLine<'a> {
    /// Whether a line is a heartbeat, or is meant to be one.
    pub fn is_heartbeat(line: &[u8]) -> bool {
        line.starts_with(b"ALIVE ")
    }

    /// Understands a line without its line end. `None` is broken framing.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        if Update::is_like(line) {
            return Some(LinkLine::Update(line));
        }
        let line = std::str::from_utf8(line).ok()?;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let operands: Vec<&str> = rest.split(' ').collect();
        match (word, operands.as_slice()) {
            // Of a version that is not this one only the number can be relied on.
            ("HELLO", [version, ..]) if decimal(version)? != VERSION => {
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
            ("ALIVE", [sum, head, heard, sent, echo, clock]) => {
                let sum =
                    u128::from(hexadecimal(sum.get(..16)?)?) << 64 | u128::from(hexadecimal(sum.get(16..)?)?);
                let [head, heard] = [decimal(head)?, decimal(heard)?];
                let [sent, echo, clock] = [decimal(sent)?, decimal(echo)?, decimal(clock)?];
                Some(LinkLine::Alive { sum, head, heard, sent, echo, clock })
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
            LinkLine::Alive { sum, head, heard, sent, echo, clock } => {
                write!(f, "ALIVE {sum:032x} {head} {heard} {sent} {echo} {clock}")
            }
            LinkLine::Sums { seed, group: None, sums } => write!(f, "SUMS {seed:016x} {sums}"),
            LinkLine::Sums { seed, group: Some(group), sums } => {
                write!(f, "SUMS {seed:016x} {group:02x} {sums}")
            }
            LinkLine::Differ { group: None, differ } => write!(f, "DIFFER {differ}"),
            LinkLine::Differ { group: Some(group), differ } => write!(f, "DIFFER {group:02x} {differ}"),
            LinkLine::Bye(reason) => write!(f, "BYE {reason}"),
        }
    }
}

/// Sums are said so many at once.
const SUMS: usize = 256;

/// Digits of a word.
const WORD: usize = 16;

/// The words that a text of hexadecimal digits holds.
pub fn words(text: &str) -> impl Iterator<Item = u64> {
    let digits = text.as_bytes().chunks(WORD).filter_map(|word| std::str::from_utf8(word).ok());
    digits.map(|word| u64::from_str_radix(word, 16).unwrap_or_default())
}

/// Words as hexadecimal digits.
pub fn hex(words: &[u64]) -> String {
    words.iter().map(|word| format!("{word:016x}")).collect()
}

/// A text that holds so many words.
fn of_words(text: &str, words: usize) -> Option<&str> {
    of_digits(text, words * WORD)
}

fn byte(text: &str) -> Option<u8> {
    of_digits(text, 2).and_then(|text| u8::from_str_radix(text, 16).ok())
}

fn decimal(text: &str) -> Option<u64> {
    Digits::parse(text.as_bytes(), 19).map(|digits| digits.value)
}

fn hexadecimal(text: &str) -> Option<u64> {
    of_digits(text, WORD).and_then(|text| u64::from_str_radix(text, 16).ok())
}

fn of_digits(text: &str, digits: usize) -> Option<&str> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}
