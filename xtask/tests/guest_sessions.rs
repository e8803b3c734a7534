//! The sessions of this project against guests that pass, that answer differently, and that do not
//! start.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use fixtures::checkout::{program, scratch};
use xtask::cluster::ports::PortBlock;
use xtask::cluster::workspace::{Profile, herd_binary};
use xtask::conformance::guest_file::Guest;
use xtask::conformance::sessions::{GuestReport, Options, play};

/// Our own node with plain links, as a guest.
fn own(test: &str, more: &str) -> Guest {
    let herd = herd_binary(Profile::Debug).unwrap();
    let start = format!("{} {{name}} --config {{file}} --insecure-links", herd.display());
    guest(test, &format!("start = '{start}'\nports = \"given\"\n{more}"))
}

fn guest(test: &str, text: &str) -> Guest {
    Guest::parse(text, &scratch(test).join("guest.toml")).unwrap()
}

fn options(test: &str, filter: &str) -> Options {
    Options {
        filter: filter.to_owned(),
        patience: 1.0,
        folder: scratch(test).join("run"),
        program: program("xtask"),
    }
}

fn has_line(report: &GuestReport, line: &str) -> bool {
    report.text.lines().any(|other| other == line)
}

#[test]
fn a_guest_that_speaks_the_protocol_passes_what_can_be_played() {
    let options = options("passes", "node");
    let report = play(&own("passes", ""), &options).unwrap();
    for name in ["a-killed-node-catches-up", "every-node-restarted-in-turn", "flood-reaches-every-node"] {
        assert!(has_line(&report, &format!("passed  {name}")), "{}", report.text);
    }
    assert_eq!((report.differ, report.text.ends_with(" passed, 0 differ, 0 cannot be played\n")), (0, true));
    assert!(!options.folder.exists());
}

#[test]
fn the_report_says_what_a_session_needs_that_the_guest_lacks() {
    let guest = own("lacks", "graph = \"2016-fall\"\none_process = true\n");
    for (name, needs) in [
        ("equal-stamps-meet-again", "the graph of 2015-winter"),
        ("a-question-sees-its-moment", "the stub of the Places service"),
        ("a-killed-node-catches-up", "a process for each node"),
        (
            "google-new-errors-become-legacy-ones",
            "our places providers, the stub of the Places service, our limits",
        ),
    ] {
        let report = play(&guest, &options("lacks", name)).unwrap();
        let line = format!("cannot be played  {name}  needs {needs}");
        assert!(has_line(&report, &line), "{}", report.text);
        assert_eq!((report.passed, report.differ), (0, 0));
    }
}

#[test]
fn the_first_line_that_differs_is_shown_with_the_one_expected() {
    // The nodes of this herd reject lines as long as a report.
    let herd = herd_binary(Profile::Debug).unwrap();
    let script = scratch("differs").join("short-lines.sh");
    let text = format!(
        "printf '[limits]\\nline_bytes = 16\\n' | cat \"$2\" - > \"$1.toml\"\n\
         exec {} \"$1\" --config \"$1.toml\" --insecure-links\n",
        herd.display()
    );
    fs::write(&script, text).unwrap();
    let guest = guest("differs", "start = \"sh short-lines.sh {name} {file}\"\nports = \"given\"\n");
    let report = play(&guest, &options("differs", "later-stamp-wins")).unwrap();
    for line in [
        "differs  later-stamp-wins  from its line 2 on",
        "  The report with the latest time is the one that counts, at the same node and at others.",
        "  expected  Alford -> AT Alford +<skew 1> kiwi +1+1 1000",
        "  came      Alford -> ? IAMAT kiwi +1+1 1000",
        "0 passed, 1 differ, 0 cannot be played",
    ] {
        assert!(has_line(&report, line), "{line}: {}", report.text);
    }
}

/// The error of a guest that does not start.
fn error(test: &str, guest: &Guest, patience: f64) -> String {
    let options = Options { patience, ..options(test, "later-stamp-wins") };
    let error = format!("{:#}", play(guest, &options).unwrap_err());
    assert!(!options.folder.exists(), "{test}");
    error
}

#[test]
fn the_error_for_a_guest_that_does_not_start_has_its_last_words() {
    let guest = guest("no-start", "start = \"cat /no/such/file {name}\"\n");
    let error = error("no-start", &guest, 1.0);
    assert!(error.starts_with("Alford exited with status 1"), "{error}");
    assert!(error.contains("\ncat: /no/such/file: No such file"), "{error}");
}

#[test]
fn the_error_for_a_port_that_is_taken_names_it() {
    let ports = PortBlock::take(1).unwrap();
    let _listener = TcpListener::bind(("127.0.0.1", ports.first())).unwrap();
    let taken = format!("start = \"sleep 60 # {{name}}\"\nfixed_ports = {{ Bolden = {} }}\n", ports.first());
    let error = error("taken", &guest("taken", &taken), 1.0);
    let expected = format!("cannot use port {}: another program listens there", ports.first());
    assert!(error.contains(&expected) && error.contains("Bolden"), "{error}");
}

#[test]
fn patience_covers_the_start() {
    let late = |within: &str| {
        let herd = herd_binary(Profile::Debug).unwrap();
        let start = format!("sleep 1; exec {} {{name}} --config {{file}} --insecure-links", herd.display());
        guest("late", &format!("start = '{start}'\nports = \"given\"\nready_within = \"{within}\"\n"))
    };
    assert!(error("late", &late("100ms"), 1.0).contains("did not listen on port"));
    let options = Options { patience: 300.0, ..options("late", "later-stamp-wins") };
    assert_eq!(play(&late("100ms"), &options).unwrap().passed, 1);
}

#[test]
fn nothing_is_left_of_a_guest_that_becomes_a_daemon() {
    let herd = herd_binary(Profile::Debug).unwrap();
    let folder = scratch("daemon");
    // Each node leaves its session and its process group, and writes its process id.
    let text = format!(
        "setsid sh -c 'sleep 600 & echo $! >> {pids}; echo $$ >> {pids}; exec {} \"$0\" --config \"$1\" \
         --insecure-links' \"$1\" \"$2\" < /dev/zero > /dev/null 2>&1 &\n",
        herd.display(),
        pids = folder.join("pids").display()
    );
    fs::write(folder.join("daemon.sh"), text).unwrap();
    let guest = guest("daemon", "start = \"sh daemon.sh {name} {file}\"\nports = \"given\"\n");
    let report = play(&guest, &options("daemon", "later-stamp-wins")).unwrap();
    assert_eq!(report.passed, 1, "{}", report.text);
    let pids = fs::read_to_string(folder.join("pids")).unwrap();
    assert_eq!(pids.lines().count(), 10);
    // A killed process is there until its parent has asked how it ended.
    let deadline = Instant::now() + Duration::from_secs(10);
    while pids.lines().any(|pid| Path::new("/proc").join(pid).exists()) {
        assert!(Instant::now() < deadline, "some of these processes are left: {pids}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_command_plays_sessions_and_the_old_flag_names_it() {
    let run = |arguments: &[&str]| Command::new(program("xtask")).args(arguments).assert();
    let file = scratch("command").join("cat.guest.toml");
    fs::write(&file, "start = \"cat /no/such/file {name}\"\n").unwrap();
    let file = file.display().to_string();
    let assert = run(&["conformance", &file, "--sessions", "nosuch"]).code(2);
    let error = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(error.contains("no session's name contains \"nosuch\""), "{error}");
    let assert = run(&["conformance", &file, "--sessions", "later-stamp-wins"]).code(2);
    let error = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(error.contains("Alford exited with status 1"), "{error}");
    let assert = run(&["e2e", "--against", "python3 node.py {name}"]).code(2);
    let error = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(error.contains("unexpected argument '--against"), "{error}");
    assert!(error.contains("cargo xtask conformance GUEST.toml --sessions"), "{error}");
}
