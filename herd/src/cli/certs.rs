//! `herd certs`: makes the certificates of a herd, and tells what is in them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use clap::Subcommand;

use herd::tls::{Authority, Certificate, EXPIRES_SOON, NODE_DAYS, read_certificates};

/// Ten years: longer than anybody remembers how to make another.
const MOST_DAYS: i64 = 3650;

#[derive(Debug, Subcommand)]
pub(super) enum Tool {
    /// Makes a folder with a new authority: ca.pem, which every node needs, and ca.key, which should go to no machine.
    Init {
        /// The folder.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Makes a node's certificate and key in a folder that has an authority: NODE.pem and NODE.key.
    Add {
        /// The node's name in the herd file.
        node: String,
        /// The folder.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// For how many days it counts.
        #[arg(long, default_value_t = NODE_DAYS, value_parser = clap::value_parser!(u32).range(1..=MOST_DAYS))]
        days: u32,
        /// Makes another one in place of the one that is there.
        #[arg(long)]
        replace: bool,
    },
    /// Tells for whom certificates are, and when they end. Fails when one has ended.
    Show {
        /// A certificate, or a folder of them.
        #[arg(value_name = "FILE|DIR")]
        place: PathBuf,
    },
}

impl Tool {
    /// # Errors
    /// Files cannot be read or written, or a certificate that is shown has ended.
    pub(super) fn run(&self) -> Result<()> {
        match self {
            Tool::Init { folder } => {
                Authority::init(folder)?;
                say(&format!("made an authority in {}\n", folder.display()))
            }
            Tool::Add { node, folder, days, replace } => {
                let files = Authority::open(folder)?.add(node, *days, *replace)?;
                say(&format!("made {} and {}\n", files.cert.display(), files.key.display()))
            }
            Tool::Show { place } => show(place),
        }
    }
}

fn show(place: &Path) -> Result<()> {
    let mut all_count = true;
    let mut text = String::new();
    for file in certificate_files(place)? {
        let certificate = Certificate::parse(&read_certificates(&file)?[0])
            .map_err(|reason| anyhow::anyhow!("{}: {reason}", file.display()))?;
        let left = certificate.expires.duration_since(SystemTime::now());
        let days = left.as_ref().map_or(0, |left| left.as_secs() / (24 * 60 * 60));
        let state = match left {
            Err(_) => "has ended".to_owned(),
            Ok(left) if left <= EXPIRES_SOON => format!("ends soon, in {days} days"),
            Ok(_) => format!("counts for {days} days"),
        };
        all_count &= left.is_ok();
        let whose =
            if certificate.is_authority { "the authority".to_owned() } else { certificate.names.join(", ") };
        let end = humantime::format_rfc3339_seconds(certificate.expires);
        text += &format!("{}: {}: {state}, until {end}\n", file.display(), whose.escape_debug());
    }
    say(&text)?;
    ensure!(all_count, "a certificate has ended: `herd certs add --replace` makes another");
    Ok(())
}

/// The file, or those of the folder that end like certificates.
fn certificate_files(place: &Path) -> Result<Vec<PathBuf>> {
    if !place.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let entries = fs::read_dir(place).with_context(|| format!("cannot read {}", place.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "pem"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no certificates, files that end in .pem", place.display());
    Ok(files)
}

fn say(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
