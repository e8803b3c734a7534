//! The end of what nodes print and log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::files::is_inside;

/// What is kept of the end of a text.
const LINES: usize = 20;
const BYTES: usize = 4096;

/// Returns the last lines of a text.
pub(super) fn shorten(text: &str) -> String {
    let text = text.trim_end();
    let lines: Vec<&str> = text.lines().collect();
    let text = lines[lines.len().saturating_sub(LINES)..].join("\n");
    let mut start = text.len().saturating_sub(BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].to_owned()
}

/// Returns the names and ends of the logs that exist. `{name}` in their names stands for a node's
/// name.
pub(super) fn of_logs(folder: &Path, logs: &[String], nodes: &[String]) -> Vec<(String, String)> {
    let mut names: Vec<String> = Vec::new();
    for log in logs {
        for name in nodes.iter().map(|node| log.replace("{name}", node)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
        .into_iter()
        .filter_map(|name| Some((name.clone(), shorten(&end_of(folder, &folder.join(name))?))))
        .collect()
}

/// The last bytes of a file below `folder`. Links that lead out of it are not followed, and only
/// regular files are read: a pipe would never end.
fn end_of(folder: &Path, path: &Path) -> Option<String> {
    if !is_inside(folder, path) || !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(2 * BYTES as u64))).ok()?;
    let mut bytes = Vec::new();
    file.take(2 * BYTES as u64).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_and_bytes_stay() {
        let text: String = (0..100).map(|line| format!("line {line}\n")).collect();
        assert!(shorten(&text).starts_with("line 80\n") && shorten(&text).ends_with("line 99"));
        let long = shorten(&"é".repeat(5000));
        assert!(long.len() <= BYTES && long.chars().all(|c| c == 'é'), "{}", long.len());
        assert_eq!(shorten(""), "");
    }
}
