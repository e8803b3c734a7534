//! The command line of `herd`: help, wrong arguments, exit codes.

mod arguments;
mod check_config;
mod osm;
mod places;
mod start;
mod tools;

use std::fs::{File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use assert_cmd::Command;
use fixtures::checkout::{program, scratch};
use herd::tls::{Authority, Hosts};

/// Longer than any of these commands takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn herd() -> Command {
    let mut command = Command::new(program("herd"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HERD_")) {
        command.env_remove(name);
    }
    command.env("XDG_STATE_HOME", folder().join("state")).timeout(DEADLINE);
    command
}

/// The folder of the current test, whose name is that of its thread.
fn folder() -> PathBuf {
    scratch(thread::current().name().expect("a test should run in a separate thread"))
}

/// A path in that folder.
fn file(name: &str) -> String {
    folder().join(name).display().to_string()
}

/// Runs a command that must fail with this exit code, and returns its standard error.
fn stderr_of_failure(command: &mut Command, code: i32) -> String {
    let output = command.assert().code(code).get_output().clone();
    assert!(output.stdout.is_empty(), "a failure has no output");
    String::from_utf8(output.stderr).unwrap()
}

/// A herd file of one node at the given addresses.
fn herd_file(name: &str, client: &str, link: &str) -> String {
    let path = file(&format!("{name}.toml"));
    let node =
        format!("name = \"one\"\n[[node]]\nname = \"Alford\"\nclient = \"{client}\"\nlink = \"{link}\"\n");
    std::fs::write(&path, node).unwrap();
    path
}
