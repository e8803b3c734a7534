//! Tables of cases with exact answers, and properties of arbitrary bytes.

mod commands;
mod link_lines;
mod properties;
mod splitting;
mod values;

use proptest::prelude::*;

use super::*;

fn time(text: &str) -> Time {
    Stamp::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a time")).time()
}

fn written(skew: Skew) -> String {
    let mut out = Vec::new();
    skew.write(&mut out);
    String::from_utf8(out).unwrap()
}

fn iamat(id: &str, location: &str, time: &str) -> bool {
    Command::parse(format!("IAMAT {id} {location} {time}").as_bytes()).is_ok()
}

/// Returns every line of a stream that arrives in these segments and then ends.
fn lines_of<'a>(
    longest: usize,
    segments: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Result<Vec<u8>, Vec<u8>>> {
    let mut lines = Lines::new(longest);
    let mut found = Vec::new();
    let mut take = |lines: &mut Lines| {
        while let Some(piece) = lines.next_line() {
            match piece {
                Piece::Line(line) => found.push(Ok(line.to_vec())),
                Piece::TooLong(line) => {
                    found.push(Err(line[..longest].to_vec()));
                    lines.discard();
                }
            }
        }
    };
    for segment in segments {
        lines.room().extend_from_slice(segment);
        take(&mut lines);
    }
    lines.end();
    take(&mut lines);
    found
}
