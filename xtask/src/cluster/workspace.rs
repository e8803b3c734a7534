//! Where the build puts things, and the `herd` binary.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use fixtures::checkout::root;
use serde_json::Value;

/// The variable that moves the running herd's files.
const RUN_DIR: &str = "XTASK_RUN_DIR";

/// The variables that move cargo's target folder.
const TARGET_DIRS: [&str; 2] = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];

/// How a program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build.
    Debug,
    /// To be measured.
    Release,
}

/// The folder that the running herd keeps its files in: `target/herd` in the checkout, or what the environment variable
/// `XTASK_RUN_DIR` says, so that a test's herd and a developer's can run side by side.
///
/// The herd belongs to the checkout, so neither the current folder nor `CARGO_TARGET_DIR` decides which one is meant: the
/// latter may name another folder from each folder that it is used in, or one folder for several checkouts. Likewise a
/// relative `XTASK_RUN_DIR` is relative to the root.
pub fn run_dir() -> PathBuf {
    let chosen = env::var_os(RUN_DIR).filter(|folder| !folder.is_empty());
    root().join(chosen.unwrap_or_else(|| "target/herd".into()))
}

/// The workspace's target folder, wherever the environment or a configuration file has put it.
///
/// # Errors
/// Cargo cannot tell.
pub fn target_dir() -> Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
    Ok(PathBuf::from(folder))
}

/// Builds `herd` and tells where it is.
///
/// # Errors
/// The build fails; cargo has said why.
pub fn herd_binary(profile: Profile) -> Result<PathBuf> {
    binary("herd", profile)
}

/// Builds a program of the workspace and tells where it is. The whole workspace is named, so that features resolve as
/// in any other build of it and nothing is built twice. Progress goes to standard error.
///
/// # Errors
/// The build fails; cargo has said why.
pub fn binary(name: &str, profile: Profile) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--workspace", "--bin", name, "--message-format=json-render-diagnostics"]);
    if profile == Profile::Release {
        build.arg("--release");
    }
    let output = build.stderr(Stdio::inherit()).output().context("cannot run cargo build")?;
    if !output.status.success() {
        bail!("{name} does not build");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let binary = messages
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    binary.with_context(|| format!("cargo build names no executable for {name}"))
}

/// Cargo, as if called from a shell in the checkout's root, with the target folder that this program is in. What an outer
/// cargo has told this process about its own package is taken away: build scripts that look at it would run again each
/// time the caller changes.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let told = env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        let about_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        about_package.iter().any(|prefix| name.starts_with(prefix))
    });
    told.for_each(|name| {
        cargo.env_remove(name);
    });
    // A relative one is relative to wherever the outer cargo was called.
    for variable in TARGET_DIRS {
        let relative = env::var_os(variable).map(PathBuf::from).filter(|folder| folder.is_relative());
        if let Some(folder) = relative.and_then(|_| fixtures::checkout::target()) {
            cargo.env(variable, folder);
        }
    }
    cargo.current_dir(root());
    cargo
}
