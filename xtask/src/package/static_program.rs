//! The node program as one file that needs no other file of a system.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use fixtures::checkout::root;

use crate::cluster::workspace::{cargo, target_dir};

/// Builds the node program with its C library inside, and returns its path. Equal sources give
/// equal bytes, wherever they lie. Progress goes to standard error.
///
/// # Errors
/// The build fails. Cargo has written the reason to standard error.
pub fn static_program() -> Result<PathBuf> {
    let target = target_dir()?.join("image");
    let host = host()?;
    let mut build = cargo();
    build.args(["build", "--locked", "--release", "--package", "herd", "--bin", "herd", "--target", &host]);
    build.arg("--target-dir").arg(&target);
    // Paths of this machine must not be in the program.
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cargo"));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let flags = [
        "-Ctarget-feature=+crt-static".to_owned(),
        "-Cstrip=symbols".to_owned(),
        format!("--remap-path-prefix={}=/herd", root().display()),
        format!("--remap-path-prefix={home}=/cargo"),
    ];
    // The flags of `.cargo/config.toml` are for tests only.
    build.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    ensure!(
        build.status().context("cannot run cargo build")?.success(),
        "cargo cannot build herd: see above"
    );
    Ok(target.join(host).join("release/herd"))
}

/// The name of this machine for the compiler, such as `x86_64-unknown-linux-gnu`.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").current_dir(root()).output().context("cannot run rustc")?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say for which machine it compiles")?.to_owned())
}
