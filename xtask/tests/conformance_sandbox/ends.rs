//! What is left when a judge or a herd ends: nothing.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use fixtures::checkout::scratch;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use xtask::conformance::herd::GuestHerd;
use xtask::conformance::sandbox::{JudgeProcess, Mode, Setup, enter, launch_judge, mode};

use crate::support::{ECHO, Sandbox, in_sandbox, wait_for};

/// The variable that makes a test a judge, in this mode.
const JUDGE: &str = "CONFORMANCE_TEST_JUDGE";

/// A daemon that ignores what it can.
const STUBBORN: &str = "import os, signal\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n\
                        signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n";

/// Whether a process runs whose command line contains `text`.
fn runs(text: &str) -> bool {
    let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut ids = ids.filter(|id| id.chars().all(|c| c.is_ascii_digit()));
    ids.any(|id| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    })
}

#[test]
fn nothing_outlives_a_herd_without_namespaces() {
    let sandbox = Sandbox { mode: Mode::Plain, folder: scratch("plain"), entered: None };
    let word = format!("plain-{}", std::process::id());
    let keys = format!("start = \"python3 node.py {{name}} {{port}} {word}\"");
    let mut herd = sandbox.start(&format!("{STUBBORN}{ECHO}"), &keys);
    assert_eq!(herd.usage().unwrap().processes, 2);
    herd.kill("Hands").unwrap();
    assert_eq!(herd.usage().unwrap().processes, 1);
    herd.restart("Hands").unwrap();
    assert!(runs(&word));
    herd.end();
    assert!(!runs(&word));
}

/// A judge that starts a herd and waits. It is a test so that this program can run it.
#[test]
fn judge() {
    let Some(judge) = std::env::var_os(JUDGE) else { return };
    let mode = match judge.to_str() {
        Some("Namespaces") => Mode::Namespaces,
        Some("Container") => Mode::Container,
        _ => Mode::Plain,
    };
    let folder = scratch(&format!("judge-{}", judge.display()));
    let setup = Setup { hosts: &[], ca_pem: "", run_folder: &folder };
    let sandbox = Sandbox { mode, entered: Some(enter(mode, &setup).unwrap()), folder: folder.clone() };
    let keys = format!("start = \"python3 node.py {{name}} {{port}} {}\"", word(std::process::id()));
    // Other tests may use the ports of a container's herd.
    let _herd = (mode != Mode::Container).then(|| sandbox.start(&format!("{STUBBORN}{ECHO}"), &keys));
    fs::write(folder.join("ready"), "").unwrap();
    std::thread::park();
}

/// What the command lines of a judge's nodes contain.
fn word(judge: u32) -> String {
    format!("judge-of-test-{judge}")
}

fn start_judge(mode: Mode, name: &str) -> JudgeProcess {
    let words = [format!("{JUDGE}={name}").into(), std::env::current_exe().unwrap().into_os_string()];
    let words: Vec<OsString> =
        words.into_iter().chain(["--exact", "ends::judge", "--nocapture"].map(OsString::from)).collect();
    let ready = scratch(&format!("judge-{name}")).join("ready");
    let _ = fs::remove_file(&ready);
    let judge = launch_judge(mode, Path::new("/usr/bin/env"), &words).unwrap();
    wait_for("a judge", || ready.exists());
    assert!(runs(&word(judge.id())));
    judge
}

#[test]
fn nothing_outlives_a_judge_that_is_killed_or_let_go() {
    for (mode, name) in [(mode(false).0, "Namespaces"), (Mode::Plain, "Plain")] {
        if name == "Namespaces" && mode != Mode::Namespaces {
            continue;
        }
        let mut judge = start_judge(mode, name);
        kill(Pid::from_raw(judge.id() as i32), Signal::SIGKILL).unwrap();
        assert!(!judge.wait().unwrap().success());
        wait_for("the end of the nodes", || !runs(&word(judge.id())));
        let judge = start_judge(mode, name);
        let word = word(judge.id());
        drop(judge);
        wait_for("the end of the nodes", || !runs(&word));
    }
}

#[test]
fn a_container_is_restored_when_its_judge_is_let_go() {
    if !Uid::current().is_root() || mode(false).0 != Mode::Namespaces {
        return;
    }
    let hosts = scratch("container-hosts").join("hosts");
    fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    // The judge edits a file that only its mounts show as `/etc/hosts`; and no bundle.
    let script = format!(
        "mount --bind {} /etc/hosts && mount -t tmpfs none /etc/ssl && {JUDGE}=Container exec \"$0\" \"$@\"",
        hosts.display()
    );
    let program = std::env::current_exe().unwrap().into_os_string();
    let words = ["--mount", "/bin/sh", "-c", &script].map(OsString::from).into_iter().chain([program]);
    let words = words.chain(["--exact", "ends::judge", "--nocapture"].map(OsString::from));
    let words: Vec<OsString> = words.collect();
    for _ in 0..2 {
        let mut judge = launch_judge(Mode::Container, Path::new("/usr/bin/unshare"), &words).unwrap();
        wait_for("a judge", || fs::read_to_string(&hosts).unwrap().contains("# conformance"));
        drop(judge);
        assert_eq!(fs::read_to_string(&hosts).unwrap(), "127.0.0.1 localhost\n");
        // One that is killed leaves its edits to the next one.
        judge = launch_judge(Mode::Container, Path::new("/usr/bin/unshare"), &words).unwrap();
        wait_for("a judge", || fs::read_to_string(&hosts).unwrap().contains("# conformance"));
        kill(Pid::from_raw(judge.id() as i32), Signal::SIGKILL).unwrap();
        judge.wait().unwrap();
        assert!(fs::read_to_string(&hosts).unwrap().contains("# conformance"));
    }
}

#[test]
fn a_container_is_edited_and_restored() {
    // This needs mounts that hide the files of this machine, and root that is root everywhere.
    if !Uid::current().is_root() {
        return;
    }
    in_sandbox("ends::a_container_is_edited_and_restored", |sandbox| {
        if sandbox.entered.is_none() {
            return;
        }
        let hosts = fs::read_to_string("/etc/hosts").unwrap();
        let names = ["service.example".to_owned()];
        let folder = sandbox.folder.join("container");
        let setup = Setup { hosts: &names, ca_pem: "ours in a container", run_folder: &folder };
        let entered = enter(Mode::Container, &setup).unwrap();
        assert_eq!(entered.notes, Vec::<String>::new());
        assert!(fs::read_to_string("/etc/hosts").unwrap().contains("127.0.0.1 service.example\n"));
        let (_, bundle) = entered.variables().swap_remove(0);
        assert!(fs::read_to_string(bundle).unwrap().contains("ours in a container"));
        drop(entered);
        assert_eq!(fs::read_to_string("/etc/hosts").unwrap(), hosts);
    });
}

#[test]
fn guests_in_a_container_are_nobody() {
    if !Uid::current().is_root() {
        return;
    }
    let folder = scratch("container");
    let sandbox = Sandbox { mode: Mode::Container, folder, entered: None };
    let node =
        format!("import os\nprint(os.getuid(), os.access('/etc/hosts', os.W_OK), os.getgroups())\n{ECHO}");
    let guest = sandbox.guest(&node, "");
    let Ok(mut herd) = GuestHerd::start(&guest, &sandbox.place()) else {
        // Other tests of this machine may use the ports.
        return;
    };
    let words = herd.last_words();
    // Where the folder of the test is closed to others, guests stay root.
    let expected = [
        "65534 False [65534]\nGoloman listens",
        "65534 False []\nGoloman listens",
        "0 True [0]\nGoloman listens",
    ];
    assert!(expected.contains(&words[0].1.as_str()), "{words:?}");
}
