//! Python packages in a virtual environment below the target folder.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::workspace::target_dir;

/// The file in a virtual environment that says what is installed there.
const INSTALLED: &str = "installed.txt";

/// Returns the `version` with which [`install_packages`] has built the virtual environment `name`;
/// an empty text if it has not.
///
/// # Errors
/// Cargo names no target folder.
pub(crate) fn installed_packages(name: &str) -> Result<String> {
    Ok(fs::read_to_string(target_dir()?.join(name).join(INSTALLED)).unwrap_or_default())
}

/// Returns the folder of programs of the virtual environment `name`, with the packages that the
/// arguments `packages` of `pip install` name. The environment is built if it is missing, and again
/// if `version`, which stands for the packages and their versions, has changed.
///
/// # Errors
/// `python` has no venv, or pip cannot install a package. The next call begins again.
pub(crate) fn install_packages(
    python: &Path,
    name: &str,
    version: &str,
    packages: &[&OsStr],
) -> Result<PathBuf> {
    let target = target_dir()?;
    let folder = target.join(name);
    let lock = folder.with_extension("lock");
    fs::create_dir_all(&target)?;
    let lock = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
    lock.lock().context("cannot wait for another process that installs the packages")?;
    let programs = folder.join("bin");
    // This file is written last, so an interrupted installation does not have it.
    let installed = folder.join(INSTALLED);
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == version) {
        return Ok(programs);
    }
    let hint = "check that `python3 -m venv` works (Debian: apt install python3-venv) and that pip reaches \
                its index";
    output_of(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder)).context(hint)?;
    let mut pip = Command::new(programs.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    output_of(&mut pip).context(hint)?;
    fs::write(&installed, version).with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(programs)
}

/// Returns what a program that succeeds prints, without the last line end.
///
/// # Errors
/// The program cannot be run, or fails; the message has the last line of its standard error.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.trim_end().lines().next_back().unwrap_or("it printed no reason");
    ensure!(output.status.success(), "{program} failed: {last}");
    let text = String::from_utf8(output.stdout).with_context(|| format!("{program} did not print UTF-8"))?;
    Ok(text.trim_end().to_owned())
}
