//! The graphs of guests: the classroom herds of each quarter, which are part of the program, or a
//! herd file of the guest.

use std::path::Path;

use anyhow::{Context, Result, bail};
use herd::nearest::choices;

use crate::cluster::herd_file::HerdFile;

macro_rules! classroom_herds {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../fixtures/herds/", $name, ".toml")))),*]
    };
}

/// The classroom herds: names and herd files.
const CLASSROOM: &[(&str, &str)] = classroom_herds![
    "2014-winter",
    "2015-winter",
    "2016-fall",
    "2016-winter",
    "2018-winter",
    "2020-winter",
    "2021-winter",
    "2022-winter",
    "2023-winter",
];

/// Returns the names of the classroom herds.
pub fn classroom_names() -> impl Iterator<Item = &'static str> {
    CLASSROOM.iter().map(|(name, _)| *name)
}

/// Returns the classroom herd called `name`, or reads the herd file `name`, which is relative to
/// `folder`.
///
/// # Errors
/// There is no such herd, or the file is not a herd file.
pub fn find(name: &str, folder: &Path) -> Result<HerdFile> {
    if let Some((name, text)) = CLASSROOM.iter().find(|(known, _)| *known == name) {
        return HerdFile::parse(text, name);
    }
    let path = folder.join(name);
    if !path.exists() {
        let choices = choices(name, "herds", classroom_names(), "the protocol's page");
        bail!("{name} is neither a herd file nor a classroom herd{choices}");
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    HerdFile::parse(&text, &path.display().to_string())
}
