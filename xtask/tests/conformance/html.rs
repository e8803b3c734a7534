//! The page for people.

use std::collections::BTreeSet;

use crate::sample::{HOSTILE, file};

/// Returns the names of the elements of a page.
pub(crate) fn elements(page: &str) -> BTreeSet<&str> {
    let starts = page.split('<').skip(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    starts.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap()).collect()
}

/// Checks that a page loads nothing, and that none of the guest's bytes are markup.
pub(crate) fn check_page(page: &str) {
    let known = "a b body caption code col colgroup dd details div dl dt footer h1 h2 head header html li main \
                 meta meter p pre section span style summary table tbody td tfoot th thead title tr ul";
    let known: BTreeSet<&str> = known.split(' ').collect();
    let unknown: Vec<_> = elements(page).difference(&known).copied().collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for part in ["src=", "url(", "@import", "\x1b", "\0", "\u{202e}", HOSTILE] {
        assert!(!page.contains(part), "{part:?}");
    }
    for address in page.split("href=\"").skip(1) {
        assert!(!address.split('"').next().unwrap().contains(':'), "{address:.40}");
    }
}

#[test]
fn the_page_is_one_file_and_shows_bytes_as_text() {
    let page = file("html", "report.html");
    check_page(&page);
    assert!(page.contains("&lt;script&gt;alert('1')&lt;/script&gt;]]&gt;&amp;amp; "));
    assert!(page.contains("Content-Security-Policy"));
    assert!(page.contains("Format the skew with a sign, as <code>{:+}</code> does."));
}

#[test]
fn failed_rules_come_first_and_are_open() {
    let page = file("html-order", "report.html");
    let position = |rule: &str| page.find(&format!("id=\"rule-{rule}\"")).unwrap_or_else(|| panic!("{rule}"));
    let order = [
        "iamat-skew",
        "robust-survives",
        "pipelined",
        "flood-ends",
        "places-radius",
        "starts",
        "iamat-strict",
    ];
    assert!(order.map(position).is_sorted());
    for (rule, open) in
        [("iamat-skew", true), ("pipelined", false), ("starts", false), ("iamat-strict", false)]
    {
        assert_eq!(page.contains(&format!("id=\"rule-{rule}\" open")), open, "{rule}");
    }
    assert!(page.contains("<b>1</b> of 5.5 points"), "{page:.3000}");
}

#[test]
fn a_long_transcript_is_cut() {
    let page = file("html-long", "report.html");
    assert!(page.contains("bytes are left out here") && page.contains("transcripts/robust-survives.txt"));
    // Bytes become longer when they are escaped.
    assert!(page.len() < 400_000, "{}", page.len());
}
