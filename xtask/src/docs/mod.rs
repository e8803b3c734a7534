//! The documentation: builds the book in `docs/`, and checks it and every other Markdown file
//! against the project.

mod book;
mod console;
mod files;
mod help;
mod includes;
mod links;
mod markdown;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use fixtures::checkout::root;

use crate::cluster::workspace::target_dir;
use console::Console;
use markdown::Page;

/// The folder of the book.
const BOOK: &str = "docs";

/// The folder of its pages.
const SOURCES: &str = "docs/src";

/// The page that lists the pages.
const SUMMARY: &str = "SUMMARY.md";

/// The programs whose help is in the book.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `herd`.
    pub herd: PathBuf,
    /// The harness.
    pub xtask: PathBuf,
}

/// A page of the book that is made, not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedPage {
    /// Its file.
    pub file: PathBuf,
    /// What it should hold.
    pub text: String,
}

/// Builds the book. Returns its first page. `note` is called with a sentence about what takes long.
///
/// # Errors
/// mdBook cannot be installed, or finds something wrong.
pub fn build(note: &dyn Fn(&str) -> Result<()>) -> Result<PathBuf> {
    book::build(&root(), note)
}

/// The pages that are made from the help of the programs.
///
/// # Errors
/// A program cannot be run.
pub fn generated(programs: &Programs) -> Result<Vec<GeneratedPage>> {
    const NOTE: &str =
        "`cargo xtask docs --update` makes this page\nfrom `--help`, and a test compares the two.";
    let herd = format!(
        "The flags and commands of a node. {NOTE}\n\n[Configure a node](../run/configure.md) shows them at work."
    );
    let xtask = format!("The commands of the harness. {NOTE}");
    let page =
        |name: &str, text| GeneratedPage { file: root().join(SOURCES).join("reference").join(name), text };
    Ok(vec![
        page("herd-command.md", help::page(&programs.herd, "herd", &herd)?),
        page("xtask-command.md", help::page(&programs.xtask, "cargo xtask", &xtask)?),
    ])
}

/// Writes the generated pages. Returns those that were out of date.
///
/// # Errors
/// A page cannot be made or written.
pub fn update(programs: &Programs) -> Result<Vec<PathBuf>> {
    let stale = stale(programs)?;
    for page in &stale {
        fs::write(&page.file, &page.text).with_context(|| format!("cannot write {}", page.file.display()))?;
    }
    Ok(stale.into_iter().map(|page| page.file).collect())
}

/// The generated pages whose files hold something else.
///
/// # Errors
/// A page cannot be made.
pub fn stale(programs: &Programs) -> Result<Vec<GeneratedPage>> {
    let pages = generated(programs)?.into_iter();
    Ok(pages.filter(|page| fs::read_to_string(&page.file).ok().as_deref() != Some(&page.text)).collect())
}

/// Fails if a generated page is out of date.
///
/// # Errors
/// Names the pages, and the command that updates them.
pub fn check_generated(programs: &Programs) -> Result<()> {
    let names: Vec<String> = stale(programs)?.iter().map(|page| page.file.display().to_string()).collect();
    ensure!(names.is_empty(), "out of date: {}; run `cargo xtask docs --update`", names.join(", "));
    Ok(())
}

/// Fails if a relative link of a Markdown file leads nowhere, or a page is not in the book's
/// summary.
///
/// # Errors
/// Lists them with their files and lines.
pub fn check_links() -> Result<()> {
    let problems = links::problems(&root())?;
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{} links lead nowhere:\n{}", problems.len(), problems.join("\n"))
}

/// Runs every `console` block of the pages that is not marked `no_run`, and compares what is
/// printed. `note` is called with each page that has one. Returns how many blocks were run.
///
/// # Errors
/// The first command that fails or prints something else, with its page and line.
pub fn run_commands(programs: &Programs, note: &dyn Fn(&str) -> Result<()>) -> Result<usize> {
    let below = target_dir()?.join("docs/console");
    let mut count = 0;
    for file in files::markdown(&root(), "")? {
        count += run_page(&file, &below, programs, note)?;
    }
    Ok(count)
}

fn run_page(
    file: &Path,
    below: &Path,
    programs: &Programs,
    note: &dyn Fn(&str) -> Result<()>,
) -> Result<usize> {
    let text =
        fs::read_to_string(root().join(file)).with_context(|| format!("cannot read {}", file.display()))?;
    let blocks = Page::read(&text).blocks;
    let blocks: Vec<_> = blocks.iter().filter(|block| console::is_run(block)).collect();
    if blocks.is_empty() {
        return Ok(0);
    }
    note(&format!("{}: {} blocks of commands\n", file.display(), blocks.len()))?;
    let folder = console::folder_for(file, &root(), below)?;
    let programs = programs.herd.parent().unwrap_or(Path::new(".")).to_owned();
    let console = Console { folder, programs };
    let run = |block: &&markdown::Block| {
        console.run(block).with_context(|| format!("{}:{}", file.display(), block.line))
    };
    let result = blocks.iter().try_for_each(run);
    console.clean_up();
    result.map(|()| blocks.len())
}
