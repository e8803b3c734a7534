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

const ASSETS: &[(&str, &[u8])] = assets![];

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
