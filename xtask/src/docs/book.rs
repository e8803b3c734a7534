//! The book as HTML: mdBook, which cargo installs, and its output.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::stage::stage;
use crate::cluster::workspace::{cargo, target_dir};

/// The version of mdBook that builds the book.
pub(super) const MDBOOK: &str = "0.5.4";

/// Builds the book of a checkout. Returns its first page. `note` is called with what takes long.
///
/// # Errors
/// mdBook cannot be installed, or finds something wrong.
pub(super) fn build(root: &Path, note: &dyn Fn(&str) -> Result<()>) -> Result<PathBuf> {
    let target = target_dir()?;
    let mdbook = mdbook(&target, note)?;
    let folder = target.join("docs");
    let copies = stage(root, &folder.join("staged"))?;
    let html = folder.join("book");
    let status = Command::new(mdbook)
        .arg("build")
        .arg(folder.join("staged"))
        .arg("--dest-dir")
        .arg(&html)
        .env("MDBOOK_LOG", "warn")
        .status()
        .context("cannot run mdbook")?;
    ensure!(status.success(), "mdbook cannot build the book");
    for (file, path) in copies {
        let to = html.join(path);
        fs::create_dir_all(to.parent().unwrap_or(&html))
            .and_then(|()| fs::copy(&file, &to))
            .with_context(|| format!("cannot copy {} into the book", file.display()))?;
    }
    Ok(html.join("index.html"))
}

/// The mdBook of this checkout, installed when it is missing or of another version.
fn mdbook(target: &Path, note: &dyn Fn(&str) -> Result<()>) -> Result<PathBuf> {
    let tools = target.join("tools");
    let program = tools.join("bin/mdbook");
    let version = Command::new(&program).arg("--version").stderr(Stdio::null()).output();
    if version
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == format!("mdbook v{MDBOOK}"))
    {
        return Ok(program);
    }
    note(&format!("mdbook {MDBOOK} is not in {}: installing it with cargo, once\n", tools.display()))?;
    let status = cargo()
        // A debug build takes half the time, and the book is small.
        .args(["install", "mdbook", "--version", &format!("={MDBOOK}"), "--locked", "--debug"])
        .args(["--no-default-features", "--features", "search", "--root"])
        .arg(&tools)
        .status()
        .context("cannot run cargo install")?;
    ensure!(status.success(), "cargo cannot install mdbook {MDBOOK}: check the network and crates.io");
    Ok(program)
}
