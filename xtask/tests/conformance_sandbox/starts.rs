//! Nodes that do not start as they should.

use std::fs;
use std::net::TcpListener;

use xtask::conformance::herd::{GuestHerd, StartFailure, build};

use crate::support::{ECHO, Sandbox, in_sandbox};

fn failure(sandbox: &Sandbox, node: &str, keys: &str) -> StartFailure {
    GuestHerd::start(&sandbox.guest(node, keys), &sandbox.place()).unwrap_err()
}

#[test]
fn a_node_that_crashes_while_it_starts_fails_at_once() {
    in_sandbox("starts::a_node_that_crashes_while_it_starts_fails_at_once", |sandbox| {
        let crash = "import sys\nif sys.argv[1] == 'Hands': sys.exit('too hot')\n";
        let failure = failure(sandbox, &format!("{crash}{ECHO}"), "ready_within = \"1h\"");
        assert_eq!(failure.to_string(), "Hands exited with status 1 while it started");
        assert_eq!(failure.last_words, "too hot");
    });
}

#[test]
fn a_node_that_never_listens_fails_when_its_time_is_up() {
    in_sandbox("starts::a_node_that_never_listens_fails_when_its_time_is_up", |sandbox| {
        let sleep =
            "import sys, time\nif sys.argv[1] == 'Hands': print('zzz', flush=True); time.sleep(600)\n";
        let late = failure(sandbox, &format!("{sleep}{ECHO}"), "ready_within = \"2s\"");
        let port = if sandbox.entered.is_some() { "12001" } else { "" };
        assert!(late.to_string().starts_with(&format!("Hands did not listen on port {port}")), "{late}");
        assert!(late.to_string().ends_with(" within 2 s"), "{late}");
        assert_eq!(late.last_words, "zzz");
        let elsewhere = ECHO.replace("\"127.0.0.1\", int(sys.argv[2])", "\"127.0.0.2\", int(sys.argv[2])");
        let elsewhere = failure(sandbox, &elsewhere, "ready_within = \"5s\"").to_string();
        assert!(elsewhere.contains("it listens at 127.0.0.2:"), "{elsewhere}");
    });
}

#[test]
fn patience_gives_nodes_more_time() {
    in_sandbox("starts::patience_gives_nodes_more_time", |sandbox| {
        let late = format!("import time\ntime.sleep(1)\n{ECHO}");
        let guest = sandbox.guest(&late, "ready_within = \"500ms\"");
        let mut place = sandbox.place();
        assert!(GuestHerd::start(&guest, &place).is_err());
        place.patience = 20.0;
        GuestHerd::start(&guest, &place).unwrap();
    });
}

#[test]
fn a_taken_port_is_named() {
    in_sandbox("starts::a_taken_port_is_named", |sandbox| {
        let Ok(_other) = TcpListener::bind("127.0.0.1:12001") else { return };
        let failure = failure(sandbox, ECHO, "ports = \"fixed\"");
        assert_eq!(failure.to_string(), "Hands cannot use port 12001: another program listens there");
    });
}

#[test]
fn a_command_that_is_not_found_and_one_that_reads_input_fail() {
    in_sandbox("starts::a_command_that_is_not_found_and_one_that_reads_input_fail", |sandbox| {
        let missing = failure(sandbox, "", "start = \"no-such-program {port}\"");
        assert_eq!(missing.to_string(), "Goloman exited with status 127 while it started");
        assert!(missing.last_words.contains("no-such-program"), "{}", missing.last_words);
        let asks = failure(sandbox, "input('Where? ')", "");
        assert!(asks.last_words.contains("EOFError"), "{asks:?}");
    });
}

#[test]
fn a_node_finds_its_port_again_at_once() {
    in_sandbox("starts::a_node_finds_its_port_again_at_once", |sandbox| {
        // Without SO_REUSEADDR, and it closes connections first.
        let node = "import socket, sys\nlistener = socket.socket()\n\
                    listener.bind((\"127.0.0.1\", int(sys.argv[2])))\nlistener.listen()\n\
                    while True:\n    listener.accept()[0].close()\n";
        if sandbox.entered.is_none() {
            return;
        }
        let mut herd = sandbox.start(node, "");
        for _ in 0..3 {
            let connection = std::net::TcpStream::connect(herd.address("Hands")).unwrap();
            assert_eq!(std::io::read_to_string(connection).unwrap(), "");
            herd.kill("Hands").unwrap();
            herd.restart("Hands").unwrap();
        }
    });
}

#[test]
fn files_variables_and_values_reach_the_nodes() {
    in_sandbox("starts::files_variables_and_values_reach_the_nodes", |sandbox| {
        let node = format!(
            "import os, env\nfrom pathlib import Path\n\
             print(env.KEY, os.environ['WHO'], os.environ['PLACES'], Path(sys.argv[3]).read_text()[:6])\n\
             print(Path(f'conf/{{sys.argv[1]}}.txt').read_text(), os.environ.get('HERD_PLACES_KEY'))\n{ECHO}"
        );
        let keys = "start = \"python3 node.py {name} {port} {file} && echo\"\n\
                    env = { WHO = \"{name}\", PLACES = \"{places}\" }\nlogs = [\"conf/{name}.txt\", \"out\"]\n\
                    files = { \"env.py\" = \"KEY = '{key}'\", \"conf/{name}.txt\" = \"{client}\" }";
        let guest = sandbox.guest(&format!("import sys\n{node}"), keys);
        // A link that an earlier herd has left is replaced, not followed.
        std::os::unix::fs::symlink("../secret", sandbox.folder.join("work/env.py")).unwrap();
        std::os::unix::fs::symlink("../secret", sandbox.folder.join("work/out")).unwrap();
        fs::write(sandbox.folder.join("secret"), "secret").unwrap();
        let mut herd = GuestHerd::start(&guest, &sandbox.place()).unwrap();
        let address = herd.address("Hands");
        let words = herd.last_words();
        let of = |title: &str| words.iter().find(|(name, _)| name == title).map(|(_, text)| text.as_str());
        let expected = format!("AIza-stub Hands http://127.0.0.1:80 name =\n{address} None\nHands listens");
        assert_eq!(of("Hands, standard output"), Some(&*expected), "{words:?}");
        assert_eq!(of("conf/Hands.txt"), Some(&*address.to_string()));
        assert_eq!(of("out"), None);
        assert_eq!(fs::read_to_string(sandbox.folder.join("secret")).unwrap(), "secret");
    });
}

#[test]
fn one_process_runs_all_nodes() {
    in_sandbox("starts::one_process_runs_all_nodes", |sandbox| {
        let both = "import socket, time\nfor port in (12000, 12001):\n    \
                    globals()[port] = socket.create_server((\"127.0.0.1\", port))\ntime.sleep(600)\n";
        if sandbox.entered.is_none() {
            return;
        }
        let keys = "start = \"python3 node.py\"\none_process = true\nports = \"fixed\"";
        let mut herd = sandbox.start(both, keys);
        assert_eq!(herd.usage().unwrap().processes, 1);
        assert!(herd.kill("Hands").unwrap_err().to_string().contains("one process"));
        assert_eq!(herd.exit_of("Hands"), None);
        herd.stop("Goloman", std::time::Duration::from_secs(10)).unwrap();
        assert_eq!(herd.usage().unwrap().processes, 0);
        herd.restart("Goloman").unwrap();
    });
}

#[test]
fn a_build_runs_once_and_says_how_it_failed() {
    in_sandbox("starts::a_build_runs_once_and_says_how_it_failed", |sandbox| {
        let guest = sandbox.guest("", "build = [\"mkdir made\", \"sleep 600 & echo 'a b' > made/file\"]");
        build(&guest, &sandbox.place()).unwrap();
        assert_eq!(fs::read_to_string(sandbox.folder.join("work/made/file")).unwrap(), "a b\n");
        let guest = sandbox.guest("", "build = [\"mkdir made\", \"touch never\"]");
        let failure = build(&guest, &sandbox.place()).unwrap_err();
        assert_eq!(failure.to_string(), "the build command `mkdir made` exited with status 1");
        assert!(failure.last_words.contains("made"), "{}", failure.last_words);
        assert!(!sandbox.folder.join("work/never").exists());
    });
}
