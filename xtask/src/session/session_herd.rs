//! What a session needs of the herd that it is played against.

use std::net::SocketAddr;

/// A herd that a session is played against. It finds, starts and ends nodes by the names that the
/// session uses.
pub trait SessionHerd {
    /// The running nodes, in the order of the herd file, with their addresses for clients.
    ///
    /// # Errors
    /// The processes of the nodes cannot be polled.
    fn running(&mut self) -> anyhow::Result<Vec<(String, SocketAddr)>>;

    /// Stops nodes in order.
    ///
    /// # Errors
    /// The herd has no node of one of these names.
    fn stop(&mut self, nodes: &[String]) -> anyhow::Result<()>;

    /// Kills nodes.
    ///
    /// # Errors
    /// The herd has no node of one of these names.
    fn kill(&mut self, nodes: &[String]) -> anyhow::Result<()>;

    /// Starts nodes, and waits until they are ready.
    ///
    /// # Errors
    /// The herd has no node of one of these names, or a node does not start.
    fn start(&mut self, nodes: &[String]) -> anyhow::Result<()>;

    /// Replaces the node's name in an answer by the name that the session uses.
    fn localize(&self, answer: Vec<u8>) -> Vec<u8>;
}

impl<H: SessionHerd + ?Sized> SessionHerd for &mut H {
    fn running(&mut self) -> anyhow::Result<Vec<(String, SocketAddr)>> {
        (**self).running()
    }

    fn stop(&mut self, nodes: &[String]) -> anyhow::Result<()> {
        (**self).stop(nodes)
    }

    fn kill(&mut self, nodes: &[String]) -> anyhow::Result<()> {
        (**self).kill(nodes)
    }

    fn start(&mut self, nodes: &[String]) -> anyhow::Result<()> {
        (**self).start(nodes)
    }

    fn localize(&self, answer: Vec<u8>) -> Vec<u8> {
        (**self).localize(answer)
    }
}
