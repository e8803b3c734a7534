//! Whether every relative link of the Markdown files leads somewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::files::{is_external, markdown, resolve};
use super::includes::includes;
use super::markdown::{Link, Page};
use super::{SOURCES, SUMMARY};

/// Every link that leads nowhere, as `FILE:LINE: what is wrong`; and every page of the book that
/// its summary leaves out.
///
/// # Errors
/// A file cannot be read.
pub(super) fn problems(root: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    for file in markdown(root, "")? {
        let text = fs::read_to_string(root.join(&file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        pages.insert(file, (Page::read(&text), includes(&text)));
    }
    let mut found = Vec::new();
    for (file, (page, includes)) in &pages {
        for link in &page.links {
            if let Some(problem) = problem(root, file, link, &pages) {
                found.push(format!("{}:{}: {problem}", file.display(), link.line));
            }
        }
        for include in includes {
            if !resolve(file, &include.path).is_some_and(|path| root.join(path).is_file()) {
                found.push(format!("{}:{}: no file {}", file.display(), include.line, include.path));
            }
        }
    }
    found.extend(left_out(&pages));
    Ok(found)
}

type Pages = BTreeMap<PathBuf, (Page, Vec<super::includes::Include>)>;

fn problem(root: &Path, file: &Path, link: &Link, pages: &Pages) -> Option<String> {
    if is_external(&link.target) {
        return None;
    }
    let (path, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
    let path = if path.is_empty() { Some(file.to_owned()) } else { resolve(file, path) };
    let Some(path) = path else { return Some(format!("the link {} leaves the checkout", link.target)) };
    if file.starts_with(SOURCES) && root.join(&path).is_dir() {
        return Some(format!("{} is a folder: a page of the book can link to files only", path.display()));
    }
    if !root.join(&path).exists() {
        return Some(format!("no file {}", path.display()));
    }
    let (page, includes) = pages.get(&path)?;
    let included = includes.iter().filter_map(|include| pages.get(&resolve(&path, &include.path)?));
    let mut anchors = included.map(|(page, _)| page).chain([page]).flat_map(|page| &page.anchors);
    let is_known = anchor.is_empty() || anchors.any(|known| known == anchor);
    (!is_known).then(|| format!("{} has no heading #{anchor}", path.display()))
}

/// The pages of the book that its summary does not link to: mdBook would leave them out.
fn left_out(pages: &Pages) -> Vec<String> {
    let summary = Path::new(SOURCES).join(SUMMARY);
    let Some((listed, _)) = pages.get(&summary) else { return Vec::new() };
    let listed: Vec<_> = listed.links.iter().filter_map(|link| resolve(&summary, &link.target)).collect();
    let is_left_out =
        |page: &&PathBuf| page.starts_with(SOURCES) && **page != summary && !listed.contains(page);
    pages
        .keys()
        .filter(is_left_out)
        .map(|page| format!("{}: {} is not in it", summary.display(), page.display()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_missing_files_headings_and_folders_are_found() {
        let root = fixtures::checkout::scratch("docs-links");
        fs::create_dir_all(root.join("docs/src")).unwrap();
        fs::create_dir_all(root.join("herd")).unwrap();
        let write = |file: &str, text: &str| fs::write(root.join(file), text).unwrap();
        write(
            "README.md",
            "# Here\n[a](#here) [b](#there) [c](docs/src/page.md#page) [d](gone.md) [e](https://x.org)\n",
        );
        write("docs/src/SUMMARY.md", "[page](page.md) [up](up.md)\n");
        write(
            "docs/src/page.md",
            "# Page\n[up](../../README.md#here)\n[folder](../../herd)\n[out](../../../x)\n",
        );
        write("docs/src/other.md", "{{#include ../../gone.session}}\n[up](up.md#here)\n");
        write("docs/src/up.md", "{{#include ../../README.md}}\n");
        assert_eq!(
            problems(&root).unwrap(),
            [
                "README.md:2: README.md has no heading #there",
                "README.md:2: no file gone.md",
                "docs/src/other.md:1: no file ../../gone.session",
                "docs/src/page.md:3: herd is a folder: a page of the book can link to files only",
                "docs/src/page.md:4: the link ../../../x leaves the checkout",
                "docs/src/SUMMARY.md: docs/src/other.md is not in it",
            ]
        );
    }
}
