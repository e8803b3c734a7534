//! What the checks need of a Markdown page: its links, its headings and its commands.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A page, read.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Links and images, in the order of the text.
    pub(super) links: Vec<Link>,
    /// The anchors of the headings.
    pub(super) anchors: BTreeSet<String>,
    /// Fenced code blocks.
    pub(super) blocks: Vec<Block>,
}

/// A link or an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Where it leads, as written.
    pub(super) target: String,
    /// The bytes of the whole link in the text.
    pub(super) range: Range<usize>,
    /// Its line, from 1.
    pub(super) line: usize,
}

/// A fenced code block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The words after the opening fence, such as `console` and `no_run`.
    pub(super) words: Vec<String>,
    /// What is inside.
    pub(super) text: String,
    /// The line of its opening fence, from 1.
    pub(super) line: usize,
}

impl Page {
    /// Reads a page.
    pub(super) fn read(text: &str) -> Page {
        let mut page = Page::default();
        let mut slugs = BTreeMap::new();
        let mut heading: Option<String> = None;
        let mut is_block = false;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = text[..range.start].matches('\n').count() + 1;
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(Link { target: dest_url.to_string(), range, line });
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors.insert(unique(&slug(&heading.take().unwrap_or_default()), &mut slugs));
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    is_block = true;
                    let words = info.split([',', ' ']).filter(|word| !word.is_empty());
                    let words = words.map(str::to_owned).collect();
                    page.blocks.push(Block { words, text: String::new(), line });
                }
                Event::End(TagEnd::CodeBlock) => is_block = false,
                Event::Text(part) | Event::Code(part) => {
                    if let Some(block) = page.blocks.last_mut().filter(|_| is_block) {
                        block.text += &part;
                    }
                    if let Some(heading) = &mut heading {
                        *heading += &part;
                    }
                }
                _ => {}
            }
        }
        page
    }
}

/// The anchor of a heading, as code forges and mdBook make it.
fn slug(heading: &str) -> String {
    let lower = heading.trim().to_lowercase();
    let kept = lower.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// The slug, with a number if an earlier heading of the page has the same.
fn unique(slug: &str, seen: &mut BTreeMap<String, usize>) -> String {
    let count = seen.entry(slug.to_owned()).or_default();
    *count += 1;
    if *count == 1 { slug.to_owned() } else { format!("{slug}-{}", *count - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# The `herd` file, v2\n\nSee [this](a.md#b) and ![that](c.svg).\n\n\
        # Twice\n# Twice\n\n```console,no_run\n$ true\n```\n\n    $ indented\n";

    #[test]
    fn links_headings_and_blocks_are_found_with_their_lines() {
        let page = Page::read(TEXT);
        let links: Vec<_> = page.links.iter().map(|link| (link.target.as_str(), link.line)).collect();
        assert_eq!(links, [("a.md#b", 3), ("c.svg", 3)]);
        assert_eq!(&TEXT[page.links[0].range.clone()], "[this](a.md#b)");
        assert_eq!(page.anchors.iter().collect::<Vec<_>>(), ["the-herd-file-v2", "twice", "twice-1"]);
        let block =
            Block { words: vec!["console".into(), "no_run".into()], text: "$ true\n".into(), line: 8 };
        assert_eq!(page.blocks, [block]);
    }
}
