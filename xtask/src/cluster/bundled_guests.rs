//! The peers that the herd is measured beside: the nodes of `benches/peers`, and what it takes to run them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use fixtures::checkout::root;

use crate::cluster::guest_program::Template;
use crate::cluster::workspace::target_dir;

/// Where the peers' programs lie, in the checkout.
const PROGRAMS: &str = "benches/peers";

/// What a peer's program runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runtime {
    /// Python alone.
    Python,
    /// Python with the packages of `requirements.txt`.
    PythonPackages,
    /// Node.js.
    Node,
}

/// The peers: their names, what they run on, their programs, and a flag.
const PEERS: [(&str, Runtime, &str, Option<&str>); 7] = [
    ("twisted", Runtime::PythonPackages, "twisted_herd.py", None),
    ("asyncio-streams", Runtime::Python, "asyncio_streams.py", None),
    ("asyncio-streams-uvloop", Runtime::PythonPackages, "asyncio_streams.py", Some("--uvloop")),
    ("asyncio-protocol", Runtime::Python, "asyncio_protocol.py", None),
    ("asyncio-protocol-uvloop", Runtime::PythonPackages, "asyncio_protocol.py", Some("--uvloop")),
    ("node", Runtime::Node, "node_herd.js", None),
    ("node-batched", Runtime::Node, "node_herd.js", Some("--batched")),
];

/// A peer that can be run.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    /// What starts one of its nodes.
    pub template: Template,
}

/// The names of all peers, whether they can be run here or not.
pub fn names() -> impl Iterator<Item = &'static str> {
    PEERS.into_iter().map(|(name, ..)| name)
}

/// All peers by name: each, or why it cannot be run here and what to do about that.
pub fn all() -> Vec<(&'static str, Result<Peer>)> {
    names().map(|name| (name, find(name))).collect()
}

/// The peer called `name`. The packages of the Python peers are installed when one first needs them, in a virtual
/// environment in the target folder.
///
/// # Errors
/// There is no such peer, or what it runs on is not installed: the message says what to do.
pub fn find(name: &str) -> Result<Peer> {
    let found = PEERS.into_iter().find(|(peer, ..)| *peer == name);
    let Some((name, runtime, program, flag)) = found else {
        bail!("no peer is called {name}: there are {}", names().collect::<Vec<_>>().join(", "))
    };
    let interpreter = match runtime {
        Runtime::Python => python(),
        Runtime::PythonPackages => python().and_then(|python| with_packages(&python)),
        Runtime::Node => node(),
    };
    let interpreter = interpreter.with_context(|| format!("{name} cannot be run"))?;
    let program = fs::canonicalize(root().join(PROGRAMS).join(program))
        .with_context(|| format!("{name} lacks its program benches/peers/{program}"))?;
    let words = [interpreter, program].map(|path| path.display().to_string());
    let places = ["{name}", "{file}"].map(str::to_owned);
    let template = Template::of(words.into_iter().chain(flag.map(str::to_owned)).chain(places))?;
    Ok(Peer { name, template })
}

/// Python itself: what is on the path may be a script that looks for it first.
fn python() -> Result<PathBuf> {
    // Herd files are read by a module that came with Python 3.11.
    let program = "import sys, tomllib; print(sys.executable)";
    let python = said(Command::new("python3").args(["-c", program]));
    python.map(PathBuf::from).context("it needs Python 3.11 or newer as python3 on the PATH: install it")
}

fn node() -> Result<PathBuf> {
    let node = said(Command::new("node").args(["--print", "process.execPath"]));
    node.map(PathBuf::from).context("it needs Node.js 18.14 or newer as node on the PATH: install it")
}

/// The Python of a virtual environment with the packages of `requirements.txt`, made anew when those change.
fn with_packages(python: &Path) -> Result<PathBuf> {
    let folder = target_dir()?.join("peers-venv");
    let lock = folder.with_extension("lock");
    fs::create_dir_all(target_dir()?)?;
    let lock = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
    lock.lock().context("cannot wait for another run that installs the packages")?;
    let requirements = root().join(PROGRAMS).join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).context("cannot read requirements.txt")?;
    // Written last: an installation that was broken off has none.
    let installed = folder.join("installed.txt");
    let program = folder.join("bin/python");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(program);
    }
    let hint = "it needs the packages of benches/peers/requirements.txt: check that `python3 -m venv` works \
                (Debian: apt install python3-venv) and that pip reaches its index";
    said(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder)).context(hint)?;
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
    said(Command::new(&program).args(pip).arg(&requirements)).context(hint)?;
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(program)
}

/// What a program that succeeds prints, without the line end.
fn said(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.trim_end().lines().next_back().unwrap_or("it did not say why");
    ensure!(output.status.success(), "{program} failed: {last}");
    Ok(String::from_utf8(output.stdout).context("what it printed is no text")?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_its_program() {
        for (name, _, program, _) in PEERS {
            assert!(root().join(PROGRAMS).join(program).exists(), "{name}");
        }
    }

    #[test]
    fn an_unknown_peer_is_answered_by_those_there_are() {
        let error = find("tornado").unwrap_err().to_string();
        assert!(error.contains("tornado") && error.contains("twisted, asyncio-streams"), "{error}");
    }
}
