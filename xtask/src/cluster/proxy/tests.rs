//! Sends bytes through a proxy between two neighbours that are plain sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::cluster::graphs::Graph;

/// A proxy between two nodes, and a connection from the first node to the second.
struct Pair {
    proxy: Proxy,
    near: TcpStream,
    far: TcpStream,
    listener: TcpListener,
}

/// The timeout of everything here.
const PATIENCE: Duration = Duration::from_secs(10);

impl Pair {
    fn new() -> Pair {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let file = HerdFile::parse(&Graph::Line.herd_file(2, 21_000), "generated").unwrap();
        let file = file.with_links([("Node2", listener.local_addr().unwrap())]).unwrap();
        let proxy = Proxy::start(&file).unwrap();
        let (near, far) = connect(&proxy, &listener);
        Pair { proxy, near, far, listener }
    }

    fn set(&self, conditions: Conditions) {
        self.proxy.set_conditions("Node1", "Node2", conditions).unwrap();
    }
}

fn connect(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let near = TcpStream::connect(proxy.addresses[&("Node1".to_owned(), "Node2".to_owned())]).unwrap();
    let (far, _) = listener.accept().unwrap();
    for stream in [&near, &far] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
    }
    (near, far)
}

/// Reads this number of bytes. Returns them and the number of reads.
fn read(stream: &mut TcpStream, bytes: usize) -> (Vec<u8>, usize) {
    let (mut all, mut reads) = (Vec::new(), 0);
    let mut buffer = [0; 64 * 1024];
    while all.len() < bytes {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the connection ended after {} bytes", all.len());
        all.extend_from_slice(&buffer[..read]);
        reads += 1;
    }
    (all, reads)
}

#[test]
fn a_node_sees_the_proxys_address_of_its_neighbour_and_its_own_real_address() {
    let file = HerdFile::parse(&Graph::Line.herd_file(2, 21_000), "generated").unwrap();
    let proxy = Proxy::start(&file).unwrap();
    let views = proxy.views(&file).unwrap();
    let (real, view) = (file.herd(), views["Node1"].herd());
    assert_eq!(view.members[0].link, real.members[0].link);
    assert_eq!(view.members[1].link, proxy.addresses[&("Node1".to_owned(), "Node2".to_owned())]);
}

#[test]
fn bytes_and_the_end_arrive_both_ways() {
    let Pair { mut near, mut far, proxy, .. } = Pair::new();
    near.write_all(b"there").unwrap();
    far.write_all(b"and back").unwrap();
    assert_eq!(read(&mut far, 5).0, b"there");
    assert_eq!(read(&mut near, 8).0, b"and back");
    near.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(far.read(&mut [0; 8]).unwrap(), 0);
    far.write_all(b"still").unwrap();
    assert_eq!(read(&mut near, 5).0, b"still");
    let carried = |from, to| proxy.carried(from, to).unwrap();
    assert_eq!((carried("Node1", "Node2"), carried("Node2", "Node1")), (5, 13));
}

#[test]
fn a_delay_holds_many_messages_at_once_and_keeps_their_order() {
    let mut pair = Pair::new();
    let delay = Duration::from_millis(500);
    pair.set(Conditions { delay, ..Conditions::default() });
    let began = Instant::now();
    let mut near = pair.near.try_clone().unwrap();
    let writing = thread::spawn(move || {
        for number in 0..40u8 {
            near.write_all(&[number]).unwrap();
            thread::sleep(Duration::from_millis(5));
        }
    });
    let (bytes, _) = read(&mut pair.far, 40);
    let took = began.elapsed();
    assert_eq!(bytes, (0..40).collect::<Vec<u8>>());
    // If the messages were delayed one after another, they would take twenty seconds.
    assert!(took >= delay && took < PATIENCE, "{took:?}");
    writing.join().unwrap();
}

#[test]
fn a_black_hole_concerns_one_direction_and_causes_no_error() {
    let mut pair = Pair::new();
    pair.set(Conditions { black_hole: true, ..Conditions::default() });
    pair.near.write_all(b"lost?").unwrap();
    pair.far.write_all(b"heard").unwrap();
    assert_eq!(read(&mut pair.near, 5).0, b"heard");
    pair.far.set_nonblocking(true).unwrap();
    assert_eq!(pair.far.read(&mut [0; 8]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    pair.far.set_nonblocking(false).unwrap();
    pair.set(Conditions::default());
    assert_eq!(read(&mut pair.far, 5).0, b"lost?");
}

#[test]
fn slices_arrive_one_by_one_and_whole_in_the_end() {
    let mut pair = Pair::new();
    // The bytes are sent slowly, so that the test sees several reads even on a busy machine.
    pair.set(Conditions { slices: true, bandwidth: Some(500), ..Conditions::default() });
    let sent: Vec<u8> = (0..=255).collect();
    pair.near.write_all(&sent).unwrap();
    let (bytes, reads) = read(&mut pair.far, sent.len());
    assert!(bytes == sent && reads > 1, "{reads} reads");
}

#[test]
fn a_bandwidth_is_not_exceeded() {
    let mut pair = Pair::new();
    pair.set(Conditions { bandwidth: Some(50_000), ..Conditions::default() });
    let began = Instant::now();
    pair.near.write_all(&[b'x'; 10_000]).unwrap();
    read(&mut pair.far, 10_000);
    assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
}

#[test]
fn each_connection_is_reset_within_the_number_of_bytes() {
    let mut pair = Pair::new();
    pair.set(Conditions { reset_within: Some(100), ..Conditions::default() });
    for _ in 0..5 {
        let (mut near, mut far) = connect(&pair.proxy, &pair.listener);
        near.write_all(&[b'x'; 1_000]).unwrap();
        let mut got = Vec::new();
        let error = far.read_to_end(&mut got).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert!(got.len() <= 100, "{} bytes arrived", got.len());
        assert!(near.read(&mut [0; 8]).is_err());
    }
    assert_eq!(pair.proxy.resets(), 5);
    pair.set(Conditions::default());
    pair.near.write_all(b"on").unwrap();
    assert_eq!(read(&mut pair.far, 2).0, b"on");
}

#[test]
fn a_cut_resets_open_and_new_connections() {
    let mut pair = Pair::new();
    pair.set(Conditions { cut: true, ..Conditions::default() });
    assert!(pair.near.read(&mut [0; 8]).is_err());
    assert!(pair.far.read(&mut [0; 8]).is_err());
    let mut again =
        TcpStream::connect(pair.proxy.addresses[&("Node1".to_owned(), "Node2".to_owned())]).unwrap();
    again.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(!matches!(again.read(&mut [0; 8]), Ok(read) if read > 0));
}
