//! `check-history`: check the history of a run against the invariants.

use std::path::Path;

use anyhow::{Result, bail};

use crate::commands::print::print;
use crate::oracle::timeline;
use crate::oracle::{self, History};

/// Checks a history, prints the verdict, and draws the history if `picture` is given.
///
/// # Errors
/// The file is not a history, the picture cannot be written, or an invariant is violated. In the
/// last case the verdict has been printed.
pub fn check_history(file: &Path, picture: Option<&Path>) -> Result<()> {
    let history = History::read(file)?;
    let verdict = oracle::check_history(&history);
    if let Some(picture) = picture {
        timeline::write(&history, &verdict, picture)?;
    }
    print(&verdict.to_string())?;
    match verdict.violations.len() {
        0 => Ok(()),
        violations => bail!("{}: {violations} violations of invariants", file.display()),
    }
}
