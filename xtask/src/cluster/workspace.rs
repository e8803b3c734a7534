//! The folders and programs of this workspace.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use fixtures::checkout::root;
use serde_json::Value;

/// The environment variable that moves the files of the running herd.
const RUN_DIR: &str = "XTASK_RUN_DIR";

/// The environment variables that move cargo's target folder.
const TARGET_DIRS: [&str; 2] = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];

/// A build profile of cargo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A build that compiles quickly.
    Debug,
    /// An optimized build, for measurements.
    Release,
}

/// Returns the folder of the running herd's files: `target/herd` in the checkout, or the folder
/// that the environment variable `XTASK_RUN_DIR` names. With the variable, the herd of a test and
/// the herd of a developer can run at the same time.
///
/// The herd belongs to the checkout, so this does not depend on the current folder or on
/// `CARGO_TARGET_DIR`. A relative `CARGO_TARGET_DIR` names another folder in each current folder,
/// and an absolute one may be shared by several checkouts. A relative `XTASK_RUN_DIR` is relative
/// to the root of the checkout.
pub fn run_dir() -> PathBuf {
    let chosen = env::var_os(RUN_DIR).filter(|folder| !folder.is_empty());
    root().join(chosen.unwrap_or_else(|| "target/herd".into()))
}

/// Returns the workspace's target folder, as the environment and cargo's configuration set it.
///
/// # Errors
/// Cargo cannot be run, or fails.
pub fn target_dir() -> Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo metadata")?;
    let metadata: Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata did not print JSON")?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata named no target folder")?;
    Ok(PathBuf::from(folder))
}

/// Builds the node program, `herd`, and returns its path.
///
/// # Errors
/// The build fails. Cargo has written the reason to standard error.
pub fn herd_binary(profile: Profile) -> Result<PathBuf> {
    binary("herd", profile)
}

/// Builds a program of the workspace and returns its path. The build is of the whole workspace, so
/// that features resolve as in every other build and no crate is built twice. Progress goes to
/// standard error.
///
/// # Errors
/// The build fails. Cargo has written the reason to standard error.
pub fn binary(name: &str, profile: Profile) -> Result<PathBuf> {
    let mut build = build_command(name, profile);
    let output = build.stderr(Stdio::inherit()).output().context("cannot run cargo build")?;
    if !output.status.success() {
        bail!("cargo cannot build {name}: see its errors above");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let binary = messages
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    binary.with_context(|| format!("cargo build named no executable for {name}"))
}

/// Returns the command that builds a program of the workspace, and reports what it does as JSON.
fn build_command(name: &str, profile: Profile) -> Command {
    let mut build = cargo();
    build.args(["build", "--workspace", "--bin", name, "--message-format=json-render-diagnostics"]);
    if profile == Profile::Release {
        build.arg("--release");
    }
    // What traces reports builds nodes that do.
    if cfg!(feature = "otel") {
        build.args(["--features", "xtask/otel"]);
    }
    build
}

/// Returns a command that runs cargo in the root of the checkout, with the target folder that this
/// program is in. The variables with which an outer cargo describes its package are removed: build
/// scripts that read them would run again whenever the caller changes.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let outer = env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        let about_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        about_package.iter().any(|prefix| name.starts_with(prefix))
    });
    outer.for_each(|name| {
        cargo.env_remove(name);
    });
    // A relative target folder is relative to the folder in which the outer cargo was called.
    for variable in TARGET_DIRS {
        let relative = env::var_os(variable).map(PathBuf::from).filter(|folder| folder.is_relative());
        if let Some(folder) = relative.and_then(|_| fixtures::checkout::target()) {
            cargo.env(variable, folder);
        }
    }
    cargo.current_dir(root());
    cargo
}

#[cfg(all(test, not(any(feature = "otel", feature = "browser"))))]
mod tests {
    use super::*;

    #[test]
    fn a_herd_starts_without_building_the_libraries_of_the_tests_again() {
        let output = build_command("herd", Profile::Debug).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let artifacts = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let libraries: Vec<Value> = artifacts
            .filter(|message| message["reason"] == "compiler-artifact" && message["executable"].is_null())
            .collect();
        assert!(libraries.len() > 10, "{text}");
        for library in libraries {
            let name = &library["target"]["name"];
            assert_eq!(library["fresh"], true, "{name}: build the tests with `--workspace`");
        }
    }
}
