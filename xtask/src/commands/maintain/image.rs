//! `image`: a container image of the node program.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::cluster::workspace::target_dir;
use crate::commands::print::print;
use crate::package::{image, static_program, write_bill_of_materials};

/// Where to write the image.
#[derive(Clone, Debug, Args)]
pub struct ImageArgs {
    /// Write the image to this folder, without what is there [default: target/image/oci]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,

    /// Then run a node in a folder that has nothing but the files of the image
    #[arg(long)]
    check: bool,

    /// Also write the program's bill of materials (SBOM, by CycloneDX) to this file; needs
    /// cargo-cyclonedx
    #[arg(long, value_name = "FILE")]
    sbom: Option<PathBuf>,
}

/// Builds the node program as one file, and writes an image of it.
///
/// # Errors
/// The build fails, a file cannot be written, a tool is missing, or a node does not run in the
/// image.
pub fn write_image(args: &ImageArgs) -> Result<()> {
    if let Some(file) = &args.sbom {
        write_bill_of_materials(file)?;
    }
    let program = static_program()?;
    let bytes = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    let folder = args.output.clone().map_or_else(|| Ok(target_dir()?.join("image/oci")), anyhow::Ok)?;
    let written = image::write_image(&bytes, env!("CARGO_PKG_VERSION"), folder.clone())?;
    print(&format!(
        "{}\n{}, {:.1} MB compressed\n",
        folder.display(),
        written.digest,
        written.bytes() as f64 / 1e6
    ))?;
    if args.check {
        written.try_out(&target_dir()?.join("image/root"))?;
        print("a node answers in it\n")?;
    }
    Ok(())
}
