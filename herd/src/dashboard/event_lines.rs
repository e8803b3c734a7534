//! Reads server-sent events.

/// The longest event that is read, in bytes. A node's events are far shorter.
const LONGEST: usize = 1024 * 1024;

/// A server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerEvent {
    /// The number of the event, with which a reader can ask for what follows it.
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) data: String,
}

/// Splits the bytes of a stream into events.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    /// The bytes of a line whose end has not arrived.
    rest: Vec<u8>,
    event: ServerEvent,
}

impl EventReader {
    /// Adds bytes, and passes each event that is complete to `take`.
    ///
    /// # Errors
    /// An event is too long.
    pub(super) fn read(&mut self, bytes: &[u8], mut take: impl FnMut(ServerEvent)) -> Result<(), String> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if self.rest.len() + self.event.data.len() > LONGEST {
                return Err(format!("an event is longer than {LONGEST} bytes"));
            }
            if self.rest.last() == Some(&b'\n') {
                let line = String::from_utf8_lossy(&self.rest).into_owned();
                self.rest.clear();
                if let Some(event) = self.take_line(line.trim_end_matches(['\n', '\r'])) {
                    take(event);
                }
            }
        }
        Ok(())
    }

    /// Takes a line. Returns the event that an empty line ends.
    fn take_line(&mut self, line: &str) -> Option<ServerEvent> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                let event = std::mem::take(&mut self.event);
                return (!event.data.is_empty()).then_some(event);
            }
            "id" => self.event.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event.name),
            "data" => self.event.data += value,
            // Comments keep the connection alive; other fields mean nothing here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_arrive_whole_however_their_bytes_are_cut() {
        let bytes = b": alive\n\nid: 7\nevent: link\ndata: {\"a\":1}\n\ndata: 2\r\n\r\nid: 8\n\n";
        let of = |name: &str, data: &str, id: Option<&str>| ServerEvent {
            id: id.map(str::to_owned),
            name: name.to_owned(),
            data: data.to_owned(),
        };
        let expected = [of("link", "{\"a\":1}", Some("7")), of("", "2", None)];
        for size in 1..=bytes.len() {
            let (mut reader, mut events) = (EventReader::default(), Vec::new());
            bytes.chunks(size).for_each(|chunk| reader.read(chunk, |event| events.push(event)).unwrap());
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_endless_event_is_an_error() {
        let mut reader = EventReader::default();
        let piece = [b'x'; 64 * 1024];
        let read = (0..32).try_for_each(|_| reader.read(&piece, |_| panic!("an event")));
        assert!(read.is_err());
    }
}
