//! The life of nodes: start, end, restart.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use xtask::conformance::herd::GuestHerd;

use crate::support::{ECHO, in_sandbox, wait_for};

fn answer(herd: &GuestHerd, node: &str, line: &str) -> String {
    let mut connection = TcpStream::connect(herd.address(node)).unwrap();
    writeln!(connection, "{line}").unwrap();
    let mut answer = String::new();
    BufReader::new(connection).read_line(&mut answer).unwrap();
    answer
}

#[test]
fn nodes_start_die_return_and_stop() {
    in_sandbox("lives::nodes_start_die_return_and_stop", |sandbox| {
        let mut herd = sandbox.start(ECHO, "");
        assert_eq!(herd.names(), ["Goloman", "Hands"]);
        assert_eq!(answer(&herd, "Goloman", "WHAT"), "? WHAT\n");
        assert_eq!(herd.usage().unwrap().processes, 2);
        herd.kill("Goloman").unwrap();
        assert!(TcpStream::connect(herd.address("Goloman")).is_err());
        assert_eq!(herd.usage().unwrap().processes, 1);
        assert_eq!(herd.exit_of("Goloman"), None);
        assert_eq!(answer(&herd, "Hands", "WHAT"), "? WHAT\n");
        herd.restart("Goloman").unwrap();
        assert_eq!(answer(&herd, "Goloman", "AGAIN"), "? AGAIN\n");
        let stopped = herd.stop("Hands", Duration::from_secs(10)).unwrap();
        assert_eq!(stopped.exit.as_deref(), Some("was killed by SIGTERM"));
        assert_eq!(stopped.left, 0);
        let words = herd.last_words();
        let goloman = "Goloman listens\nGoloman listens".to_owned();
        assert_eq!(words[0], ("Goloman, standard output".to_owned(), goloman));
        let usage = herd.usage().unwrap();
        assert!(usage.cpu > Duration::ZERO && usage.resident > 1 << 20, "{usage:?}");
        let address = herd.address("Goloman");
        herd.end();
        assert!(TcpStream::connect(address).is_err());
    });
}

#[test]
fn a_node_that_dies_by_itself_is_reported_with_its_end() {
    in_sandbox("lives::a_node_that_dies_by_itself_is_reported_with_its_end", |sandbox| {
        let node =
            ECHO.replace("client.sendall", "print('too hot', file=sys.stderr); import os; os._exit(3) #");
        let mut herd = sandbox.start(&node, "");
        assert_eq!(herd.exit_of("Hands"), None);
        assert_eq!(answer(&herd, "Hands", "WHAT"), "");
        wait_for("the end of a node", || herd.exit_of("Hands").is_some());
        let exit = herd.exit_of("Hands").unwrap();
        assert_eq!((exit.words.as_str(), exit.stderr.as_str()), ("exited with status 3", "too hot"));
        assert_eq!(herd.exit_of("Goloman"), None);
    });
}
