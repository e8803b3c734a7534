//! The text of the log's lines. It is the same as that of `tracing`'s formatters, which take ten
//! times as long for events as frequent as these.

use std::fmt::Write;

use serde_json::Value;
use strum::VariantArray;

use super::Format;
use super::lines::{Kind, batch_start, take_entry};
use crate::printable;

/// The constant text of an event about a line.
#[derive(Debug, Default)]
struct Template {
    /// The text before the time.
    start: String,
    /// The text between the time and the peer.
    message: String,
    /// The text between the peer and the line.
    line: String,
    /// The text after the line.
    end: &'static str,
}

/// Turns the entries of a backlog into the text of the log.
#[derive(Debug)]
pub(super) struct Formatter {
    format: Format,
    templates: Vec<Template>,
    /// What events of each kind begin with in the current batch; empty if not known yet.
    prefixes: Vec<Vec<u8>>,
    /// The time of the current batch.
    time: String,
    /// The client or neighbour of the current batch, as the log shows it.
    peer: String,
}

impl Formatter {
    /// Creates a formatter for a format, and for a terminal with or without colours.
    pub(super) fn new(format: Format, coloured: bool) -> Formatter {
        let templates = Kind::VARIANTS.iter().map(|kind| template(*kind, format, coloured)).collect();
        let prefixes = vec![Vec::new(); Kind::VARIANTS.len()];
        Formatter { format, templates, prefixes, time: String::new(), peer: String::new() }
    }

    /// Formats entries until `out` has at least `enough` bytes or no entries are left.
    pub(super) fn format(&mut self, entries: &mut &[u8], out: &mut Vec<u8>, enough: usize) {
        while out.len() < enough
            && let Some((kind, text)) = take_entry(entries)
        {
            match kind {
                Kind::Event => out.extend_from_slice(text),
                Kind::Client | Kind::Neighbour => self.begin_batch(kind, text),
                line => self.write_line(line, text, out),
            }
        }
    }

    fn begin_batch(&mut self, kind: Kind, text: &[u8]) {
        let (time, peer) = batch_start(text);
        self.prefixes.iter_mut().for_each(Vec::clear);
        self.time.clear();
        // Writing to a string does not fail.
        let _ = write!(self.time, "{}", humantime::format_rfc3339_micros(time));
        let peer = String::from_utf8_lossy(peer);
        let shown = match (kind, self.format) {
            (_, Format::Json) => Value::from(peer).to_string(),
            (Kind::Neighbour, Format::Text) => format!("{peer:?}"),
            (_, Format::Text) => peer.into_owned(),
        };
        self.peer.clear();
        self.peer += &printable::line(shown.as_bytes());
    }

    fn write_line(&mut self, kind: Kind, line: &[u8], out: &mut Vec<u8>) {
        let template = &self.templates[kind as usize];
        let prefix = &mut self.prefixes[kind as usize];
        if prefix.is_empty() {
            for part in [&template.start, &self.time, &template.message, &self.peer, &template.line] {
                prefix.extend_from_slice(part.as_bytes());
            }
        }
        out.extend_from_slice(prefix);
        // Nearly always the line needs no escape.
        if line.iter().fold(true, |plain, byte| plain & is_plain(*byte)) {
            out.extend_from_slice(line);
        } else {
            write_escaped(line, self.format, out);
        }
        out.extend_from_slice(template.end.as_bytes());
    }
}

/// Writes a line with escapes. In JSON, the escapes are escaped as well.
fn write_escaped(line: &[u8], format: Format, out: &mut Vec<u8>) {
    for byte in line.escape_ascii() {
        if matches!(format, Format::Json) && matches!(byte, b'\\' | b'"') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

/// Whether a byte is shown as it is.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') & !matches!(byte, b'\\' | b'"' | b'\'')
}

/// Returns the constant text of events of a kind.
fn template(kind: Kind, format: Format, coloured: bool) -> Template {
    let (level, colour, message, peer) = match kind {
        // Their text is not that of a line.
        Kind::Event | Kind::Client | Kind::Neighbour => return Template::default(),
        Kind::Received => ("DEBUG", "34", "received", "peer"),
        Kind::TooLong => ("DEBUG", "34", "received the start of a line that is too long", "peer"),
        Kind::Refused => ("DEBUG", "34", "refused", "peer"),
        Kind::Answered => ("DEBUG", "34", "answered", "peer"),
        Kind::Heard => ("DEBUG", "34", "heard", "from"),
        Kind::Said => ("DEBUG", "34", "said", "to"),
        Kind::HeardHeartbeat => ("TRACE", "35", "heard", "from"),
        Kind::SaidHeartbeat => ("TRACE", "35", "said", "to"),
    };
    let text = if kind == Kind::Refused { "reason" } else { "line" };
    match format {
        Format::Json => Template {
            start: "{\"timestamp\":\"".to_owned(),
            message: format!("\",\"level\":\"{level}\",\"fields\":{{\"message\":\"{message}\",\"{peer}\":"),
            line: format!(",\"{text}\":\""),
            end: "\"}}\n",
        },
        Format::Text if coloured => Template {
            start: "\x1b[2m".to_owned(),
            message: format!(
                "\x1b[0m \x1b[{colour}m{level}\x1b[0m {message} \x1b[3m{peer}\x1b[0m\x1b[2m=\x1b[0m"
            ),
            line: format!(" \x1b[3m{text}\x1b[0m\x1b[2m=\x1b[0m"),
            end: "\n",
        },
        Format::Text => Template {
            start: String::new(),
            message: format!(" {level} {message} {peer}="),
            line: format!(" {text}="),
            end: "\n",
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use tracing::{debug, trace};
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::lines::add_entry;
    use super::super::{events, shown};
    use super::*;

    /// The time of every batch here, in microseconds since 1970, and as text.
    const TIME: (u64, &str) = (1_767_225_600_000_001, "2026-01-01T00:00:00.000001Z");

    /// Returns what `tracing` logs for an event, with the time replaced.
    fn by_tracing(format: Format, coloured: bool, log: impl FnOnce()) -> Vec<u8> {
        let written = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&written);
        let writer = move || Lines(Arc::clone(&lines));
        let subscriber = tracing_subscriber::registry().with(events(format, coloured, writer));
        tracing::subscriber::with_default(subscriber, log);
        let written = written.lock().unwrap();
        let text = shown(&written, coloured).into_owned();
        let year = text.windows(3).position(|start| start == b"202").unwrap();
        [&text[..year], TIME.1.as_bytes(), &text[year + TIME.1.len()..]].concat()
    }

    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(event);
            Ok(event.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Logs an event about a line through `tracing`.
    fn log(kind: Kind, peer: &str, line: &[u8]) {
        let line = line.escape_ascii();
        match kind {
            Kind::Event | Kind::Client | Kind::Neighbour => unreachable!("not about a line"),
            Kind::Received => debug!(%peer, %line, "received"),
            Kind::TooLong => debug!(%peer, %line, "received the start of a line that is too long"),
            Kind::Refused => debug!(%peer, reason = %line, "refused"),
            Kind::Answered => debug!(%peer, %line, "answered"),
            Kind::Heard => debug!(from = peer, %line, "heard"),
            Kind::Said => debug!(to = peer, %line, "said"),
            Kind::HeardHeartbeat => trace!(from = peer, %line, "heard"),
            Kind::SaidHeartbeat => trace!(to = peer, %line, "said"),
        }
    }

    /// Returns what this formatter makes of the same event.
    fn by_formatter(formatter: &mut Formatter, kind: Kind, peer: &str, line: &[u8]) -> Vec<u8> {
        let whose = if kind as u8 <= Kind::Answered as u8 { Kind::Client } else { Kind::Neighbour };
        let mut entries = Vec::new();
        add_entry(&mut entries, whose, &[&TIME.0.to_le_bytes()[..], peer.as_bytes()].concat());
        add_entry(&mut entries, kind, line);
        let mut out = Vec::new();
        formatter.format(&mut &entries[..], &mut out, usize::MAX);
        out
    }

    /// Any bytes, and mostly those of a line of the protocol.
    fn line() -> impl Strategy<Value = Vec<u8>> {
        let usual = "[ -~]{0,60}".prop_map(String::into_bytes);
        prop_oneof![3 => usual, 1 => prop::collection::vec(any::<u8>(), 0..60)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn lines_are_formatted_as_tracing_formats_events(
            line in line(),
            name in "[A-Za-z][A-Za-z0-9_.-]{0,15}|not yet known",
        ) {
            for (format, coloured) in [(Format::Text, false), (Format::Text, true), (Format::Json, false)] {
                let mut formatter = Formatter::new(format, coloured);
                for kind in Kind::VARIANTS.iter().copied().skip(3) {
                    let peer = if kind as u8 <= Kind::Answered as u8 { "[::1]:12480" } else { &*name };
                    let expected = by_tracing(format, coloured, || log(kind, peer, &line));
                    let made = by_formatter(&mut formatter, kind, peer, &line);
                    prop_assert_eq!(String::from_utf8(made), String::from_utf8(expected));
                }
            }
        }
    }

    #[test]
    fn text_is_formatted_in_pieces_of_whole_lines() {
        let mut entries = Vec::new();
        for event in ["one\n", "two\n", "three\n"] {
            add_entry(&mut entries, Kind::Event, event.as_bytes());
        }
        let mut formatter = Formatter::new(Format::Text, false);
        let mut rest = &entries[..];
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let mut out = Vec::new();
            formatter.format(&mut rest, &mut out, 5);
            pieces.push(String::from_utf8(out).unwrap());
        }
        assert_eq!(pieces, ["one\ntwo\n", "three\n"]);
    }
}
