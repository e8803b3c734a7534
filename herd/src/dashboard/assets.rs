//! The files of the page, which are part of the program.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// The page.
pub(super) const PAGE: &str = include_str!("../../dashboard/index.html");

/// The path below `/assets/` of each file, and its bytes.
macro_rules! assets {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../dashboard/", $path)))),*]
    };
}

const ASSETS: &[(&str, &[u8])] = assets![
    "icon.svg",
    "js/actions.js",
    "js/answer.js",
    "js/api.js",
    "js/clients-layer.js",
    "js/clients-store.js",
    "js/clients-worker.js",
    "js/clients.js",
    "js/dom.js",
    "js/events-panel.js",
    "js/flood-view.js",
    "js/flood.js",
    "js/format.js",
    "js/graph-parts.js",
    "js/graph.js",
    "js/herd-tables.js",
    "js/layout.js",
    "js/lesson.js",
    "js/log.js",
    "js/main.js",
    "js/map.js",
    "js/motion.js",
    "js/node-panel.js",
    "js/outline.js",
    "js/search.js",
    "js/series.js",
    "js/shapes.js",
    "js/stream.js",
    "js/summary.js",
    "js/tabs.js",
    "js/talk.js",
    "js/theme.js",
    "js/timeline.js",
    "js/world.js",
    "styles/base.css",
    "styles/herd.css",
    "styles/layout.css",
    "styles/map.css",
    "styles/side.css",
    "styles/timeline.css",
    "vendor/countries-110m.json",
    "vendor/leaflet.css",
    "vendor/leaflet.js",
    "vendor/supercluster.min.js",
    "vendor/topojson-client.min.js",
];

/// Answers with a file of the page.
pub(super) async fn serve(Path(path): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, _)| *known == path) {
        // A newer program on the same port has newer files.
        Some((_, bytes)) => {
            ([(CONTENT_TYPE, media_type(&path)), (CACHE_CONTROL, "no-cache")], *bytes).into_response()
        }
        None => (StatusCode::NOT_FOUND, "no such file\n").into_response(),
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use fixtures::checkout::root;

    use super::*;

    /// The most bytes of all files together.
    const MOST_BYTES: usize = 1_000_000;

    /// The files for those who build or test the page.
    const FOR_BUILDERS: [&str; 8] = [
        "README.md",
        "package.json",
        "tsconfig.json",
        "js/types.d.ts",
        "vendor.sh",
        "vendor/README.md",
        "vendor/SHA256SUMS",
        "vendor/supercluster.min.d.ts",
    ];

    fn add_files(folder: &Path, below: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add_files(&path, below, names);
            } else {
                names.insert(path.strip_prefix(below).unwrap().display().to_string());
            }
        }
    }

    #[test]
    fn the_program_has_every_file_of_the_page() {
        let folder = root().join("herd/dashboard");
        let mut files = BTreeSet::new();
        add_files(&folder, &folder, &mut files);
        files.retain(|name| !FOR_BUILDERS.contains(&&**name) && !name.starts_with("tests/"));
        files.remove("index.html");
        let embedded: BTreeSet<String> = ASSETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(embedded, files);
    }

    #[test]
    fn the_page_has_less_than_a_megabyte() {
        let bytes = PAGE.len() + ASSETS.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        assert!(bytes < MOST_BYTES, "{bytes} bytes");
    }
}
