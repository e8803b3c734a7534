//! The only file that names socket types, so that the same shell can run on another kind of connection.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;

/// Accepts connections.
pub type Listener = tokio::net::TcpListener;

/// One connection.
pub type Stream = tokio::net::TcpStream;

/// Listens on `address`; port 0 takes any free port.
///
/// # Errors
/// The address is taken or not this machine's.
pub async fn listen(address: SocketAddr) -> io::Result<Listener> {
    Listener::bind(address).await
}

/// Connects to `address`.
///
/// # Errors
/// Nobody listens there, or cannot be reached.
pub async fn connect(address: SocketAddr) -> io::Result<Stream> {
    let stream = Stream::connect(address).await?;
    prepare(&stream)?;
    Ok(stream)
}

/// Readies an accepted connection: answers leave at once instead of waiting for company.
///
/// # Errors
/// The connection is gone already.
pub fn prepare(stream: &Stream) -> io::Result<()> {
    stream.set_nodelay(true)
}

/// A connection on its way from one runtime to another.
#[derive(Debug)]
pub struct MovedStream(std::net::TcpStream);

impl MovedStream {
    /// Takes a connection away from the current runtime.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn from(stream: Stream) -> io::Result<MovedStream> {
        stream.into_std().map(MovedStream)
    }

    /// Gives it to the current runtime.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn arrive(self) -> io::Result<Stream> {
        Stream::from_std(self.0)
    }
}

/// What one [`exchange`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// Bytes read; `Some(0)` is the end of the stream.
    pub read: Option<usize>,
    /// Bytes written, from the start of what was given.
    pub written: Option<usize>,
}

/// Reads into `input`, if given, and writes from `output`, if not empty, until at least one of them got
/// somewhere. Both are tried each time, so neither a busy reader nor a busy writer starves the other way.
/// Dropping the future loses nothing. Waits for ever when there is nothing to do.
///
/// # Errors
/// The connection failed.
pub async fn exchange(
    stream: &mut Stream,
    mut input: Option<&mut Vec<u8>>,
    output: &[u8],
) -> io::Result<Exchanged> {
    poll_fn(|context| {
        let mut done = Exchanged::default();
        if !output.is_empty()
            && let Poll::Ready(written) = Pin::new(&mut *stream).poll_write(context, output)
        {
            done.written = Some(written?);
        }
        if let Some(input) = input.as_deref_mut()
            && let Poll::Ready(read) = poll_read_buf(Pin::new(&mut *stream), context, input)
        {
            done.read = Some(read?);
        }
        if done == Exchanged::default() { Poll::Pending } else { Poll::Ready(Ok(done)) }
    })
    .await
}
