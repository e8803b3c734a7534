//! Autograder bundles for Gradescope: the suite, and the scripts that Gradescope runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use regex::Regex;
use toml::Table;

use crate::conformance::graphs;
use crate::conformance::guest_file::Guest;

const SETUP: &str = include_str!("setup.sh");
const RUN_AUTOGRADER: &str = include_str!("run_autograder");
const GUEST: &str = include_str!("guest.toml");
const README: &str = include_str!("README.md");

/// Writes an autograder bundle to a new folder. `suite` is the program that judges, which works
/// without a checkout. `guest` is the guest file of the class; without it, the bundle has one to
/// edit. A herd file that the guest file names is copied too.
///
/// # Errors
/// - The folder exists and is not empty. Nothing has been written.
/// - The guest file is wrong. Nothing has been written.
/// - The suite cannot be read, or the folder cannot be written.
pub fn write_bundle(folder: &Path, suite: &Path, guest: Option<&Path>) -> Result<()> {
    let is_new = !folder.exists() || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    ensure!(
        is_new,
        "{} exists and is not an empty folder: give a new folder for the bundle",
        folder.display()
    );
    let (guest, herd_file) = match guest {
        Some(guest) => guest_to_copy(guest)?,
        None => (GUEST.to_owned(), None),
    };
    let program = fs::read(suite).with_context(|| format!("cannot read the suite {}", suite.display()))?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    write(folder, "setup.sh", SETUP.as_bytes(), 0o755)?;
    write(folder, "run_autograder", RUN_AUTOGRADER.as_bytes(), 0o755)?;
    write(folder, "conformance", &program, 0o755)?;
    write(folder, "guest.toml", guest.as_bytes(), 0o644)?;
    if let Some(text) = herd_file {
        write(folder, HERD_FILE, text.as_bytes(), 0o644)?;
    }
    write(folder, "README.md", readme(&program).as_bytes(), 0o644)
}

/// The name of the herd file in a bundle.
const HERD_FILE: &str = "herd.toml";

/// Returns the text of a guest file for the bundle, and of the herd file that it names. Its folder
/// is that of the bundle, as `run_autograder` gives the folder of the submission.
fn guest_to_copy(path: &Path) -> Result<(String, Option<String>)> {
    Guest::read(path)?;
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = with_value(&text, "folder", ".")?;
    let written: Table = text.parse()?;
    let graph = written.get("graph").and_then(toml::Value::as_str);
    let own_graph = graph.filter(|graph| !graphs::classroom_names().any(|name| name == *graph));
    let Some(graph) = own_graph else { return Ok((text, None)) };
    let file = path.with_file_name("").join(graph);
    let herd = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok((with_value(&text, "graph", HERD_FILE)?, Some(herd)))
}

/// Returns a TOML text with another value for a key at the top, which stands on one line.
fn with_value(text: &str, key: &str, value: &str) -> Result<String> {
    let line = Regex::new(&format!(r"(?m)^{key}[ \t]*=.*$"))?;
    Ok(line.replace(text, format!("{key} = {}", toml::Value::from(value))).into_owned())
}

/// The text for TAs, with what this suite needs.
fn readme(program: &[u8]) -> String {
    let glibc = glibc_needed(program).unwrap_or_else(|| "of any version".to_owned());
    README.replace("{{glibc}}", &glibc).replace("{{architecture}}", std::env::consts::ARCH)
}

/// Returns the version of glibc that a program needs: the newest of the symbol versions that it
/// names. Returns `None` if it names none.
fn glibc_needed(program: &[u8]) -> Option<String> {
    let version = regex::bytes::Regex::new(r"(?-u)GLIBC_2\.([0-9]{1,3})").ok()?;
    let minors = version.captures_iter(program).filter_map(|found| {
        let minor = std::str::from_utf8(&found[1]).ok()?;
        minor.parse::<u32>().ok()
    });
    minors.max().map(|minor| format!("2.{minor}"))
}

fn write(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
    let path = folder.join(name);
    let written =
        fs::write(&path, bytes).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use fixtures::checkout::scratch;

    use super::*;

    #[test]
    fn a_bundle_has_the_suite_the_scripts_and_a_guest_file_to_edit() {
        let folder = scratch("gradescope-bundle");
        let suite = folder.join("suite");
        fs::write(&suite, b"\x7fELF GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5").unwrap();
        let bundle = folder.join("bundle");
        write_bundle(&bundle, &suite, None).unwrap();
        for name in ["setup.sh", "run_autograder", "conformance"] {
            let mode = fs::metadata(bundle.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{name}");
        }
        let guest = Guest::read(&bundle.join("guest.toml")).unwrap();
        assert_eq!((guest.name.as_str(), guest.graph.as_str()), ("submission", "2018-winter"));
        let readme = fs::read_to_string(bundle.join("README.md")).unwrap();
        assert!(readme.contains("glibc 2.34 or newer") && !readme.contains("{{"), "{readme}");
        let error = write_bundle(&bundle, &suite, None).unwrap_err().to_string();
        assert!(error.contains("exists and is not an empty folder"), "{error}");
    }

    #[test]
    fn a_guest_file_is_copied_with_its_herd_file() {
        let folder = scratch("gradescope-guest");
        fs::create_dir_all(folder.join("program")).unwrap();
        let herd = fs::read_to_string(fixtures::herds().join("2015-winter.toml")).unwrap();
        fs::write(folder.join("mine.toml"), herd).unwrap();
        let guest = folder.join("class.guest.toml");
        let text = "# ours\nfolder = \"program\"\nstart = \"./node {name}\"\ngraph = \"mine.toml\"\n";
        fs::write(&guest, text).unwrap();
        let bundle = folder.join("bundle");
        write_bundle(&bundle, &guest, Some(&guest)).unwrap();
        let copy = fs::read_to_string(bundle.join("guest.toml")).unwrap();
        assert_eq!(copy, text.replace("\"program\"", "\".\"").replace("mine.toml", "herd.toml"));
        assert_eq!(Guest::read(&bundle.join("guest.toml")).unwrap().members().len(), 5);
        fs::write(&guest, "graph = 5\n").unwrap();
        let error = write_bundle(&folder.join("other"), &guest, Some(&guest)).unwrap_err();
        assert!(format!("{error:#}").contains("class.guest.toml is not a guest file"), "{error:#}");
        assert!(!folder.join("other").exists());
    }
}
