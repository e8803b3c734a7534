//! The herd file of a command line, and `herd check-config`.

use std::io::Write;
use std::path::Path;

use herd::config::Herd;
use herd::nearest::choices;

use super::environment::unknown_variables;
use super::usage::Usage;

/// Reads a herd file, or the built-in one if there is no file.
pub(super) fn read_herd(file: Option<&Path>) -> Result<Herd, Usage> {
    file.map_or_else(Herd::built_in, Herd::read).map_err(|error| Usage(error.to_string()))
}

/// The error for a name that no node of `herd` has.
pub(super) fn no_such_node(herd: &Herd, name: &str) -> Usage {
    let names = herd.members.iter().map(|member| member.name.as_str());
    let choices = choices(name, "nodes", names, "its herd file");
    Usage(format!("the herd {} has no node {name}{choices}", herd.name))
}

/// Checks a herd file, and prints that it is valid, with warnings.
///
/// # Errors
/// [`Usage`] with every problem of the file, and of the certificates and keys that it names for
/// `node` or, without one, for all nodes.
pub(super) fn check(file: &Path, node: Option<&str>) -> anyhow::Result<()> {
    let herd = Herd::check(file, node).map_err(|error| Usage(error.to_string()))?;
    if let Some(name) = node.filter(|name| herd.member(name).is_none()) {
        return Err(no_such_node(&herd, name).into());
    }
    let edges = herd.members.iter().map(|member| member.neighbours.len()).sum::<usize>() / 2;
    let mut text = format!(
        "{}: herd {}, {} nodes, {edges} edges: valid\n",
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
    // Failure is ignored, since the exit code gives the result too.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
