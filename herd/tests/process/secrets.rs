//! Secrets do not reach the log, or the disk in a core dump.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Node, wait_until};
use fixtures::checkout::scratch;

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_log_is_readable_by_its_owner_and_by_the_group_if_the_folder_is() {
    for (folder_mode, log_mode) in [(0o700, 0o600), (0o755, 0o640), (0o750, 0o640), (0o705, 0o600)] {
        let test = format!("log-mode-{folder_mode:o}");
        let folder = scratch(&test).join("logs").display().to_string();
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(folder_mode)).unwrap();
        let log = format!("{folder}/log");
        let node = Node::start_with(&test, "", |command| command.args(["--log-file", &log]));
        assert_eq!(mode(&log), log_mode, "in a folder of mode {folder_mode:o}");

        fs::rename(&log, format!("{folder}/old")).unwrap();
        kill(Pid::from_raw(node.process.id().try_into().unwrap()), Signal::SIGHUP).unwrap();
        wait_until("the log is opened again", || fs::exists(&log).unwrap());
        assert_eq!(mode(&log), log_mode, "in a folder of mode {folder_mode:o}, after SIGHUP");
    }
}

#[test]
fn a_process_that_holds_a_key_leaves_no_core_dump() {
    // Only if core dumps are allowed at all.
    let allowing = ["sh", "-c", "ulimit -S -c unlimited; exec \"$@\"", "sh"];
    let alone =
        "name = \"one\"\n[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:0\"\n";
    let cores_of = |herd: &str, test: &str, args: &[&str]| {
        let node = Node::run_by(&allowing, "Alford", test, herd, |command| {
            command.args(args).env("HERD_PLACES_KEY", "a-key-of-this-test")
        });
        let limits = fs::read_to_string(format!("/proc/{}/limits", node.process.id())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
        line.split_whitespace().rev().skip(1).take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let cores = |test: &str, args: &[&str]| cores_of(alone, test, args);
    assert_eq!(cores("core-places", &["--insecure-links", "--places", "google"]), ["0", "0"]);
    assert_eq!(cores("core-legacy", &["--insecure-links", "--places", "google-legacy"]), ["0", "0"]);
    assert_eq!(cores("core-links", &["--places", "offline"]), ["0", "0"]);
    let creds = scratch("core-creds").join("creds");
    fs::write(&creds, "credentials").unwrap();
    fs::set_permissions(&creds, Permissions::from_mode(0o600)).unwrap();
    let joined = format!("{alone}[backbone]\nnats = [\"nats://127.0.0.1:1\"]\ncreds = {creds:?}\n");
    assert_eq!(cores_of(&joined, "core-creds", &["--insecure-links", "--places", "offline"]), ["0", "0"]);
    // Without a key, a core dump helps to find a fault.
    assert_ne!(cores("core-none", &["--insecure-links", "--places", "offline"]), ["0", "0"]);
}
