//! `herd completions` and `herd man`: the command line for shells and for `man`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::{Man, generate_to};

use super::flags::Cli;
use super::print::print_result;

/// Prints the script by which a shell completes commands and flags.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn complete(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    let mut command = command();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    print_result(&String::from_utf8(script)?)
}

/// Prints the manual page of `herd` or, with a folder, writes the pages of all commands there.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn man(folder: Option<&Path>) -> Result<()> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        Man::new(command()).render(&mut page)?;
        return print_result(&String::from_utf8(page)?);
    };
    let failed = || format!("cannot write manual pages to {}", folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    generate_to(command(), folder).with_context(failed)
}

fn command() -> Command {
    Cli::command().disable_help_subcommand(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_manual_page_has_text_in_the_notation_of_rustdoc() {
        let mut page = Vec::new();
        Man::new(command()).render(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("Run one node of a server herd") && !page.contains("[`"), "{page}");
    }
}
