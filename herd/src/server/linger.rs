//! Closing gently.

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::net::{Stream, exchange};
use crate::node::Limits;

/// Stops sending, then discards what still comes in until the other side closes, or a bound is reached.
/// Closing with unread input would reset the connection before the other side can read its last answer.
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
    // Either way the connection is over, and nobody is left to be told.
    let _ = timeout(limits.linger, drain).await;
}
