//! Writes a guest file for a program: what its sources show, with a comment where an author should
//! look.

mod api_key;
mod arguments;
mod nodes;
mod program;
mod python;
mod sources;
#[cfg(test)]
mod tests;
mod text;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::conformance::guest_file::Guest;
use program::Program;
use sources::Source;
use text::Findings;

/// The name of a guest file in the folder of its program.
pub const GUEST_FILE: &str = "guest.toml";

/// Returns a guest file for the program in `folder`, to be written as [`GUEST_FILE`] there. It has
/// comments on what was found and what was not.
///
/// # Errors
/// The folder does not exist, has a guest file already, or has no program that a guest file can be
/// written for.
pub fn guest_file_for(folder: &Path) -> Result<String> {
    ensure!(folder.exists(), "there is no folder {}", folder.display());
    ensure!(folder.is_dir(), "{} is not a folder: give the folder of a program", folder.display());
    let file = folder.join(GUEST_FILE);
    ensure!(
        !file.exists(),
        "{} exists already: edit it, or remove it and run this command again",
        file.display()
    );
    let (below, program, sources) = find_program(folder)?;
    let inside = folder.join(&below);
    let findings = Findings {
        name: name_of(folder),
        nodes: nodes::find(&sources)?,
        key: api_key::find(&sources)?,
        missing_folders: text::missing_folders(&inside, &sources)?,
        folder: below,
        program,
        sources,
    };
    let text = findings.text();
    let file = std::path::absolute(file)?;
    Guest::parse(&text, &file).with_context(|| format!("the guest file would be wrong:\n{text}"))?;
    Ok(text)
}

/// Finds the program in a folder or in one of the folders within it. Returns that folder's name,
/// which is `.` for the folder itself.
fn find_program(folder: &Path) -> Result<(String, Program, Vec<Source>)> {
    let mut empty = true;
    for below in folders(folder)? {
        let inside = folder.join(&below);
        let sources = sources::read(&inside)?;
        empty &= sources.is_empty();
        if let Some(program) = program::find(&inside, &sources)? {
            return Ok((below, program, sources));
        }
    }
    let what = if empty { "has no sources" } else { "has sources, but none looks like a server" };
    bail!(
        "{} {what}: a guest file can be written for a program in Python (server.py, main.py), Node.js \
         (package.json), Rust (Cargo.toml), Go (go.mod) or Elixir (mix.exs); for another one, write the \
         file by hand with `start` at least",
        folder.display()
    )
}

/// The folder itself, and the folders within it by name.
fn folders(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|name| !name.starts_with('.') && name != "node_modules").collect();
    names.sort();
    names.insert(0, ".".to_owned());
    Ok(names)
}

/// The name of a folder, also if it is given as `.`.
fn name_of(folder: &Path) -> String {
    let path = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    path.file_name().map_or_else(|| "my herd".to_owned(), |name| name.to_string_lossy().into_owned())
}
