//! A page of clients as JSON.

use serde::Serialize;

use crate::message::At;

/// A client that was found, by its AT line.
pub(super) struct Entry {
    pub(super) at: Box<[u8]>,
    /// Its distance in kilometres, in a page of the nearest clients.
    pub(super) km: Option<f64>,
}

/// A page of clients.
#[derive(Serialize)]
pub(super) struct Page {
    /// The number of clients that the node knows.
    known: usize,
    clients: Vec<Client>,
    /// The cursor of the next page; `None` if this is the last.
    next: Option<String>,
}

#[derive(Serialize)]
struct Client {
    client: String,
    latitude: f64,
    longitude: f64,
    /// The node that received the report.
    origin: String,
    time: String,
    skew: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    km: Option<f64>,
    line: String,
}

impl Page {
    pub(super) fn new(known: usize, found: Vec<Entry>, next: Option<String>) -> Page {
        Page { known, clients: found.into_iter().filter_map(Client::of).collect(), next }
    }
}

impl Client {
    /// `None` if the line is not an AT line, which no record has.
    fn of(Entry { at, km }: Entry) -> Option<Client> {
        let At { line, skew, iamat } = At::parse(&at)?;
        let (latitude, longitude) = iamat.location.degrees();
        let mut seconds = Vec::new();
        skew.write(&mut seconds);
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        Some(Client {
            client: text(iamat.client.as_bytes()),
            latitude,
            longitude,
            origin: text(At { line, skew, iamat }.server()),
            time: text(iamat.stamp.as_bytes()),
            skew: text(&seconds),
            km,
            line: text(line),
        })
    }
}
