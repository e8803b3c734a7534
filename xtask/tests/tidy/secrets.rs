//! What must not be in the checkout.

use std::fmt::Write;
use std::fs;

use crate::{assert_none, files, place};

#[test]
fn no_file_is_a_private_key() {
    // In pieces, so that this file does not contain it.
    let key = concat!("PRIVATE ", "KEY-----");
    let mut problems = String::new();
    for file in files("", &[]) {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        if text.contains(key) {
            writeln!(problems, "{}", place(&file, 0)).unwrap();
        }
    }
    assert_none(&problems, "a program left a key in the checkout: delete it, and find the program");
}
