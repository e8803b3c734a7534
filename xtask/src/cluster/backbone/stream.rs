//! The stream that the servers keep: the server that leads it, its files, and its messages.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::servers::{NatsServers, POLL, READY, STREAM};
use crate::cluster::admin_client;

/// The time limit for an answer of a server.
const ANSWER: Duration = Duration::from_secs(10);

impl NatsServers {
    /// Returns the name of the server that leads the stream. Waits while none does.
    ///
    /// # Errors
    /// No server leads the stream in time.
    pub fn leader(&mut self) -> Result<String> {
        let deadline = Instant::now() + READY;
        loop {
            for server in self.known() {
                let state = admin_client::get(server.state, "/jsz?streams=true").unwrap_or_default();
                let state: Value = serde_json::from_str(&state).unwrap_or_default();
                // The others may not know yet that a leader is down.
                if leader_in(&state) == Some(&server.name) {
                    return Ok(server.name);
                }
            }
            ensure!(Instant::now() < deadline, "no server leads the stream {STREAM} after {READY:?}");
            thread::sleep(POLL);
        }
    }

    /// Waits until a server has written messages to its files.
    ///
    /// # Errors
    /// It has written none in time.
    pub fn wait_for_messages(&self, name: &str) -> Result<()> {
        let deadline = Instant::now() + READY;
        while self.message_files(name)?.is_empty() {
            ensure!(Instant::now() < deadline, "{name} has written no messages after {READY:?}");
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Flips one bit of the messages in the files of a server, which must be down. `place` is the
    /// bit, counted round and round over the bits of all messages.
    ///
    /// # Errors
    /// The server has no messages, or a file cannot be changed.
    pub fn flip_bit(&self, name: &str, place: u64) -> Result<()> {
        flip_bit_of(&self.message_files(name)?, place).with_context(|| format!("cannot flip a bit of {name}"))
    }

    /// Returns the files of a server that have messages, with their lengths in bytes.
    fn message_files(&self, name: &str) -> Result<Vec<(PathBuf, u64)>> {
        let folder = self.folder.join(name).join("jetstream/$G/streams").join(STREAM).join("msgs");
        let files = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.with_context(|| format!("cannot list {}", folder.display()))?,
        };
        let mut blocks = Vec::new();
        for file in files {
            let file = file?;
            let (path, length) = (file.path(), file.metadata()?.len());
            if length > 0 && path.extension().is_some_and(|ending| ending == "blk") {
                blocks.push((path, length));
            }
        }
        blocks.sort();
        Ok(blocks)
    }

    /// Deletes the older half of the messages, as if they were older than the stream keeps them.
    ///
    /// # Errors
    /// A server refuses that, or does not answer.
    pub fn delete_older_half(&mut self) -> Result<()> {
        let info = self.ask_about_stream("INFO", "")?;
        let messages = info["state"]["messages"].as_u64().context("the stream has no number of messages")?;
        // The stream refuses to purge messages, but its limits can be changed.
        let mut config = info["config"].clone();
        let limit = config["max_msgs"].take();
        config["max_msgs"] = messages.div_ceil(2).max(1).into();
        self.ask_about_stream("UPDATE", &config.to_string())?;
        config["max_msgs"] = limit;
        self.ask_about_stream("UPDATE", &config.to_string()).map(drop)
    }

    /// Sends a request about the stream to a server that is up, and returns the answer.
    fn ask_about_stream(&mut self, verb: &str, body: &str) -> Result<Value> {
        let up = self.known().into_iter().find(|server| server.pid.is_some());
        let server = up.context("all servers are down")?;
        let what = || format!("cannot ask {} about the stream {STREAM}", server.name);
        let mut stream = TcpStream::connect(server.client).with_context(what)?;
        stream.set_read_timeout(Some(ANSWER))?;
        let (subject, length) = (format!("$JS.API.STREAM.{verb}.{STREAM}"), body.len());
        let lines = format!(
            "CONNECT {{\"verbose\":false}}\r\nSUB reply 1\r\nPUB {subject} reply {length}\r\n{body}\r\n"
        );
        stream.write_all(lines.as_bytes()).with_context(what)?;
        let mut lines = BufReader::new(stream).lines();
        loop {
            let line = lines.next().context("the server closed the connection")?.with_context(what)?;
            if line.starts_with("MSG reply ") {
                break;
            }
        }
        let answer = lines.next().context("the server closed the connection")?.with_context(what)?;
        let answer: Value = serde_json::from_str(&answer).with_context(what)?;
        if let Some(error) = answer["error"]["description"].as_str() {
            bail!("{} refuses {subject}: {error}", server.name);
        }
        Ok(answer)
    }
}

/// The leader of the stream in the state of a server; `None` if it knows none.
fn leader_in(state: &Value) -> Option<&str> {
    let accounts = state["account_details"].as_array()?;
    let mut streams = accounts.iter().filter_map(|account| account["stream_detail"].as_array()).flatten();
    streams.find(|stream| stream["name"] == STREAM)?["cluster"]["leader"].as_str()
}

/// Flips a bit of files, which are given with their lengths in bytes.
fn flip_bit_of(files: &[(PathBuf, u64)], place: u64) -> Result<()> {
    let bytes: u64 = files.iter().map(|(_, length)| length).sum();
    ensure!(bytes > 0, "its files have no messages");
    let mut byte = place / 8 % bytes;
    for (path, length) in files {
        if byte < *length {
            let what = || format!("cannot change {}", path.display());
            let file = OpenOptions::new().read(true).write(true).open(path).with_context(what)?;
            let mut found = [0];
            file.read_exact_at(&mut found, byte).with_context(what)?;
            return file.write_all_at(&[found[0] ^ 1 << (place % 8)], byte).with_context(what);
        }
        byte -= length;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use fixtures::checkout::scratch;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_leader_is_the_one_of_this_stream() {
        let stream = |name, leader| json!({ "name": name, "cluster": { "leader": leader } });
        let state = json!({ "account_details": [
            { "stream_detail": [stream("other", "nats-1"), stream("herd", "nats-2")] },
        ] });
        assert_eq!(leader_in(&state), Some("nats-2"));
        assert_eq!(leader_in(&json!({ "account_details": [] })), None);
        assert_eq!(leader_in(&Value::Null), None);
    }

    #[test]
    fn exactly_one_bit_of_all_files_is_flipped() {
        let folder = scratch("flipped-bit");
        fs::create_dir_all(&folder).unwrap();
        let files = ["1.blk", "2.blk"].map(|name| (folder.join(name), 3));
        let read = || files.clone().map(|(path, _)| fs::read(path).unwrap());
        for (place, changed) in [(0, (0, 0, 1)), (17, (0, 2, 2)), (31, (1, 0, 128)), (48, (0, 0, 1))] {
            files.iter().for_each(|(path, _)| fs::write(path, [0; 3]).unwrap());
            flip_bit_of(&files, place).unwrap();
            let (file, byte, bit) = changed;
            let mut expected = [vec![0; 3], vec![0; 3]];
            expected[file][byte] = bit;
            assert_eq!(read(), expected, "{place}");
        }
        assert!(flip_bit_of(&[], 7).unwrap_err().to_string().contains("no messages"));
    }
}
