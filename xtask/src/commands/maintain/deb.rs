//! `deb`: a package for Debian and Ubuntu.

use anyhow::Result;
use clap::Args;

use crate::cluster::workspace::target_dir;
use crate::commands::print::print;
use crate::package::{make_package, try_package};

/// What to do with the package.
#[derive(Clone, Debug, Args)]
pub struct DebArgs {
    /// Then install, start, upgrade and remove it, in an overlay of this system (needs root)
    #[arg(long)]
    check: bool,
}

/// Makes the package, and prints its path.
///
/// # Errors
/// cargo-deb is not installed, the build fails, a file cannot be written, or the check fails.
pub fn write_package(args: &DebArgs) -> Result<()> {
    let package = make_package()?;
    print(&format!("{}\n", package.display()))?;
    if args.check {
        try_package(&package, &target_dir()?.join("debian/trial"))?;
        print("it was installed, started, upgraded and removed\n")?;
    }
    Ok(())
}
