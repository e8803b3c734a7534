//! The notifications of a node to its service manager.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use crate::support::{DEADLINE, IAMAT, Node, herd, log_of, scratch, wait_for_log};

/// A service manager that records notifications.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn listen(test: &str) -> Manager {
        let path = scratch(test).join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Manager { socket, path }
    }

    /// Waits for the next notification.
    fn hear(&self) -> String {
        let mut told = [0; 1024];
        let length = self.socket.recv(&mut told).unwrap();
        String::from_utf8(told[..length].to_vec()).unwrap()
    }

    /// The notifications that have arrived and were not read.
    fn rest(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).unwrap();
        let mut rest = Vec::new();
        let mut told = [0; 1024];
        loop {
            match self.socket.recv(&mut told) {
                Ok(length) => rest.push(String::from_utf8_lossy(&told[..length]).into_owned()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return rest,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn signal(node: &Node, signal: Signal) {
    kill(Pid::from_raw(node.process.id().cast_signed()), signal).unwrap();
}

#[test]
fn a_node_says_when_it_is_ready_reloads_and_stops() {
    let test = "notify-life";
    let data = scratch(test).join("data").display().to_string();
    let mut before = Node::start_with(test, "", |command| command.args(["--data-dir", &data]));
    before.ask(IAMAT.as_bytes());
    signal(&before, Signal::SIGTERM);
    before.wait();

    let manager = Manager::listen(test);
    let mut node = Node::start_with(test, "", |command| {
        command.args(["--data-dir", &data]).env("NOTIFY_SOCKET", &manager.path)
    });
    let ready = manager.hear();
    let expected = format!("READY=1\nSTATUS=listening for clients on {}, ", node.client);
    assert!(ready.starts_with(&expected), "{ready}");
    assert!(node.ask(b"WHATSAT kiwi 1 1\n").starts_with("AT Alford "), "the journal has been read");

    signal(&node, Signal::SIGHUP);
    let reloading = manager.hear();
    let now = reloading
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .and_then(|now| now.trim_end().parse::<u64>().ok());
    assert!(now.is_some_and(|now| now > 0), "{reloading}");
    assert_eq!(manager.hear(), "READY=1\n");

    signal(&node, Signal::SIGTERM);
    assert_eq!(manager.hear(), "STOPPING=1\n");
    assert!(node.wait().success());
    assert_eq!(manager.rest(), [""; 0]);
}

#[test]
fn a_long_replay_is_in_the_log_and_asks_for_more_time() {
    let test = "notify-replay";
    let folder = scratch(test).join("data");
    drop(Node::start_with(test, "", |command| command.arg("--data-dir").arg(&folder)));
    let (journal, whole) = (folder.join("journal"), folder.join("whole"));
    fs::rename(&journal, &whole).unwrap();
    mkfifo(&journal, Mode::S_IRWXU).unwrap();
    let manager = Manager::listen(test);
    let log = log_of(test);
    let feeder = thread::spawn({
        let log = log.clone();
        move || {
            // Opened once the node reads, which then waits for the rest.
            let mut pipe = OpenOptions::new().write(true).open(&journal).unwrap();
            let text = fs::read(&whole).unwrap();
            pipe.write_all(&text[..10]).unwrap();
            wait_for_log(&log, "replaying the journal", 1);
            pipe.write_all(&text[10..]).unwrap();
            // The node appends to what has this name.
            fs::rename(&whole, &journal).unwrap();
        }
    });
    let mut node = Node::start_with(test, "", |command| {
        command.args(["--log-file", &log]).arg("--data-dir").arg(&folder).env("NOTIFY_SOCKET", &manager.path)
    });
    feeder.join().unwrap();
    assert_eq!(manager.hear(), "EXTEND_TIMEOUT_USEC=30000000\n");
    let mut next = manager.hear();
    while next.starts_with("EXTEND_TIMEOUT_USEC=") {
        next = manager.hear();
    }
    assert!(next.starts_with("READY=1\n"), "{next}");
    signal(&node, Signal::SIGTERM);
    assert!(node.wait().success());
}

#[test]
fn a_node_that_cannot_listen_is_never_ready() {
    let test = "notify-failure";
    let manager = Manager::listen(test);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    herd(test)
        .args(["Alford", "--client-address", &address, "--link-address", "127.0.0.1:0"])
        .env("NOTIFY_SOCKET", &manager.path)
        .assert()
        .failure();
    assert_eq!(manager.rest(), [""; 0]);
}

#[test]
fn a_node_gives_signs_of_life_to_a_service_manager_that_expects_some() {
    let test = "notify-watchdog";
    let manager = Manager::listen(test);
    let node = Node::start_with(test, "", |command| {
        command.args(["--threads", "2"]).env("NOTIFY_SOCKET", &manager.path).env("WATCHDOG_USEC", "100000")
    });
    assert!(manager.hear().starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(manager.hear(), "WATCHDOG=1\n");
    }
    signal(&node, Signal::SIGTERM);
    while manager.hear() != "STOPPING=1\n" {}
}

#[test]
fn signs_of_life_are_for_the_process_that_they_are_expected_of() {
    for (name, value) in [("WATCHDOG_PID", "1"), ("WATCHDOG_USEC", "0"), ("WATCHDOG_USEC", "soon")] {
        let test = format!("notify-{name}-{value}");
        let manager = Manager::listen(&test);
        let mut node = Node::start_with(&test, "", |command| {
            command.env("NOTIFY_SOCKET", &manager.path).env("WATCHDOG_USEC", "1000").env(name, value)
        });
        signal(&node, Signal::SIGTERM);
        assert!(node.wait().success());
        let told = manager.rest();
        assert!(told.len() == 2 && told[0].starts_with("READY=1\n") && told[1] == "STOPPING=1\n", "{told:?}");
    }
}

#[test]
fn a_socket_that_is_not_there_is_a_warning_and_no_socket_is_none() {
    for (test, socket, warns) in [
        ("notify-none", None, false),
        ("notify-empty", Some(String::new()), false),
        ("notify-missing", Some(scratch("notify-missing").join("none").display().to_string()), true),
        ("notify-unreadable", Some("x".repeat(200)), true),
    ] {
        let log = log_of(test);
        let mut node = Node::start_with(test, "", |command| {
            command.env_remove("NOTIFY_SOCKET").args(["--log-file", &log]);
            if let Some(socket) = &socket {
                command.env("NOTIFY_SOCKET", socket);
            }
            command.env("WATCHDOG_USEC", "1000")
        });
        assert!(node.ask(IAMAT.as_bytes()).starts_with("AT Alford "), "{test}");
        signal(&node, Signal::SIGTERM);
        assert!(node.wait().success(), "{test}");
        let told = fs::read_to_string(&log).unwrap();
        let warning = told.lines().find(|line| line.contains("cannot notify the service manager"));
        assert_eq!(warning.is_some(), warns, "{told}");
        assert!(warning.is_none_or(|line| line.contains("WARN")), "{told}");
    }
}

#[test]
fn a_watchdog_without_a_period_is_none() {
    let test = "notify-no-period";
    let manager = Manager::listen(test);
    let output = herd(test)
        .args(["Alford", "--client-address", "127.0.0.1:0", "--link-address", "127.0.0.1:0"])
        .arg("--stop-with-stdin")
        .envs([("NOTIFY_SOCKET", manager.path.as_os_str()), ("WATCHDOG_USEC", "0".as_ref())])
        .assert()
        .success()
        .get_output()
        .clone();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panicked"), "{errors}");
}
