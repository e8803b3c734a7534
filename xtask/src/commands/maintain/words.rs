//! `words`: check the spelling and the wording of all prose.
//!
//! Two checkers from the Python package index do it: typos looks at every file, proselint at
//! Markdown and at the comments of Rust files. The words that this project avoids are a test in
//! `xtask/tests/tidy.rs`, which needs neither.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use fixtures::checkout::{files, root};

use crate::cluster::python_packages::install_packages;
use crate::cluster::workspace::target_dir;

/// The checkers, with their versions.
const PACKAGES: [&str; 2] = ["proselint==0.16.0", "typos==1.52.0"];

/// What proselint checks, and what it leaves out.
const PROSELINT: &str = ".proselintrc.json";

/// The checkers, installed.
#[derive(Debug)]
pub(super) struct Checkers(PathBuf);

impl Checkers {
    /// Finds the checkers in the target folder, or installs them there.
    ///
    /// # Errors
    /// There is no Python with venv and pip, or the package index cannot be reached.
    pub(super) fn get() -> Result<Checkers> {
        let packages = PACKAGES.map(OsStr::new);
        let programs = install_packages(Path::new("python3"), "words-venv", &PACKAGES.join("\n"), &packages)
            .context("cannot install the checkers of words")?;
        Ok(Checkers(programs))
    }

    /// Checks all prose of the checkout. The checkers print what they find, with the places.
    ///
    /// # Errors
    /// A checker found something.
    pub(super) fn check_words(&self) -> Result<()> {
        let mut typos = Command::new(self.0.join("typos"));
        succeed(typos.args(["--format", "brief"]).current_dir(root()))
            .context("typos found misspelt words")?;
        let prose = target_dir()?.join("words");
        let _ = fs::remove_dir_all(&prose);
        let files = extract_all(&prose)?;
        let mut proselint = Command::new(self.0.join("proselint"));
        proselint.arg("check").arg("--config").arg(root().join(PROSELINT)).args(files).current_dir(&prose);
        succeed(&mut proselint).context(
            "proselint found words to change (lines are those of the file with the same name, without `.md`)",
        )
    }
}

/// Installs the checkers if they are missing, and checks all prose.
///
/// # Errors
/// The checkers cannot be installed, or one found something.
pub fn check_words() -> Result<()> {
    Checkers::get()?.check_words()
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let status = command.status().with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program} failed");
    Ok(())
}

/// Writes the prose of each file of the checkout to a file below `folder`, and returns their names.
fn extract_all(folder: &Path) -> Result<Vec<String>> {
    let root = root();
    let mut names = Vec::new();
    for file in files(&root, &["md", "rs"]).context("cannot list the files of the checkout")? {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let file = file.strip_prefix(&root).unwrap_or(&file);
        let is_rust = file.extension().is_some_and(|ending| ending == "rs");
        let prose = if is_rust { comments(&text) } else { paragraphs(&text) };
        let name = format!("{}.md", file.display());
        let path = folder.join(&name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, prose).with_context(|| format!("cannot write {}", path.display()))?;
        names.push(name);
    }
    Ok(names)
}

/// Keeps the comments of a Rust file, each on its line.
fn comments(text: &str) -> String {
    let comment = |line: &str| {
        let line = line.trim_start();
        let comment = ["///", "//!", "//"].iter().find_map(|mark| line.strip_prefix(mark));
        comment.unwrap_or_default().trim_start().to_owned()
    };
    paragraphs(&text.lines().map(|line| comment(line) + "\n").collect::<String>())
}

/// Keeps Markdown without its blocks of code and its tables, each line in its place.
fn paragraphs(text: &str) -> String {
    let mut in_code = false;
    let line = |line: &str| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        let is_prose = !in_code && !is_fence && !line.starts_with('|');
        if is_prose { format!("{line}\n") } else { "\n".to_owned() }
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_keeps_its_lines_and_loses_code_and_tables() {
        let markdown = "One.\n```sh\nnot this\n```\n| nor | this |\nTwo.\n";
        assert_eq!(paragraphs(markdown), "One.\n\n\n\n\nTwo.\n");
        let rust = "//! One.\nfn two() {}\n    // Three.\n/// ```\n/// four\n/// ```\n/// Five.\n";
        assert_eq!(comments(rust), "One.\n\nThree.\n\n\n\nFive.\n");
    }
}
