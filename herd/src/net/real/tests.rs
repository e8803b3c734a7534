//! Connections over loopback.

use std::sync::mpsc;
use std::thread;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::*;

/// Longer than anything takes here.
const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_connection_with_itself_is_refused_and_leaves_its_port_free() {
    // The system may do this by chance: a socket connects to its own port.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let stream = socket.connect(address).await.unwrap();
    assert_eq!(refuse_self(Tcp(stream)).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    // Without the option with which a listener may use a port whose connections still linger.
    let again = TcpSocket::new_v4().unwrap();
    again.bind(address).unwrap();
    again.listen(1).unwrap();
}

#[tokio::test]
async fn the_kernel_obeys_the_sizes_of_buffers() {
    use nix::sys::socket::{getsockopt, sockopt::SndBuf};
    let held = Held { send: 5000, receive: 6000, stall: Duration::from_secs(1) };
    let listener = listen("127.0.0.1:0".parse().unwrap(), Some(held)).await.unwrap();
    let _peer = connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    let sizes = || (getsockopt(&accepted.0, SndBuf).unwrap(), getsockopt(&accepted.0, RcvBuf).unwrap());
    // Linux doubles the size that is requested, for its own overhead.
    let double = if cfg!(target_os = "linux") { 2 } else { 1 };
    assert_eq!(sizes(), (double * 5000, double * 6000), "inherited from the listener");
    accepted.set_receive_buffer_size(30_000).unwrap();
    assert_eq!(sizes(), (double * 5000, double * 30_000));
}

#[tokio::test]
async fn a_connection_with_a_listener_of_the_same_process_is_allowed() {
    let listener = listen("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(connect(address).await.unwrap().peer_addr().unwrap(), address);
}

#[cfg(target_os = "linux")]
#[test]
fn writes_are_the_ends_of_records() {
    assert_eq!(flags(), MsgFlags::MSG_EOR | MsgFlags::MSG_NOSIGNAL);
}

#[tokio::test]
async fn the_end_of_an_http_connection_has_a_reason_in_plain_words() {
    let long = Duration::from_secs(3600);
    for (sent, closes, patience, reason) in [
        ("nonsense\r\n\r\n", false, long, "it does not speak HTTP"),
        ("GET / HT", true, long, crate::net::LOST),
        ("GET / HT", false, Duration::from_millis(1), "the request timed out"),
    ] {
        let listener = listen("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
        let mut peer = connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        peer.write_all(sent.as_bytes()).await.unwrap();
        if closes {
            peer.shutdown().await.unwrap();
        }
        let served = timeout(DEADLINE, serve_http(accepted, Router::new(), patience)).await.unwrap();
        assert_eq!(served, Err(reason.to_owned()), "{sent:?}");
    }
}

#[tokio::test]
async fn an_http_connection_that_is_reset_is_lost() {
    let listener = listen("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let mut peer = connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    peer.write_all(b"GET / HT").await.unwrap();
    peer.0.set_zero_linger().unwrap();
    drop(peer);
    let served = timeout(DEADLINE, serve_http(accepted, Router::new(), DEADLINE)).await.unwrap();
    assert_eq!(served, Err(crate::net::LOST.to_owned()));
}

#[tokio::test]
async fn a_connection_is_heard_once_the_other_side_has_sent_something() {
    let listener = listen("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let mut peer = connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    assert!(timeout(Duration::ZERO, accepted.heard()).await.is_err(), "nothing was sent");
    peer.write_all(b"x").await.unwrap();
    timeout(DEADLINE, accepted.heard()).await.unwrap().unwrap();
}

#[test]
fn a_write_to_a_connection_that_is_lost_fails() {
    let (failed, failure) = mpsc::channel();
    // In a separate thread: a write that is repeated forever would let nothing else run.
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(async {
            let listener = listen("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
            let peer = connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut accepted, _) = listener.accept().await.unwrap();
            peer.0.set_zero_linger().unwrap();
            drop(peer);
            loop {
                if let Err(error) = accepted.write(b"x").await {
                    break error;
                }
            }
        });
        failed.send(error.kind()).unwrap();
    });
    let kind = failure.recv_timeout(DEADLINE).unwrap();
    assert!([io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe].contains(&kind), "{kind}");
}
