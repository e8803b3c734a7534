//! `docs`: the book of the project.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::cluster::workspace::{Profile, herd_binary};
use crate::commands::print::print;
use crate::docs::{Programs, build, check_generated, check_links, run_commands, update};

/// What to do with the book.
#[derive(Clone, Debug, Args)]
pub struct DocsArgs {
    /// Open the book in a browser
    #[arg(long)]
    open: bool,

    /// Check the generated pages and every link first, and run the commands of the pages
    #[arg(long)]
    check: bool,

    /// Write the pages that are generated from --help again, and build nothing
    #[arg(long, conflicts_with_all = ["check", "open"])]
    update: bool,
}

/// Builds the book, after the checks that were asked for; or only writes the generated pages.
///
/// # Errors
/// The first check that fails, or what mdBook has found.
pub fn build_docs(args: &DocsArgs) -> Result<()> {
    if args.update {
        for page in update(&programs()?)? {
            print(&format!("wrote {}\n", page.display()))?;
        }
        return Ok(());
    }
    if args.check {
        let programs = programs()?;
        check_generated(&programs)?;
        check_links()?;
        let blocks = run_commands(&programs, &print)?;
        print(&format!("all links lead somewhere, and {blocks} blocks of commands do what they say\n"))?;
    }
    let first = build(&print)?;
    print(&format!("the book is {}\n", first.display()))?;
    if args.open { open(&first) } else { Ok(()) }
}

fn programs() -> Result<Programs> {
    let xtask = env::current_exe().context("cannot find this program")?;
    Ok(Programs { herd: herd_binary(Profile::Debug)?, xtask })
}

/// Opens a file with the program that the desktop has for it.
fn open(file: &Path) -> Result<()> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let status = Command::new(opener).arg(file).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(
        status.is_ok_and(|status| status.success()),
        "cannot open the book: {opener} failed; open {} in a browser",
        file.display()
    );
    Ok(())
}
