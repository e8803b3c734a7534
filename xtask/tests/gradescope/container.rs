//! An autograder in a machine like Gradescope's: root, `/autograder`, and no user namespaces.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fixtures::checkout::{program, root, scratch};
use nix::unistd::Uid;
use serde_json::Value;
use xtask::conformance::gradescope::write_bundle;

/// A node that answers IAMAT and floods nothing.
const SUBMISSION: &str = r#"
import asyncio, sys, time

PORTS = {"Alford": 12480, "Bolden": 12481, "Hamilton": 12482, "Parker": 12483, "Powell": 12484}


async def serve(name, reader, writer):
    while line := await reader.readline():
        words = line.decode(errors="replace").split()
        if len(words) == 4 and words[0] == "IAMAT":
            skew = time.time() - float(words[3])
            answer = f"AT {name} {skew:+.9f} {' '.join(words[1:])}\n"
        else:
            answer = "? " + line.decode(errors="replace")
        writer.write(answer.encode())
    writer.close()


async def main(name):
    server = await asyncio.start_server(lambda r, w: serve(name, r, w), "127.0.0.1", PORTS[name])
    await server.serve_forever()


asyncio.run(main(sys.argv[1]))
"#;

/// A process that waits for a line in a user namespace without users, and the same with all users.
fn in_user_namespace(script: &Path, arguments: &[PathBuf]) -> Child {
    let wait = "read -r _ && exec unshare --net --mount --pid --fork --kill-child bash \"$@\"";
    let mut command = Command::new("unshare");
    command
        .env("BUDGET", "30s")
        .env("LIMIT", "120s")
        .args(["--user", "sh", "-c", wait, "sh"])
        .arg(script)
        .args(arguments);
    let mut process =
        command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/user")).unwrap();
    let id = process.id().to_string();
    let deadline = Instant::now() + Duration::from_secs(20);
    while namespace(&id) == namespace("self") {
        assert!(Instant::now() < deadline, "the process did not enter its user namespace");
        thread::sleep(Duration::from_millis(2));
    }
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{id}/{map}"), "0 0 65536").unwrap();
    }
    process.stdin.take().unwrap().write_all(b"\n").unwrap();
    process
}

#[test]
fn an_autograder_judges_in_a_container_without_user_namespaces() {
    if !Uid::effective().is_root() {
        let _ = writeln!(std::io::stderr(), "not run: only root can make a machine like Gradescope's");
        return;
    }
    let folder = scratch("gradescope-container");
    let [mount, bundle, submission] = ["machine", "bundle", "submission"].map(|name| folder.join(name));
    for folder in [&mount, &submission] {
        fs::create_dir(folder).unwrap();
    }
    let guest = folder.join("class.guest.toml");
    fs::write(&guest, "start = \"python3 server.py {name}\"\nplaces = \"none\"\n").unwrap();
    write_bundle(&bundle, &program("conformance"), Some(&guest)).unwrap();
    fs::write(submission.join("server.py"), SUBMISSION).unwrap();
    let results = folder.join("results.json");
    let script = root().join("xtask/tests/gradescope/container.sh");
    let process = in_user_namespace(&script, &[mount, bundle, submission, results.clone()]);
    let output = process.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("apt-get install"), "{printed}");
    let results: Value = serde_json::from_slice(&fs::read(results).unwrap()).unwrap();
    let tests = results["tests"].as_array().unwrap();
    let score = |rule: &str| {
        let is_rule = |test: &&Value| test["name"].as_str().is_some_and(|name| name.contains(rule));
        tests.iter().find(is_rule).unwrap_or_else(|| panic!("{rule}: {results}"))["score"].as_f64().unwrap()
    };
    assert!((score("iamat-answer") - 1.0).abs() < 1e-9, "{results}");
}
