//! Herds whose nodes hold only some shards.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cluster::herd_file::HerdFile;

/// The time between two looks at what nodes hold.
const POLL: Duration = Duration::from_millis(100);

/// Returns a herd whose nodes hold these shards of 64, by their names. There are no links. The
/// servers of the backbone have these URLs.
///
/// # Errors
/// The shards are not ones.
pub fn divided(nodes: &[(&str, &str)], urls: &[String], replicas: u16) -> Result<HerdFile> {
    let mut text = "name = \"shards\"\n".to_owned();
    for (port, (name, holds)) in (1..).step_by(2).zip(nodes) {
        let (client, link) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", port + 1));
        text += "[[node]]\n";
        for (key, value) in [("name", *name), ("client", &client), ("link", &link), ("holds", *holds)] {
            text += &format!("{key} = {value:?}\n");
        }
    }
    text += &format!("[backbone]\nnats = {urls:?}\nreplicas = {replicas}\nshards = 64\n");
    HerdFile::parse(&text, "the herd with shards")
}

/// Waits until `herd shards` says that a node holds these shards and lacks nothing of them.
/// `program` is the node program, and `file` a herd file with the backbone.
///
/// # Errors
/// The program cannot be run, or the node still lacks something after `patience`.
pub fn wait_until_whole(
    program: &Path,
    file: &Path,
    (node, holds): (&str, &str),
    patience: Duration,
) -> Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        let output = Command::new(program).arg("shards").arg("--config").arg(file).output();
        let text = String::from_utf8(output.context("cannot run herd shards")?.stdout)?;
        let is_whole = |row: &str| {
            let cells: Vec<&str> = row.split_whitespace().collect();
            cells.first() == Some(&node) && cells.get(2) == Some(&holds) && cells.last() == Some(&"whole")
        };
        if text.lines().any(is_whole) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{node} does not have all clients of the shards {holds} after {patience:?}:\n{text}");
        }
        thread::sleep(POLL);
    }
}
