//! Which Markdown files there are, and paths between them.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use fixtures::checkout::files;

/// Returns every Markdown file below a folder, as paths relative to `root`, sorted.
///
/// # Errors
/// A folder cannot be read.
pub(super) fn markdown(root: &Path, below: &str) -> Result<Vec<PathBuf>> {
    relative_files(root, below, &["md"])
}

/// Returns every file below a folder, as paths relative to `root`, sorted.
///
/// # Errors
/// A folder cannot be read.
pub(super) fn all(root: &Path, below: &str) -> Result<Vec<PathBuf>> {
    relative_files(root, below, &[])
}

fn relative_files(root: &Path, below: &str, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let folder = root.join(below);
    let found = files(&folder, extensions).with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(found.iter().map(|file| file.strip_prefix(root).unwrap_or(file).to_owned()).collect())
}

/// The path of a link that stands in a file, relative to the root; `None` if it leads out of the
/// checkout.
pub(super) fn resolve(file: &Path, target: &str) -> Option<PathBuf> {
    let mut path = file.parent()?.to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => path.pop().then_some(())?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// How a file in `folder` links to `path`; both are relative to the root.
pub(super) fn relative(folder: &Path, path: &Path) -> String {
    let shared = folder.components().zip(path.components()).take_while(|(left, right)| left == right).count();
    let up = folder.components().skip(shared).map(|_| "..".to_owned());
    let down = path.components().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// Whether a link leads to another site.
pub(super) fn is_external(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_resolved_from_their_file_and_written_from_another_folder() {
        let page = Path::new("docs/src/learn/first.md");
        assert_eq!(resolve(page, "../run/a.md"), Some("docs/src/run/a.md".into()));
        assert_eq!(resolve(page, "../../../README.md"), Some("README.md".into()));
        assert_eq!(resolve(page, "../../../../x"), None);
        assert_eq!(resolve(page, "/etc/passwd"), None);
        assert_eq!(relative(Path::new("docs/src/learn"), Path::new("docs/src/run/a.md")), "../run/a.md");
        assert_eq!(relative(Path::new("docs/src"), Path::new("README.md")), "../../README.md");
    }
}
