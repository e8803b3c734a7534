//! How other commands reach the supervisor.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::herd_lock::{is_granted, lock_file};
use super::{Contact, HerdAction, Request, contact_file};
use crate::cluster::workspace::run_dir;

/// The time limit for an answer of the supervisor. Starting or stopping a large herd is quicker.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Requests an action of the supervisor of this checkout's herd, and returns the herd's status
/// after it. After [`HerdAction::Down`], the supervisor has exited when this returns.
///
/// # Errors
/// No herd is running, the supervisor does not answer, or the action fails. The message of a failed
/// action is the supervisor's.
pub fn request_action(action: HerdAction, nodes: &[String]) -> Result<Value> {
    let folder = run_dir();
    let no_herd = || anyhow!("no herd of this checkout is running: start one with `cargo xtask herd-up`");
    // Sharing the lock succeeds only without a supervisor. Unlike an exclusive lock, it does not
    // look like a supervisor to another command.
    let lock = folder.is_dir().then(|| lock_file(&folder)).transpose()?.ok_or_else(no_herd)?;
    if is_granted(lock.try_lock_shared())? {
        return Err(no_herd());
    }
    let contact = fs::read(contact_file(&folder))
        .map_err(|_| anyhow!("the herd is just starting or stopping: try again in a second"))?;
    let contact: Contact =
        serde_json::from_slice(&contact).context("the herd is just starting: try again in a second")?;
    let mut stream =
        TcpStream::connect(contact.control).context("cannot connect to the herd's supervisor")?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let request = serde_json::to_string(&Request { token: contact.token, action, nodes: nodes.to_vec() })?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).context("the herd's supervisor did not answer")?;
    let reply: Value = serde_json::from_str(&reply).context("the herd's supervisor did not answer")?;
    if action == HerdAction::Down {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        while !is_granted(lock.try_lock_shared())? {
            if Instant::now() > deadline {
                bail!("the nodes are down, but their supervisor did not exit within {ANSWER_TIMEOUT:?}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
    match reply["error"].as_str() {
        Some(error) => bail!("{error}"),
        None => Ok(reply),
    }
}
