//! Guests of a few lines, and the sandbox that they run in.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fixtures::checkout::{program, scratch};
use xtask::conformance::guest_file::Guest;
use xtask::conformance::herd::{GuestHerd, Place};
use xtask::conformance::sandbox::{Entered, Mode, Setup, enter, launch_judge, mode};

/// The variable that tells a test that it runs as a judge.
const INSIDE: &str = "CONFORMANCE_TEST_INSIDE";

/// A node that answers each command with a copy, in Python.
pub(crate) const ECHO: &str = r#"
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
def serve(client):
    for line in client.makefile("rb"):
        client.sendall(b"? " + line)
print(sys.argv[1], "listens", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"#;

/// Runs `test`, whose full name is `name`, as a judge in namespaces. Where the system grants none,
/// it says so and runs the test in the plain mode.
pub(crate) fn in_sandbox(name: &str, test: impl FnOnce(&Sandbox)) {
    let folder = scratch(&name.replace("::", "-"));
    let (mode, why_not) = mode(false);
    if std::env::var_os(INSIDE).is_none() && mode == Mode::Namespaces {
        return run_as_judge(name);
    }
    if let Some(why_not) = why_not {
        // A failure of a writer is not one of the test.
        let _ = writeln!(std::io::stderr(), "{why_not}");
    }
    let hosts = ["maps.example".to_owned()];
    // The standard input of a test that is not a judge may be closed already.
    let entered = (mode == Mode::Namespaces).then(|| {
        enter(mode, &Setup { hosts: &hosts, ca_pem: "our certificate\n", run_folder: &folder }).unwrap()
    });
    test(&Sandbox { mode, folder, entered });
}

fn run_as_judge(name: &str) {
    let words = [format!("{INSIDE}=1").into(), std::env::current_exe().unwrap().into_os_string()];
    let words = words.into_iter().chain(["--exact", name, "--nocapture"].map(OsString::from));
    let words: Vec<OsString> = words.collect();
    let mut judge = launch_judge(Mode::Namespaces, Path::new("/usr/bin/env"), &words).unwrap();
    let output = judge.take_stdout().map(std::io::read_to_string).unwrap().unwrap();
    assert!(judge.wait().unwrap().success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
}

/// Where a test runs its guests.
pub(crate) struct Sandbox {
    pub(crate) mode: Mode,
    pub(crate) folder: PathBuf,
    pub(crate) entered: Option<Entered>,
}

impl Sandbox {
    /// Writes `node.py` and a guest file with `keys` for two nodes, and returns the guest. In the
    /// sandbox, nodes have the ports of the file.
    pub(crate) fn guest(&self, node: &str, keys: &str) -> Guest {
        let work = self.folder.join("work");
        fs::create_dir_all(&work).unwrap();
        fs::write(work.join("node.py"), node).unwrap();
        fs::write(work.join("two.toml"), HERD).unwrap();
        let start = match keys.contains("start =") {
            true => "",
            false => "start = \"exec python3 node.py {name} {port}\"",
        };
        let ports = if keys.contains("ports =") { "" } else { "ports = \"given\"" };
        let text = format!("name = \"tiny\"\ngraph = \"two.toml\"\n{ports}\n{start}\n{keys}\n");
        fs::write(work.join("guest.toml"), text).unwrap();
        Guest::read(&work.join("guest.toml")).unwrap()
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            mode: self.mode,
            program: program("xtask"),
            work: self.folder.join("work"),
            output: self.folder.join("nodes"),
            key: "AIza-stub".to_owned(),
            places: "http://127.0.0.1:80".to_owned(),
            variables: self.entered.as_ref().map(Entered::variables).unwrap_or_default(),
            patience: 1.0,
        }
    }

    /// Starts a herd of `node`.
    pub(crate) fn start(&self, node: &str, keys: &str) -> GuestHerd {
        GuestHerd::start(&self.guest(node, keys), &self.place()).unwrap()
    }
}

const HERD: &str = r#"
name = "two"

[[node]]
name = "Goloman"
client = "127.0.0.1:12000"
link = "127.0.0.1:12100"
neighbours = ["Hands"]

[[node]]
name = "Hands"
client = "127.0.0.1:12001"
link = "127.0.0.1:12101"
neighbours = ["Goloman"]
"#;

/// Waits for a condition.
pub(crate) fn wait_for(what: &str, mut is_met: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !is_met() {
        assert!(std::time::Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
