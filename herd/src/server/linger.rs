//! The graceful close of a connection.

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::net::{Stream, exchange};
use crate::node::Limits;

/// Stops sending, then discards input until the other side closes or a limit is reached. Closing
/// with unread input would reset the connection before the other side has read its last answer.
pub(super) async fn linger(mut stream: Stream, limits: &Limits) {
    let drain = async {
        stream.shutdown().await?;
        let mut discarded = 0;
        let mut input = Vec::with_capacity(16 * 1024);
        while discarded < limits.linger_bytes {
            match exchange(&mut stream, Some(&mut input), &[]).await?.read {
                Some(0) => break,
                Some(length) => discarded += length,
                None => {}
            }
            input.clear();
        }
        std::io::Result::Ok(())
    };
    // The result does not matter, since the connection is over.
    let _ = timeout(limits.linger, drain).await;
}
