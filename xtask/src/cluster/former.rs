//! The node program of an earlier commit, for herds that are being upgraded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use fixtures::checkout::root;

use super::workspace::{cargo, target_dir};

/// Returns the node program that is meant: a file, or what cargo builds from a commit, such as
/// `HEAD~20` or a tag. The build takes minutes the first time. Its progress goes to standard error.
///
/// # Errors
/// `given` is neither a file nor a commit of this checkout, or the build fails.
pub fn former_program(given: &str) -> Result<PathBuf> {
    let file = Path::new(given);
    if file.is_file() {
        return Ok(std::path::absolute(file)?);
    }
    let Some(commit) = commit(given)? else {
        bail!("{given} is neither a herd program nor a commit of this checkout");
    };
    let target = target_dir()?.join("former");
    let program = target.join(format!("herd-{commit}"));
    if program.is_file() {
        return Ok(program);
    }
    let sources = target.join("sources").join(&commit);
    unpack(&commit, &sources)?;
    let mut build = cargo();
    build.args(["build", "--locked", "--package", "herd", "--bin", "herd", "--target-dir"]).arg(&target);
    let built = build.current_dir(&sources).status().context("cannot run cargo build")?;
    ensure!(built.success(), "cargo cannot build the node program of {given}: see its errors above");
    // The next commit is built in the same folder.
    fs::copy(target.join("debug/herd"), &program)
        .with_context(|| format!("cannot write {}", program.display()))?;
    Ok(program)
}

/// The hash of a commit, if there is one.
fn commit(name: &str) -> Result<Option<String>> {
    let revision = format!("{name}^{{commit}}");
    let mut git = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &revision]);
    let output = git.output().context("cannot run git")?;
    let hash = String::from_utf8(output.stdout)?.trim().to_owned();
    Ok(output.status.success().then_some(hash))
}

/// Writes the files of a commit to a folder.
fn unpack(commit: &str, folder: &Path) -> Result<()> {
    let failed = || format!("cannot write the files of {commit} to {}", folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    let mut archive = git(&["archive", commit]).stdout(Stdio::piped()).spawn().context("cannot run git")?;
    let files = archive.stdout.take().with_context(failed)?;
    let unpacked = Command::new("tar").arg("--extract").arg("--directory").arg(folder).stdin(files).status();
    let archived = archive.wait()?;
    ensure!(archived.success() && unpacked.context("cannot run tar")?.success(), failed());
    Ok(())
}

fn git(args: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(root()).args(args);
    git
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_neither_a_file_nor_a_commit_is_refused() {
        for name in ["nosuch", "--help", ""] {
            let error = former_program(name).unwrap_err().to_string();
            assert_eq!(error, format!("{name} is neither a herd program nor a commit of this checkout"));
        }
        let program = root().join("Cargo.toml");
        assert_eq!(former_program(&program.display().to_string()).unwrap(), program);
    }
}
