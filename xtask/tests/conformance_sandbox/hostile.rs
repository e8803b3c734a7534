//! Guests that do harm, and what is left of them.

use std::fs;
use std::time::Duration;

use xtask::conformance::herd::{Exit, GuestHerd};

use crate::support::{ECHO, Sandbox, in_sandbox, wait_for};

/// Starts a herd in which Hands does something hostile once it listens, in a thread.
fn start(sandbox: &Sandbox, hostile: &str) -> GuestHerd {
    let hostile: String = hostile.lines().map(|line| format!("    {line}\n")).collect();
    let thread = format!(
        "import os, signal, sys, threading, time\ndef hostile():\n{hostile}\n\
         if sys.argv[1] == 'Hands': threading.Timer(0.5, hostile).start()\n"
    );
    sandbox.start(&format!("{thread}{ECHO}"), "")
}

fn exit_of(herd: &mut GuestHerd, node: &str) -> Exit {
    wait_for("the end of a node", || herd.exit_of(node).is_some());
    herd.exit_of(node).unwrap()
}

#[test]
fn a_daemon_is_found_killed_and_started_again() {
    in_sandbox("hostile::a_daemon_is_found_killed_and_started_again", |sandbox| {
        let daemon = "import os, sys\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n";
        let mut herd = sandbox.start(&format!("{daemon}{ECHO}"), "");
        assert_eq!(herd.exit_of("Hands"), None);
        assert_eq!(herd.usage().unwrap().processes, 2);
        herd.kill("Hands").unwrap();
        assert_eq!(herd.usage().unwrap().processes, 1);
        herd.restart("Hands").unwrap();
        let stopped = herd.stop("Hands", Duration::from_secs(10)).unwrap();
        assert_eq!((stopped.left, stopped.exit.as_deref()), (0, Some("exited with status 0")));
    });
}

#[test]
fn a_node_that_ignores_its_stop_signal_goes_on_until_it_is_killed() {
    in_sandbox("hostile::a_node_that_ignores_its_stop_signal_goes_on_until_it_is_killed", |sandbox| {
        let ignore = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n";
        let mut herd = sandbox.start(&format!("{ignore}{ECHO}"), "");
        let stopped = herd.stop("Hands", Duration::from_millis(300)).unwrap();
        assert_eq!((stopped.exit, stopped.left), (None, 1));
        herd.kill("Hands").unwrap();
        assert_eq!(herd.usage().unwrap().processes, 1);
    });
}

#[test]
fn a_node_that_kills_all_it_may_kills_nothing_of_ours() {
    in_sandbox("hostile::a_node_that_kills_all_it_may_kills_nothing_of_ours", |sandbox| {
        if sandbox.entered.is_none() {
            return;
        }
        let mut herd = start(sandbox, "os.kill(-1, signal.SIGKILL)\nos.kill(1, signal.SIGKILL)");
        assert_eq!(exit_of(&mut herd, "Goloman").words, "was killed by SIGKILL");
        assert_eq!(herd.exit_of("Hands"), None);
        herd.restart("Goloman").unwrap();
    });
}

#[test]
fn output_without_end_is_counted_and_dropped() {
    in_sandbox("hostile::output_without_end_is_counted_and_dropped", |sandbox| {
        let print = "line = b'x' * 999 + b'\\n'\nfor _ in range(50_000): os.write(1, line)\nos._exit(0)";
        let mut herd = start(sandbox, print);
        exit_of(&mut herd, "Hands");
        let words = herd.last_words();
        let (_, text) = words.iter().find(|(title, _)| title == "Hands, standard output").unwrap();
        assert!(text.contains("[of 50000014 bytes"), "{text}");
        let kept = fs::metadata(sandbox.folder.join("nodes/Hands.stdout")).unwrap().len();
        assert_eq!(kept, 8 << 20);
    });
}

#[test]
fn a_herd_with_too_many_processes_is_ended() {
    in_sandbox("hostile::a_herd_with_too_many_processes_is_ended", |sandbox| {
        // Its processes wait, so that tests which run beside this one get the processor. It gives
        // up in time where nothing limits it.
        let fork = "for _ in range(5000):\n    if os.fork() == 0: signal.pause()";
        let mut herd = start(sandbox, fork);
        let exit = exit_of(&mut herd, "Goloman");
        // Thousands of processes need memory too.
        assert!(exit.words.starts_with("was ended by this suite, because the herd "), "{}", exit.words);
        wait_for("the end of all", || herd.usage().unwrap().processes == 0);
        assert!(herd.restart("Goloman").is_err());
    });
}

#[test]
fn a_herd_that_uses_too_much_memory_is_ended() {
    in_sandbox("hostile::a_herd_that_uses_too_much_memory_is_ended", |sandbox| {
        let mut herd = start(
            sandbox,
            "import mmap\nall = mmap.mmap(-1, 8 << 30)\nall.madvise(mmap.MADV_HUGEPAGE)\nfor i in range(0, 8 << 30, 4096): all[i] = 1",
        );
        let exit = exit_of(&mut herd, "Hands");
        assert!(exit.words.contains("because the herd used more than"), "{}", exit.words);
        assert!(exit.words.ends_with(" MiB of memory"), "{}", exit.words);
    });
}

#[test]
fn a_file_that_is_too_large_is_not_written() {
    in_sandbox("hostile::a_file_that_is_too_large_is_not_written", |sandbox| {
        let write = "with open('large', 'wb') as file:\n    file.seek(1 << 30)\n    file.write(b'x')";
        let mut herd = start(sandbox, write);
        wait_for("the error of a node", || {
            herd.last_words().iter().any(|(_, text)| text.contains("File too large"))
        });
        assert_eq!(herd.exit_of("Hands"), None);
    });
}

#[test]
fn nothing_outside_can_be_changed_or_reached() {
    in_sandbox("hostile::nothing_outside_can_be_changed_or_reached", |sandbox| {
        if sandbox.entered.is_none() {
            return;
        }
        let attempts = r#"
import ctypes, errno, socket, subprocess
def attempt(what, act):
    try: print(what, "done", act())
    except OSError as error: print(what, error.errno if error.errno != errno.ENOENT else "gone")
for path in ("/etc/new", "../new", "../nodes/new", "/dev/new", "/root/new", "/var/tmp/new"):
    attempt(path, lambda: open(path, "w").close())
attempt("here", lambda: open("new", "w").close())
attempt("tmp", lambda: open(os.environ["TMPDIR"] + "/new", "w").close())
attempt("shm", lambda: open("/dev/shm/new", "w").close())
attempt("setting", lambda: open("/proc/sys/kernel/hostname", "w").write("x"))
attempt("disk", lambda: [name for name in os.listdir("/dev") if name.startswith(("sd", "vd", "nvme"))])
attempt("network", lambda: socket.create_connection(("192.0.2.1", 80), 5))
attempt("name", lambda: socket.gethostbyname("maps.example"))
attempt("localhost", lambda: socket.getaddrinfo("localhost", 80)[0][4])
mount = ctypes.CDLL(None).mount
print("remount", mount(b"none", b"/", None, 32 | 4096, None))
attempt("keeper", lambda: open("/proc/1/environ", "rb").read())
print("ours", open(os.environ["SSL_CERT_FILE"]).read().endswith("our certificate\n"))
print("end")
"#;
        let mut herd = start(sandbox, attempts.trim());
        let mut text = String::new();
        wait_for("the end of the attempts", || {
            let words = herd.last_words();
            let output = words.into_iter().find(|(title, _)| title == "Hands, standard output");
            text = output.map(|(_, text)| text).unwrap_or_default();
            text.ends_with("end")
        });
        let (readonly, denied, unreachable) = (30, 13, 101);
        let expected = format!(
            "Hands listens\n/etc/new {readonly}\n../new {readonly}\n../nodes/new {readonly}\n\
             /dev/new done None\n/root/new {readonly}\n/var/tmp/new {readonly}\nhere done None\n\
             tmp done None\nshm done None\nsetting {readonly}\ndisk done []\n\
             network {unreachable}\nname done 127.0.0.1\nlocalhost done ('127.0.0.1', 80)\n\
             remount -1\nkeeper {denied}\nours True\nend"
        );
        let text = text.replace(&format!("/root/new {denied}"), &format!("/root/new {readonly}"));
        assert_eq!(text, expected);
    });
}
