//! What must be true of any bytes at all. Each function takes some, and panics when it is not; the fuzz targets call them
//! with what they invent, and an ordinary test of `herd` with the corpus.

use std::cell::RefCell;
use std::io::{self, BufRead, Cursor};
use std::rc::Rc;
use std::time::Duration;

use herd::config::Herd;
use herd::journal::{Disk, Journal, Log};
use herd::message::{At, Lines, LinkLine, Piece, Time, Update, VERSION};
use herd::node::{Answer, Limits, Link, LinkId, Lives, Node};
use herd::places;
use serde::Deserialize;
use serde::de::IgnoredAny;

const NOW: Time = Time { seconds: 2_000_000_000, nanoseconds: 0 };

/// How deep a body may be nested in these tests.
const DEPTH: usize = 64;

fn node() -> Node {
    let lives = Lives { epoch: 1, incarnation: 1, hash_seed: 0 };
    Node::new("Alford", &["Bolden".to_owned()], Limits::default(), lives)
}

/// What a client sends is split into lines alike however it is cut into segments; each line is copied, or answered by an AT
/// line with its own bytes.
pub fn client_line(bytes: &[u8]) {
    let mut node = node();
    let whole = lines(bytes, bytes.len().max(1));
    assert_eq!(whole, lines(bytes, 1), "segments do not matter");
    for line in whole.iter().flatten() {
        let mut out = Vec::new();
        match node.answer(line, NOW, &mut out).0 {
            Answer::Written if out.starts_with(b"? ") => assert_eq!(out, [b"? ", &line[..], b"\n"].concat()),
            Answer::Written => {
                let end = out.iter().position(|byte| *byte == b'\n').expect("a line end");
                let at = At::parse(&out[..end]).expect("an AT line");
                let client = at.iamat.client.as_bytes();
                assert!(line.windows(client.len()).any(|part| part == client), "the client's own bytes");
                assert!(node.table().get(at.iamat.client).is_some());
            }
            Answer::Places { at, query } => {
                assert!(At::parse(&at).is_some());
                assert!((1..=20).contains(&query.bound));
            }
        }
    }
}

/// The lines of a stream that comes in segments of so many bytes; `None` for one that is too long, and ends it.
fn lines(bytes: &[u8], segment: usize) -> Vec<Option<Vec<u8>>> {
    let mut lines = Lines::new(Limits::default().line_bytes);
    let mut found = Vec::new();
    for segment in bytes.chunks(segment) {
        lines.room().extend_from_slice(segment);
        while let Some(piece) = lines.next_line() {
            match piece {
                Piece::Line(line) => found.push(Some(line.to_owned())),
                Piece::TooLong(_) => {
                    found.push(None);
                    return found;
                }
            }
        }
    }
    found
}

/// A line between nodes that is understood is written as it was meant, and an update as it was; more of an update is only a
/// number in front of an AT line, or of a client.
pub fn link_line(line: &[u8]) {
    if let Some(parsed) = LinkLine::parse(line) {
        let mut written = Vec::new();
        parsed.write(&mut written);
        let written = written.strip_suffix(b"\n").expect("a line end");
        let is_ours = !matches!(parsed, LinkLine::Hello { version, .. } if version != VERSION);
        if is_ours && !line.contains(&b'\n') {
            assert_eq!(LinkLine::parse(written), Some(parsed));
        }
    }
    if let Some(update) = Update::parse(line)
        && update.removals > 0
    {
        let mut written = Vec::new();
        match update.report {
            Some(at) => Update::write_report_after(&mut written, update.removals, at.line),
            None => Update::write_removal(&mut written, update.removals, update.client),
        }
        assert_eq!(written, line);
    }
    if let Some(at) = At::parse(line) {
        let mut written = Vec::new();
        let server = line.split(|byte| *byte == b' ').nth(1).and_then(|name| std::str::from_utf8(name).ok());
        At::write(&mut written, server.expect("a node's name"), at.skew, &at.iamat);
        assert_eq!(written, line);
    }
}

/// Whoever says anything on a link tells nothing before both have said hello, and is told no more than a batch at a time.
pub fn hello(bytes: &[u8]) {
    let mut node = node();
    let mut link = Link::accepted(LinkId(1), Duration::ZERO);
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let now = Duration::from_millis(number as u64);
        let mut out = Vec::new();
        let said = link.transmit(&mut node, now, NOW, &mut out);
        assert!(out.len() <= 2 * node.limits().link_batch_bytes);
        let heard = said.and_then(|()| link.receive(&mut node, line, now, NOW));
        assert!(link.is_complete() || node.table().is_empty(), "a stranger has told something");
        if let Err(end) = heard {
            link.close(&mut node, &end, &mut out);
            assert!(!node.neighbour("Bolden").is_some_and(|id| node.is_linked(id)));
            return;
        }
    }
}

/// Whatever is in a journal's file, what is read back of it is written down again, whole.
pub fn journal(file: &[u8]) {
    let journal = File(Rc::new(RefCell::new(file.to_vec())));
    let disk = Memory { journal: Rc::new(RefCell::new(journal)), draft: File::default() };
    let open = |node: &mut Node| Journal::open(disk.clone(), node, Some("boot"), Box::new(|| 7));
    let mut first = node();
    let Ok((mut journal, _)) = open(&mut first) else { return };
    first.answer(b"IAMAT more +1+1 1", NOW, &mut Vec::new());
    journal.write(&mut first).expect("memory does not fail");
    journal.close().expect("memory does not fail");
    let mut second = node();
    let (_, replayed) = open(&mut second).expect("a journal of this node");
    assert!(!replayed.is_damaged && !replayed.is_torn(), "{replayed:?}");
    assert_eq!((second.table().sum(), second.table().len()), (first.table().sum(), first.table().len()));
    assert_eq!(second.epoch(), first.epoch());
}

/// A body that can be used stays one when it is cut, with as many results as were asked for; the first byte says how many.
pub fn places_body(bytes: &[u8]) {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        results: Option<Vec<IgnoredAny>>,
    }
    let results = |body: &[u8]| {
        let body: Body = serde_json::from_slice(body).expect("JSON");
        body.results.map_or(0, |results| results.len())
    };
    let Some((bound, body)) = bytes.split_first() else { return };
    let bound = usize::from(bound % 21);
    let Ok(kept) = places::cut(body, bound, DEPTH) else { return };
    assert_eq!(results(&kept), results(body).min(bound));
    assert!(!kept.ends_with(b"\n") && !kept.windows(2).any(|two| two == b"\n\n"));
    assert_eq!(places::cut(&kept, bound, DEPTH).as_deref(), Ok(&kept[..]), "nothing is left to cut");
}

/// A herd file is a herd, or every problem has its line.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Herd::parse(text, "file") {
        Ok(herd) => {
            let again = Herd::parse(&herd.to_string(), "again").expect("what is written can be read");
            assert_eq!((again.name, again.members), (herd.name, herd.members));
        }
        Err(problems) => {
            let told = problems.to_string();
            assert!(told.starts_with("file:"), "{told}");
        }
    }
}

/// A disk in memory with two files: the journal and its draft.
#[derive(Clone)]
struct Memory {
    journal: Rc<RefCell<File>>,
    draft: File,
}

#[derive(Clone, Default)]
struct File(Rc<RefCell<Vec<u8>>>);

impl Log for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.borrow_mut().truncate(length as usize);
        Ok(())
    }
}

impl Disk for Memory {
    type Log = File;

    fn read(&mut self) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        Ok(Some(Box::new(Cursor::new(self.journal.borrow().0.borrow().clone()))))
    }

    fn log(&mut self) -> io::Result<File> {
        Ok(self.journal.borrow().clone())
    }

    fn draft(&mut self) -> io::Result<File> {
        self.draft = File::default();
        Ok(self.draft.clone())
    }

    fn install(&mut self) -> io::Result<()> {
        self.journal.replace(self.draft.clone());
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn keep_damaged(&mut self) -> io::Result<()> {
        Ok(())
    }
}
