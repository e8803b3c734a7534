//! The herd file of a command line, and `herd check-config`.

use std::io::Write;
use std::path::Path;

use herd::config::Herd;
use herd::nearest::did_you_mean;

use super::environment::unknown_variables;
use super::usage::Usage;

/// Reads a herd file, or the built-in one.
pub(super) fn read_herd(file: Option<&Path>) -> Result<Herd, Usage> {
    file.map_or_else(Herd::built_in, Herd::read).map_err(|error| Usage(error.to_string()))
}

/// The error of a name that no node of `herd` has.
pub(super) fn no_such_node(herd: &Herd, name: &str) -> Usage {
    let names: Vec<&str> = herd.members.iter().map(|member| member.name.as_str()).collect();
    let hint = did_you_mean(name, names.iter().copied());
    Usage(format!(
        "no node of the herd {} is called {name}: its nodes are {}{hint}",
        herd.name,
        names.join(", ")
    ))
}

/// Says on standard output that a herd file is fine, with warnings.
///
/// # Errors
/// [`Usage`] with everything that is wrong with it, and with the files that it names for `node` or for all.
pub(super) fn check(file: &Path, node: Option<&str>) -> anyhow::Result<()> {
    let herd = Herd::check(file, node).map_err(|error| Usage(error.to_string()))?;
    if let Some(name) = node.filter(|name| herd.member(name).is_none()) {
        return Err(no_such_node(&herd, name).into());
    }
    let edges = herd.members.iter().map(|member| member.neighbours.len()).sum::<usize>() / 2;
    let mut text = format!(
        "{}: herd {}, {} nodes, {edges} edges: fine\n",
        file.display(),
        herd.name,
        herd.members.len()
    );
    for warning in herd.warnings().into_iter().chain(herd.lacks_certificates()) {
        text += &format!("{}: warning: {warning}\n", file.display());
    }
    for warning in unknown_variables() {
        text += &format!("warning: {warning}\n");
    }
    // Nobody need be reading: the exit code says it too.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
