//! `herd certs`: makes and shows the certificates of a herd.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Subcommand;

use herd::tls::{Authority, Certificate, EXPIRES_SOON, Hosts, NODE_DAYS, read_certificates};

use super::values::{days, dns_name, ip_address};

#[derive(Debug, Subcommand)]
pub(super) enum Tool {
    /// Create a certificate authority for a herd, in a folder
    ///
    /// Writes ca.pem, which every node needs, and ca.key, which should stay off the nodes'
    /// machines.
    Init {
        /// The folder, which is created if it is missing
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Issue a certificate and key for one node, NODE.pem and NODE.key
    Add {
        /// The node's name in the herd file
        node: String,
        /// The folder of the authority
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Make the certificate good for this DNS name, too, by which clients reach the node over
        /// TLS; may be repeated
        ///
        /// `*.herd.example` stands for every name with one more part than herd.example.
        #[arg(long, value_name = "NAME", value_parser = dns_name)]
        dns: Vec<String>,
        /// Make the certificate good for this IP address, too; may be repeated
        #[arg(long, value_name = "ADDRESS", value_parser = ip_address)]
        ip: Vec<IpAddr>,
        /// Days until the certificate expires
        #[arg(long, default_value_t = NODE_DAYS, value_parser = days)]
        days: u32,
        /// Replace the node's certificate if it has one; without --dns and --ip, the new one is
        /// good for the same hosts
        #[arg(long)]
        replace: bool,
    },
    /// Show the names and expiry of certificates; exit 1 if any has expired
    Show {
        /// A certificate, or a folder of certificates
        #[arg(value_name = "FILE|DIR")]
        place: PathBuf,
    },
}

impl Tool {
    /// Runs the tool and prints its result.
    ///
    /// # Errors
    /// Files cannot be read or written, or a certificate that is shown has expired.
    pub(super) fn run(&self) -> Result<()> {
        match self {
            Tool::Init { folder } => {
                Authority::init(folder)?;
                print(&format!("made an authority in {}\n", folder.display()))
            }
            Tool::Add { node, folder, dns, ip, days, replace } => {
                let hosts = Hosts { names: dns.clone(), addresses: ip.clone() };
                let files = Authority::open(folder)?.add(node, &hosts, *days, *replace)?;
                print(&format!("made {} and {}\n", files.cert.display(), files.key.display()))
            }
            Tool::Show { place } => show(place),
        }
    }
}

fn show(place: &Path) -> Result<()> {
    let mut all_valid = true;
    let mut text = String::new();
    for file in certificate_files(place)? {
        let certificate = Certificate::parse(&read_certificates(&file)?[0])
            .map_err(|reason| anyhow!("{}: {reason}", file.display()))?;
        let left = certificate.expires.duration_since(SystemTime::now());
        let days = left.as_ref().map_or(0, |left| left.as_secs() / (24 * 60 * 60));
        let state = match left {
            Err(_) => "expired".to_owned(),
            Ok(left) if left <= EXPIRES_SOON => format!("expires soon, in {days} days"),
            Ok(_) => format!("valid for {days} days"),
        };
        all_valid &= left.is_ok();
        let subject = match certificate.is_authority {
            true => "the authority".to_owned(),
            false => {
                let addresses = certificate.addresses.iter().map(IpAddr::to_string);
                certificate.names.iter().cloned().chain(addresses).collect::<Vec<_>>().join(", ")
            }
        };
        let end = humantime::format_rfc3339_seconds(certificate.expires);
        text += &format!("{}: {}: {state}, until {end}\n", file.display(), subject.escape_debug());
    }
    print(&text)?;
    ensure!(all_valid, "a certificate has expired: issue a new one with `herd certs add --replace`");
    Ok(())
}

/// The file itself, or the files of the folder that end in `.pem`.
fn certificate_files(place: &Path) -> Result<Vec<PathBuf>> {
    if !place.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let entries = fs::read_dir(place).with_context(|| format!("cannot read {}", place.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "pem"));
    files.sort();
    ensure!(!files.is_empty(), "the folder {} does not contain a certificate (*.pem)", place.display());
    Ok(files)
}

fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
