//! Copies of journals, for backups.

use std::io::{self, BufRead, Write};

use super::line::{FORMAT, Line};

/// What takes the place of the boot's id at the end of a copy. No boot has this id, so a node that
/// starts with a copy takes it for one that may lack its end, and begins a new epoch. Otherwise it
/// could use sequences again that its neighbours have already heard.
const COPIED: &str = "copied";

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The node that the journal belongs to.
    pub node: String,
    /// The number of updates.
    pub updates: u64,
    /// The length of the copy in bytes.
    pub bytes: u64,
}

/// Why a journal cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The journal has another format, or none.
    #[error("line 1 is not the header of a journal of format {FORMAT}")]
    OtherFormat,
    /// A line is damaged, missing or out of place.
    #[error("line {0} is damaged, or lines are missing before it")]
    Damaged(u64),
    /// A file cannot be read or written.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Copies a journal up to its last whole line. A node may append to it meanwhile. A node that
/// starts with the copy begins a new epoch.
///
/// # Examples
/// ```
/// use herd::journal::{FORMAT, Line, copy};
///
/// let mut journal = Vec::new();
/// Line::Journal { format: FORMAT, node: "Alford" }.write(1, &mut journal);
/// let whole = journal.len();
/// journal.extend_from_slice(b"a torn li");
/// let mut copied = Vec::new();
/// assert_eq!(copy(journal.as_slice(), &mut copied).unwrap().node, "Alford");
/// assert_eq!(copied[..whole], journal[..whole]);
/// assert!(copied.ends_with(b" 2 BOOT copied\n"));
/// ```
///
/// # Errors
/// Fails as [`CopyError`] lists. A part of the journal may have been written then.
pub fn copy(mut from: impl BufRead, mut to: impl Write) -> Result<Copied, CopyError> {
    let mut line = Vec::new();
    let mut number = 1;
    let mut copied = Copied { node: String::new(), updates: 0, bytes: 0 };
    loop {
        line.clear();
        from.read_until(b'\n', &mut line)?;
        let Some(text) = line.strip_suffix(b"\n") else { break };
        match Line::parse(text) {
            Some((Some(1), Line::Journal { format: FORMAT, node })) if number == 1 => {
                node.clone_into(&mut copied.node);
            }
            _ if number == 1 => return Err(CopyError::OtherFormat),
            Some((Some(read), content)) if read == number => {
                copied.updates += u64::from(matches!(content, Line::Update { .. }));
            }
            _ => return Err(CopyError::Damaged(number)),
        }
        to.write_all(&line)?;
        copied.bytes += line.len() as u64;
        number += 1;
    }
    if number == 1 {
        return Err(CopyError::OtherFormat);
    }
    line.clear();
    Line::Boot(COPIED).write(number, &mut line);
    to.write_all(&line)?;
    to.flush()?;
    copied.bytes += line.len() as u64;
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(lines: &[Line<'_>]) -> Vec<u8> {
        let mut text = Vec::new();
        (1..).zip(lines).for_each(|(number, line)| line.write(number, &mut text));
        text
    }

    const HEADER: Line<'_> = Line::Journal { format: FORMAT, node: "Alford" };
    const UPDATE: Line<'_> = Line::Update { sequence: 1, at: b"AT Alford +0.500000000 kiwi +1+1 1" };

    #[test]
    fn a_copy_has_the_whole_lines_and_counts_the_updates() {
        let mut text = journal(&[HEADER, Line::Epoch(7), UPDATE, Line::Closed]);
        let whole = text.len();
        text.extend_from_slice(b"torn");
        let mut copied = Vec::new();
        let told = copy(text.as_slice(), &mut copied).unwrap();
        assert_eq!((told.updates, told.bytes), (1, copied.len() as u64));
        assert_eq!(copied[..whole], text[..whole]);
        assert_eq!(Line::parse(copied[whole..].trim_ascii_end()), Some((Some(5), Line::Boot(COPIED))));
        // A copy can be copied.
        assert_eq!(copy(copied.as_slice(), io::sink()).unwrap().bytes, told.bytes + 23);
    }

    #[test]
    fn a_journal_that_is_damaged_or_none_is_not_copied() {
        let refused = |text: &[u8]| copy(text, io::sink()).unwrap_err().to_string();
        let no_header = "line 1 is not the header of a journal of format 2";
        for text in [&b""[..], b"torn", b"another file\n", &journal(&[Line::Epoch(7)])] {
            assert_eq!(refused(text), no_header);
        }
        let whole = journal(&[HEADER, Line::Epoch(7), UPDATE]);
        let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        assert_eq!(
            refused(&[lines[0], lines[2]].concat()),
            "line 2 is damaged, or lines are missing before it"
        );
        let mut flipped = whole.clone();
        flipped[whole.len() - 2] ^= 1;
        assert_eq!(refused(&flipped), "line 3 is damaged, or lines are missing before it");
    }
}
