//! The frame of a page: one file that needs no script and loads nothing.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What a browser may do with the page. Even if a guest's bytes became markup, they could load and
/// run nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Returns a whole page.
pub(in crate::conformance) fn page(title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body { (content) }
        }
    };
    page.into_string()
}
