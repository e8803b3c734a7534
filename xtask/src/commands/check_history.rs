//! `check-history`: the oracle's verdict on a history in a file.

use std::path::Path;

use anyhow::{Result, bail};

use crate::oracle::{History, check};
use crate::output::print;

/// Reads a history, and says whether it is right.
///
/// # Errors
/// The file is no history, or an invariant is violated.
pub fn run(file: &Path) -> Result<()> {
    let verdict = check(&History::read(file)?);
    print(&verdict.to_string())?;
    match verdict.violations.len() {
        0 => Ok(()),
        violations => bail!("{}: {violations} violations", file.display()),
    }
}
