//! A client of one node that sends a line and waits for the answer.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// The timeout of an answer: longer than any node is paused by chaos.
const ANSWER: Duration = Duration::from_secs(8);

/// Connects to a node.
///
/// # Errors
/// The node cannot be reached.
pub(crate) fn connect(address: SocketAddr) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    Ok(BufReader::new(stream))
}

/// Sends a line and returns the first line of the answer. Reads the rest of a WHATSAT's answer,
/// too.
///
/// # Errors
/// The connection fails or ends, or the answer does not come in time.
pub(crate) fn ask(stream: &mut BufReader<TcpStream>, line: &str) -> Result<String> {
    stream.get_mut().write_all(format!("{line}\n").as_bytes())?;
    let answer = read_line(stream)?;
    if line.starts_with("WHATSAT") && answer.starts_with("AT ") {
        while !read_line(stream)?.is_empty() {}
    }
    Ok(answer)
}

fn read_line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let line = line.strip_suffix('\n').context("the connection was closed")?;
    Ok(line.to_owned())
}
