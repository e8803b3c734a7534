//! Files of the system that guests read: the table of hosts, and the certificates that clients
//! trust. In a container they are edited, between two lines that mark what is ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sys::utsname::uname;

/// The table of hosts.
pub(super) const HOSTS: &str = "/etc/hosts";

/// Where systems keep the bundle of certificates.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

const BEGIN: &str = "# conformance: from here";
const END: &str = "# conformance: up to here";

/// Returns a table of hosts in which `names`, localhost and this machine lead to 127.0.0.1.
/// `localhost` has no second address: some programs would listen at that one only.
pub(super) fn hosts(names: &[String]) -> String {
    let own = uname().ok().and_then(|system| system.nodename().to_str().map(str::to_owned));
    let mut text = String::from("127.0.0.1 localhost\n");
    for name in own.iter().chain(names).filter(|name| !name.is_empty()) {
        text += &format!("127.0.0.1 {name}\n");
    }
    text
}

/// Returns the bundles of this system, without symbolic links.
pub(super) fn bundles() -> BTreeSet<PathBuf> {
    BUNDLES.iter().filter_map(|path| fs::canonicalize(path).ok()).collect()
}

/// Returns the text of the system's bundle; empty if it has none.
pub(super) fn trusted() -> String {
    let bundle = bundles().into_iter().find_map(|path| fs::read_to_string(path).ok());
    bundle.map(|text| without_block(&text)).unwrap_or_default()
}

/// Shows `file` in the place of `target` to this process's mount namespace.
pub(super) fn replace(target: &Path, file: &Path) -> Result<()> {
    mount(Some(file), target, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .with_context(|| format!("cannot replace {}", target.display()))
}

/// Adds `text` to a file, before the rest or after it.
///
/// # Errors
/// The file cannot be read or written.
pub(super) fn add_block(path: &Path, text: &str, first: bool) -> Result<()> {
    let rest = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let rest = without_block(&rest);
    let block = format!("{BEGIN}\n{}\n{END}\n", text.trim_end());
    let text = if first { block + &rest } else { rest + &block };
    // Written in place: containers mount some of these files, so they cannot be renamed.
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Takes out what [`add_block`] has added, also in an earlier run that was killed.
///
/// # Errors
/// The file cannot be read or written.
pub(super) fn remove_block(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let rest = without_block(&text);
    if rest != text {
        fs::write(path, rest).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn without_block(text: &str) -> String {
    let mut ours = false;
    let lines = text.split_inclusive('\n').filter(|line| {
        let line = line.trim_end();
        let keep = !ours && line != BEGIN;
        ours = (ours || line == BEGIN) && line != END;
        keep
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_added_once_and_removed_without_a_trace() {
        let path = std::env::temp_dir().join(format!("conformance-block-{}", std::process::id()));
        let before = "127.0.0.1 localhost\n::1 localhost";
        for first in [true, false] {
            fs::write(&path, format!("{before}\n")).unwrap();
            add_block(&path, "127.0.0.1 one\n", first).unwrap();
            add_block(&path, "127.0.0.1 two", first).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(text.matches(BEGIN).count(), 1, "{text}");
            assert!(text.contains("two") && !text.contains("one"), "{text}");
            assert_eq!(text.starts_with(BEGIN), first, "{text}");
            remove_block(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}\n"));
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn localhost_and_the_names_lead_to_one_address() {
        let text = hosts(&["maps.example".to_owned()]);
        assert!(text.starts_with("127.0.0.1 localhost\n"), "{text}");
        assert!(text.contains("127.0.0.1 maps.example\n") && !text.contains("::1"), "{text}");
    }
}
