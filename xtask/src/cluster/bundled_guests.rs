//! The guests of `benches/peers`, which the herd is measured beside, and how each of them is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use fixtures::checkout::root;
use herd::nearest::choices;

use crate::cluster::guest_program::Template;
use crate::cluster::python_packages::{install_packages, installed_packages, output_of};

/// The folder of the guests' programs, in the checkout.
const PROGRAMS: &str = "benches/peers";

/// The virtual environment of the packages, in the target folder.
const VENV: &str = "peers-venv";

/// The interpreter of a guest's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runtime {
    /// Python alone.
    Python,
    /// Python with the packages of `requirements.txt`.
    PythonPackages,
    /// Node.js.
    NodeJs,
}

impl Runtime {
    /// The files that the programs of one language share.
    fn shared(self) -> [&'static str; 2] {
        match self {
            Runtime::Python | Runtime::PythonPackages => ["herd.py", "places.py"],
            Runtime::NodeJs => ["herd.js", "places.js"],
        }
    }
}

/// The guests: name, runtime, program, and a flag of the program.
const BUNDLED_GUESTS: [(&str, Runtime, &str, Option<&str>); 7] = [
    ("twisted", Runtime::PythonPackages, "twisted_herd.py", None),
    ("asyncio-streams", Runtime::Python, "asyncio_streams.py", None),
    ("asyncio-streams-uvloop", Runtime::PythonPackages, "asyncio_streams.py", Some("--uvloop")),
    ("asyncio-protocol", Runtime::Python, "asyncio_protocol.py", None),
    ("asyncio-protocol-uvloop", Runtime::PythonPackages, "asyncio_protocol.py", Some("--uvloop")),
    ("node", Runtime::NodeJs, "node_herd.js", None),
    ("node-batched", Runtime::NodeJs, "node_herd.js", Some("--batched")),
];

/// A guest of this repository whose runtime is installed.
#[derive(Clone, Debug)]
pub struct BundledGuest {
    /// The guest's name.
    pub name: &'static str,
    /// The command that runs one of its nodes.
    pub template: Template,
    /// The files of its program, which is what its author wrote.
    pub sources: Vec<PathBuf>,
}

/// Returns the names of all bundled guests, including those whose runtime is not installed.
pub fn guest_names() -> impl Iterator<Item = &'static str> {
    BUNDLED_GUESTS.into_iter().map(|(name, ..)| name)
}

/// Returns the packages of Python guests with their versions, such as `twisted 26.10.0`; none if
/// they are not installed.
///
/// # Errors
/// Cargo names no target folder.
pub(crate) fn package_versions() -> Result<Vec<String>> {
    let lines = installed_packages(VENV)?;
    let named = lines.lines().take_while(|line| !line.starts_with("# and"));
    Ok(named
        .filter_map(|line| line.split_once("=="))
        .map(|(name, version)| format!("{name} {version}"))
        .collect())
}

/// Returns the guest called `name`. The first Python guest that needs packages installs them, in a
/// virtual environment in the target folder, and `progress` gets a line about that.
///
/// # Errors
/// There is no such guest, or its runtime is not installed; the message says how to install it.
pub fn find_guest(name: &str, progress: &dyn Fn(&str)) -> Result<BundledGuest> {
    let found = BUNDLED_GUESTS.into_iter().find(|(guest, ..)| *guest == name);
    let Some((name, runtime, program, flag)) = found else {
        bail!("no bundled guest is called {name}{}", choices(name, "guests", guest_names(), "benches/peers"))
    };
    let interpreter = match runtime {
        Runtime::Python => find_python(),
        Runtime::PythonPackages => find_python().and_then(|python| python_with_packages(&python, progress)),
        Runtime::NodeJs => find_node_js(),
    };
    let interpreter = interpreter.with_context(|| format!("cannot run the guest {name}"))?;
    let program = fs::canonicalize(root().join(PROGRAMS).join(program))
        .with_context(|| format!("cannot run the guest {name}: {PROGRAMS}/{program} is missing"))?;
    let shared = runtime.shared().map(|file| root().join(PROGRAMS).join(file));
    let sources = [program.clone()].into_iter().chain(shared).collect();
    let words = [interpreter, program].map(|path| path.display().to_string());
    let placeholders = ["{name}", "{file}"].map(str::to_owned);
    let template = Template::of(words.into_iter().chain(flag.map(str::to_owned)).chain(placeholders))?;
    Ok(BundledGuest { name, template, sources })
}

/// Finds the interpreter itself: `python3` on the PATH may be a script that looks for it.
fn find_python() -> Result<PathBuf> {
    // The guests read herd files with `tomllib`, which Python has since 3.11.
    let program = "import sys, tomllib; print(sys.executable)";
    let python = output_of(Command::new("python3").args(["-c", program]));
    python
        .map(PathBuf::from)
        .context("it needs Python 3.11 or newer as python3 on the PATH (Debian: apt install python3-venv)")
}

fn find_node_js() -> Result<PathBuf> {
    let node = output_of(Command::new("node").args(["--print", "process.execPath"]));
    node.map(PathBuf::from)
        .context("it needs Node.js 18.14 or newer as node on the PATH (Debian: apt install nodejs)")
}

/// Returns the Python of a virtual environment with the packages of `requirements.txt`. The
/// environment is rebuilt when `requirements.txt` changes.
fn python_with_packages(python: &Path, progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let requirements = root().join(PROGRAMS).join("requirements.txt");
    let version = fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    if installed_packages(VENV)? != version {
        progress(&format!("installing the packages of {PROGRAMS}/requirements.txt into target/{VENV}"));
    }
    let packages = ["--no-deps".as_ref(), "--requirement".as_ref(), requirements.as_os_str()];
    let programs = install_packages(python, VENV, &version, &packages)
        .with_context(|| format!("it needs the packages of {PROGRAMS}/requirements.txt"))?;
    Ok(programs.join("python"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guest_has_its_program() {
        for (name, runtime, program, _) in BUNDLED_GUESTS {
            for file in runtime.shared().into_iter().chain([program]) {
                assert!(root().join(PROGRAMS).join(file).exists(), "{name}: {file}");
            }
        }
    }

    #[test]
    fn the_error_for_an_unknown_guest_lists_the_guests() {
        let error = find_guest("tornado", &|_| ()).unwrap_err().to_string();
        assert!(error.contains("tornado") && error.contains("twisted, asyncio-streams"), "{error}");
    }
}
