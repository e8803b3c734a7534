//! Checks the `[backbone]` table of a herd file.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;

use super::problems::Problems;
use super::tables::NodeTable;
use super::{BackboneTable, Herd, Member};
use crate::message::is_node_name;
use crate::nearest::did_you_mean;
use crate::node::{MOST_SHARDS, Shards};

/// The table's name in problems.
const TABLE: &str = "backbone";

/// The longest linger. A longer one would look like an outage.
const LONGEST_LINGER: Duration = Duration::from_secs(1);

/// The shortest retention. A node that restarts must find its place again.
const SHORTEST_RETENTION: Duration = Duration::from_mins(1);

/// The shortest time between two comparisons of regions. Each may read the whole table.
const SHORTEST_COMPARE: Duration = Duration::from_secs(1);

/// How many nodes read what other regions have received, unless the file names them.
const READERS: usize = 2;

/// The length of the longest stream name.
const LONGEST_STREAM: usize = 32;

impl BackboneTable {
    /// The name of the region of a herd.
    pub fn region_of<'a>(&'a self, herd: &'a Herd) -> &'a str {
        self.region.as_deref().unwrap_or(&herd.name)
    }

    /// The name of the region of a node: the node's name if it holds only some shards, since it has
    /// no links then.
    pub fn region_of_node<'a>(&'a self, herd: &'a Herd, member: &'a Member) -> &'a str {
        if member.holds.is_some() { &member.name } else { self.region_of(herd) }
    }

    /// Whether a node reads what other regions have received. One that holds only some shards
    /// always does.
    pub fn is_reader(&self, herd: &Herd, member: &Member) -> bool {
        member.holds.is_some()
            || match &self.reads {
                Some(names) => names.contains(&member.name),
                None => herd.members.iter().take(READERS).any(|first| first.name == member.name),
            }
    }

    /// The shards that a node holds.
    pub fn shards_of(&self, member: &Member) -> Shards {
        let held = member.holds.as_deref().map(|holds| Shards::parse(holds, self.shards));
        held.and_then(Result::ok).unwrap_or(Shards::all(self.shards))
    }
}

impl Problems<'_> {
    /// Checks the table, if there is one.
    pub(super) fn check_backbone(&mut self, herd: &Herd) {
        let Some(backbone) = &herd.backbone else { return };
        if backbone.nats.is_empty() {
            let message = "the backbone has no server: add one, such as nats = [\"nats://127.0.0.1:4222\"]";
            self.at_key(TABLE, "nats", message.to_owned());
        }
        for url in &backbone.nats {
            if let Err(problem) = check_url(url, backbone.creds.is_some()) {
                self.at_key(TABLE, "nats", problem);
            }
        }
        let region = backbone.region_of(herd);
        if !is_node_name(region.as_bytes()) {
            self.at_key(TABLE, "region", format!("`{region}` cannot be the name of a region: set `region` to 1 to 64 letters, digits, `_`, `-` or `.`"));
        }
        let stream = &backbone.stream;
        if !is_node_name(stream.as_bytes()) || stream.contains('.') || stream.len() > LONGEST_STREAM {
            self.at_key(TABLE, "stream", format!("`{stream}` cannot be the name of a stream: use 1 to {LONGEST_STREAM} letters, digits, `_` or `-`"));
        }
        if ![1, 3, 5].contains(&backbone.replicas) {
            let message = format!("{} replicas cannot vote: use 1, 3 or 5", backbone.replicas);
            self.at_key(TABLE, "replicas", message);
        }
        if backbone.linger > LONGEST_LINGER {
            self.at_key(TABLE, "linger", "`linger` is too long: at most 1s".to_owned());
        }
        if backbone.retention < SHORTEST_RETENTION {
            self.at_key(TABLE, "retention", "`retention` is too short: at least 1m".to_owned());
        }
        if backbone.compare.is_some_and(|every| every < SHORTEST_COMPARE) {
            self.at_key(TABLE, "compare", "`compare` is too short: at least 1s, or \"off\"".to_owned());
        }
        if !(1..=MOST_SHARDS).contains(&backbone.shards) {
            let message = format!("{} shards are impossible: use 1 to {MOST_SHARDS}", backbone.shards);
            self.at_key(TABLE, "shards", message);
        }
        self.check_readers(herd, backbone);
    }

    /// Checks the shards that nodes hold.
    pub(super) fn check_shards(&mut self, herd: &Herd, nodes: &[NodeTable]) {
        let shards = herd.backbone.as_ref().map(|backbone| backbone.shards.clamp(1, MOST_SHARDS));
        for node in nodes {
            let Some(holds) = &node.holds else { continue };
            match shards.map(|shards| Shards::parse(holds.get_ref(), shards)) {
                None => self.at(holds, "`holds` needs a backbone, which brings a node what others receive: add a [backbone] table with `shards`".to_owned()),
                Some(Err(problem)) => self.at(holds, format!("`holds` names no shards: {problem}")),
                Some(Ok(_)) => {}
            }
            if !node.neighbours.is_empty() {
                let message = format!(
                    "{} holds only some shards, so it can have no links: set neighbours = []",
                    node.name()
                );
                self.at(holds, message);
            }
        }
    }

    fn check_readers(&mut self, herd: &Herd, backbone: &BackboneTable) {
        let Some(readers) = &backbone.reads else { return };
        if readers.is_empty() {
            let message = "no node reads what other regions have received: name at least one in `reads`";
            self.at_key(TABLE, "reads", message.to_owned());
        }
        for name in readers.iter().filter(|name| herd.member(name).is_none()) {
            let known = herd.members.iter().map(|member| member.name.as_str());
            let hint = did_you_mean(name, known);
            self.at_key(TABLE, "reads", format!("`reads` names {name}, and no [[node]] has that name{hint}"));
        }
    }
}

/// Checks the URL of a server. Messages do not show it, in case it holds a password.
fn check_url(text: &str, has_credentials: bool) -> Result<(), String> {
    let expected = "expected the URL of a NATS server, such as nats://127.0.0.1:4222";
    let url = Url::parse(text).map_err(|error| format!("{expected}: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL in `nats` holds a user name or a password: put credentials into a file, and name it in `creds`".to_owned());
    }
    let is_encrypted = match url.scheme() {
        "nats" => false,
        "tls" => true,
        scheme => return Err(format!("{expected} or tls://nats.example:4222, and not {scheme}://")),
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(expected)?;
    if is_loopback(host) {
        return Ok(());
    }
    if !is_encrypted {
        return Err(format!("the server {host} is not on loopback: use tls:// instead of nats://"));
    }
    if !has_credentials {
        return Err(format!(
            "the server {host} is not on loopback, so it needs credentials: name their file in `creds`"
        ));
    }
    Ok(())
}

pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_beyond_loopback_need_tls_and_credentials() {
        for url in ["nats://127.0.0.1:4222", "nats://localhost", "nats://[::1]:4222", "tls://127.0.0.1"] {
            assert_eq!(check_url(url, false), Ok(()), "{url}");
        }
        assert_eq!(check_url("tls://nats.example:4222", true), Ok(()));
        for (url, has_credentials, expected) in [
            ("nats://nats.example:4222", true, "use tls://"),
            ("nats://10.0.0.1", true, "use tls://"),
            ("tls://nats.example", false, "name their file in `creds`"),
            ("http://127.0.0.1:4222", false, "not http://"),
            ("127.0.0.1:4222", false, "expected the URL"),
            ("nats://", false, "expected the URL"),
        ] {
            let problem = check_url(url, has_credentials).unwrap_err();
            assert!(problem.contains(expected), "{url}: {problem}");
        }
    }

    #[test]
    fn no_message_holds_a_password() {
        for url in ["nats://user:hunter2@127.0.0.1", "nats://hunter2@127.0.0.1", "nats:hunter2", "hunter2"] {
            let problem = check_url(url, true).unwrap_err();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
