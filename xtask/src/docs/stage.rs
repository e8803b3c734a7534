//! A copy of the book for mdBook, in which included files stand in full and links that leave the
//! book lead to copies of their files. Checkouts need neither: there the links lead to the files
//! themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::files::{all, is_external, markdown, relative, resolve};
use super::includes::{included, includes};
use super::markdown::Page;
use super::{BOOK, SOURCES};

/// Where the copies of linked files lie in the rendered book.
const COPIES: &str = "files";

/// Endings of files that browsers show as they are. Others get `.txt` added.
const SHOWN: [&str; 3] = ["svg", "png", "html"];

/// A book being copied.
struct Stage<'a> {
    root: &'a Path,
    /// The pages that stand for whole Markdown files, by those files.
    pages: BTreeMap<PathBuf, PathBuf>,
    /// The files outside the book that pages link to.
    linked: BTreeSet<PathBuf>,
}

/// Copies the book of a checkout to `folder`, which is emptied first. Returns the files to copy
/// into the rendered book: where each lies, and its path there.
///
/// # Errors
/// A file cannot be read or written.
pub(super) fn stage(root: &Path, folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let _ = fs::remove_dir_all(folder);
    let mut stage = Stage { root, pages: standing_for(root)?, linked: BTreeSet::new() };
    for file in all(root, BOOK)? {
        let to = folder.join(file.strip_prefix(BOOK).unwrap_or(&file));
        fs::create_dir_all(to.parent().unwrap_or(folder))
            .with_context(|| format!("cannot make the folder of {}", to.display()))?;
        if file.extension().is_some_and(|end| end == "md") {
            let text = stage.expand(&file)?;
            fs::write(&to, text).with_context(|| format!("cannot write {}", to.display()))?;
        } else {
            fs::copy(root.join(&file), &to).with_context(|| format!("cannot copy {}", file.display()))?;
        }
    }
    Ok(stage.linked.iter().map(|file| (root.join(file), copy_of(file))).collect())
}

/// The pages that include a Markdown file, by that file.
fn standing_for(root: &Path) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let mut pages = BTreeMap::new();
    for page in markdown(root, SOURCES)? {
        let files =
            includes(&read(root, &page)?).into_iter().filter_map(|include| resolve(&page, &include.path));
        let files = files.filter(|file| file.extension().is_some_and(|end| end == "md"));
        pages.extend(files.map(|file| (file, page.clone())));
    }
    Ok(pages)
}

fn read(root: &Path, file: &Path) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {}", file.display()))
}

/// Where the copy of a file lies in the rendered book. mdBook takes every link with `.md` in it for
/// one to a page.
fn copy_of(file: &Path) -> PathBuf {
    let name = file.display().to_string();
    let is_shown = file.extension().is_some_and(|end| SHOWN.iter().any(|shown| end == *shown));
    Path::new(COPIES).join(if is_shown { name } else { name.replace(".md", "-md") + ".txt" })
}

impl Stage<'_> {
    /// A page with its links and included files in place.
    fn expand(&mut self, page: &Path) -> Result<String> {
        let text = self.relink(&read(self.root, page)?, page, page);
        let mut whole = String::new();
        for line in text.lines() {
            let Some(file) = included(line).and_then(|path| resolve(page, path)) else {
                whole += line;
                whole.push('\n');
                continue;
            };
            let part = read(self.root, &file)?;
            let is_page = file.extension().is_some_and(|end| end == "md");
            whole += &if is_page { self.relink(&part, &file, page) } else { part };
        }
        Ok(whole)
    }

    /// The text of `file` with its links as they must be in `page`.
    fn relink(&mut self, text: &str, file: &Path, page: &Path) -> String {
        let mut relinked = text.to_owned();
        // From the end, so that the ranges before it stay right.
        for link in Page::read(text).links.into_iter().rev() {
            let (path, anchor) = link
                .target
                .split_once('#')
                .map_or((&*link.target, None), |(path, anchor)| (path, Some(anchor)));
            if is_external(&link.target) || path.is_empty() {
                continue;
            }
            let Some(path) = resolve(file, path) else { continue };
            let target = self.target(&path, page, anchor);
            let whole = &text[link.range.clone()];
            if let Some(start) = whole.rfind(&format!("({}", link.target)) {
                let start = link.range.start + start + 1;
                relinked.replace_range(start..start + link.target.len(), &target);
            }
        }
        relinked
    }

    /// The link from a page to a file: a page of the book, the page that stands for it, or its
    /// copy.
    fn target(&mut self, path: &Path, page: &Path, anchor: Option<&str>) -> String {
        let folder = page.parent().unwrap_or(page);
        let of_book =
            if path.starts_with(SOURCES) { Some(path) } else { self.pages.get(path).map(PathBuf::as_path) };
        if let Some(path) = of_book {
            let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
            return relative(folder, path) + &anchor;
        }
        self.linked.insert(path.to_owned());
        relative(folder, &Path::new(SOURCES).join(copy_of(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staged_page_has_its_includes_and_links_to_pages_and_copies() {
        let root = fixtures::checkout::scratch("docs-stage");
        fs::create_dir_all(root.join("docs/src/a")).unwrap();
        let write = |file: &str, text: &str| fs::write(root.join(file), text).unwrap();
        write("ARCHITECTURE.md", "[a page](docs/src/a/page.md#x) [code](lib.rs)\n");
        write("one.session", "say A x\n");
        write(
            "docs/src/a/page.md",
            "[arch](../../../ARCHITECTURE.md) [img](../../../b.svg) [web](http://x) [md](../../../c.md)\n{{#include ../../../one.session}}\n",
        );
        write("docs/src/arch.md", "{{#include ../../ARCHITECTURE.md}}\n");
        let copies = stage(&root, &root.join("out")).unwrap();
        let staged = |file: &str| fs::read_to_string(root.join("out/src").join(file)).unwrap();
        assert_eq!(
            staged("a/page.md"),
            "[arch](../arch.md) [img](../files/b.svg) [web](http://x) [md](../files/c-md.txt)\nsay A x\n"
        );
        assert_eq!(staged("arch.md"), "[a page](a/page.md#x) [code](files/lib.rs.txt)\n");
        assert_eq!(
            copies,
            [
                (root.join("b.svg"), "files/b.svg".into()),
                (root.join("c.md"), "files/c-md.txt".into()),
                (root.join("lib.rs"), "files/lib.rs.txt".into())
            ]
        );
    }
}
