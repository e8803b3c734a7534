//! The bill of materials of the node program (SBOM): every library in it, with its version, its
//! licence and its hash, as CycloneDX defines it. cargo-cyclonedx makes it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fixtures::checkout::root;

use crate::cluster::workspace::cargo;

/// How to get cargo-cyclonedx.
const INSTALL: &str = "cargo install cargo-cyclonedx --locked";

/// The name of the files that cargo-cyclonedx writes: one in each folder of the workspace.
const NAME: &str = "herd-bill-of-materials";
const FOLDERS: [&str; 4] = ["herd", "xtask", "fixtures", "benches"];

/// Writes the bill of materials of the node program to `file`. Equal sources give equal bytes.
///
/// # Errors
/// cargo-cyclonedx is not installed or fails, or the file cannot be written.
pub fn write_bill_of_materials(file: &Path) -> Result<()> {
    if !cargo().args(["cyclonedx", "--version"]).output().is_ok_and(|output| output.status.success()) {
        bail!("cargo-cyclonedx is not installed: run `{INSTALL}`");
    }
    let mut describe = cargo();
    describe.args(["cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5", "--no-build-deps"]);
    describe.args(["--override-filename", NAME, "--manifest-path"]).arg(root().join("herd/Cargo.toml"));
    // The time in the file. Without it, no two files are equal.
    describe.env("SOURCE_DATE_EPOCH", "0");
    let written = describe.status().context("cannot run cargo cyclonedx");
    let text = fs::read_to_string(root().join("herd").join(NAME).with_extension("json"));
    for folder in FOLDERS {
        let _ = fs::remove_file(root().join(folder).join(NAME).with_extension("json"));
    }
    ensure!(written?.success(), "cargo-cyclonedx cannot describe the node program: see its errors above");
    let text = text.context("cargo-cyclonedx wrote no file")?;
    // The path of this checkout says nothing about the program.
    let text = text.replace(&format!("{}", root().display()), "");
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
