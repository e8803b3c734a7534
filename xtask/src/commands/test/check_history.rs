//! `check-history`: the oracle's verdict on a history in a file.

use std::path::Path;

use anyhow::{Result, bail};

use crate::commands::print::print;
use crate::oracle::timeline;
use crate::oracle::{self, History};

/// Reads a history, says whether it is right, and draws it if that is wanted.
///
/// # Errors
/// The file is no history, or an invariant is violated; or the picture cannot be written.
pub fn check_history(file: &Path, picture: Option<&Path>) -> Result<()> {
    let history = History::read(file)?;
    let verdict = oracle::check_history(&history);
    if let Some(picture) = picture {
        timeline::write(&history, &verdict, picture)?;
    }
    print(&verdict.to_string())?;
    match verdict.violations.len() {
        0 => Ok(()),
        violations => bail!("{}: {violations} violations", file.display()),
    }
}
