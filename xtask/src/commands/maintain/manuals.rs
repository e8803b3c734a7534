//! `manuals`: the command line of the harness for `man` and for shells.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Command, ValueEnum};
use clap_complete::{Shell, generate_to};

/// The name for which shells complete. They complete no alias of cargo, so the user defines a
/// function with this name that runs `cargo xtask`.
const FUNCTION: &str = "xtask";

/// Writes the manual pages of all commands, and a script for each shell, to a folder, which is
/// created if it is missing.
///
/// # Errors
/// The folder cannot be written.
pub fn write_manuals(command: Command, folder: &Path) -> Result<()> {
    let mut command = command.name("cargo-xtask");
    let failed = || format!("cannot write manuals to {}", folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    for shell in Shell::value_variants() {
        generate_to(*shell, &mut command, FUNCTION, folder).with_context(failed)?;
    }
    clap_mangen::generate_to(command, folder).with_context(failed)
}
