//! A package for Debian and Ubuntu, made by cargo-deb.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use fixtures::checkout::root;

use crate::cluster::workspace::{Profile, cargo, herd_binary};

/// The unit of this repository, and where it expects the program. Packages install it elsewhere.
const UNIT: &str = "herd/deploy/herd@.service";
const PROGRAM: [&str; 2] = ["/usr/local/bin/herd", "/usr/bin/herd"];

/// The shells for which completions are installed.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// What tries a package.
const TRIAL: &str = include_str!("try_deb.sh");

/// How to get cargo-deb, without a part that is written in C.
const INSTALL: &str = "cargo install cargo-deb --locked --no-default-features";

/// Builds the node program, and returns the path of its package. Progress goes to standard error.
///
/// # Errors
/// cargo-deb is not installed, the build fails, or a file cannot be written.
pub fn make_package() -> Result<PathBuf> {
    if !cargo().args(["deb", "--version"]).output().is_ok_and(|output| output.status.success()) {
        bail!("cargo-deb is not installed: run `{INSTALL}`");
    }
    let program = herd_binary(Profile::Release)?;
    let folder = program.parent().context("a program is in a folder")?;
    write_files(&program, &folder.join("debian"))?;
    let mut package = cargo();
    package.args(["deb", "--locked", "--package", "herd", "--no-build", "--strip", "--deb-revision", "1"]);
    let output = package.stderr(std::process::Stdio::inherit()).output().context("cannot run cargo deb")?;
    ensure!(output.status.success(), "cargo-deb cannot make the package: see its errors above");
    let path = String::from_utf8(output.stdout)?;
    Ok(PathBuf::from(path.trim()))
}

/// Installs, starts, upgrades and removes a package, in an overlay of this system that goes with
/// the processes in it. `folder` is deleted first.
///
/// # Errors
/// This user is not root, this system is not Debian or Ubuntu, or something failed.
pub fn try_package(package: &Path, folder: &Path) -> Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "only root can mount an overlay, to install the package in");
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut tried = Command::new("unshare");
    tried.args(["--mount", "bash", "-c", TRIAL, "bash"]).arg(package).arg(folder);
    let status = tried.status().context("cannot run unshare, from util-linux")?;
    ensure!(status.success(), "the package cannot be installed, started, upgraded or removed: see above");
    Ok(())
}

/// Writes what the program says of itself, and the unit, to a folder.
fn write_files(program: &Path, folder: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    let write = |name: &str, text: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    run(program, &["man", &folder.join("man1").display().to_string()])?;
    for shell in SHELLS {
        write(&format!("herd.{shell}"), &run(program, &["completions", shell])?)?;
    }
    write("herd.toml", &run(program, &["config", "init", "Alford=127.0.0.1"])?)?;
    let unit = fs::read_to_string(root().join(UNIT)).with_context(|| format!("cannot read {UNIT}"))?;
    let [here, installed] = PROGRAM;
    ensure!(unit.contains(here), "{UNIT} does not run {here}");
    write("herd@.service", unit.replace(here, installed).as_bytes())
}

fn run(program: &Path, args: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new(program).args(args).output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(output.status.success(), "herd {} failed: {}", args[0], String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}
