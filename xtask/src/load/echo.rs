//! A server that sends every line back unchanged: the least work that a server of lines can do.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves on one thread until the process is killed.
///
/// # Errors
/// The address cannot be listened on.
pub fn serve(address: SocketAddr) -> Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(accept(address))? {}
}

async fn accept(address: SocketAddr) -> Result<Infallible> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // An error ends this connection only.
        tokio::spawn(async move { drop(answer(stream).await) });
    }
}

/// Sends all complete lines back with one write.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(64 * 1024);
    while stream.read_buf(&mut buffer).await? > 0 {
        let whole = memchr::memrchr(b'\n', &buffer).map_or(0, |end| end + 1);
        stream.write_all(&buffer[..whole]).await?;
        buffer.drain(..whole);
    }
    Ok(())
}
