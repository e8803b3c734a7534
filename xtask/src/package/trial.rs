//! Runs the program of an image in a root folder that has nothing else.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::cluster::line_client::{ask, connect};

/// A report, and how the node answers it.
const REPORT: &str = "IAMAT kiwi +34.068930-118.445127 1520023934.918963997";
const ANSWER: &str = "AT Alford +";

/// The folders of the system that every container has.
const OF_SYSTEM: [&str; 2] = ["dev", "proc"];

/// What the shell runs in the namespace, with the root folder and then the command as arguments.
const ENTER: &str = r#"for folder in dev proc; do mount --rbind /$folder "$0/$folder" || exit; done
exec chroot "$0" "$@""#;

/// Unpacks an image's layer to `root`, without what was there, and runs a node in it, whose root
/// folder that is. The node has to answer a report, and a probe. Needs `unshare`, from util-linux,
/// and a system that lets users make namespaces. What is mounted goes with the namespace.
///
/// # Errors
/// The node cannot be run there, or answers something else.
pub(super) fn try_layer(compressed: &[u8], root: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(root);
    let unpacked = tar::Archive::new(GzDecoder::new(compressed)).unpack(root);
    unpacked.with_context(|| format!("cannot unpack the image to {}", root.display()))?;
    for folder in OF_SYSTEM {
        fs::create_dir(root.join(folder))
            .with_context(|| format!("cannot create /{folder} for the image"))?;
    }
    let mut node = in_root(root, &["Alford", "--insecure-links", "--stop-with-stdin", "--data-dir", "/data"])
        .args(
            ["--client-address", "--link-address", "--admin-address"]
                .iter()
                .flat_map(|flag| [flag, "127.0.0.1:0"]),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run unshare, from util-linux")?;
    let tried = try_node(&mut node, root);
    // The node stops when its standard input closes.
    drop(node.stdin.take());
    let ended = node.wait()?;
    tried?;
    ensure!(ended.success(), "the node of the image ended with {ended}");
    Ok(())
}

fn try_node(node: &mut Child, root: &Path) -> Result<()> {
    let output = node.stdout.take().context("the output of the node is not piped")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let ready: Value = serde_json::from_str(&line).context("the node of the image did not get ready")?;
    let address = |key: &str| -> Result<SocketAddr> {
        Ok(ready[key].as_str().with_context(|| format!("the node names no {key} address"))?.parse()?)
    };
    let answer = ask(&mut connect(address("client")?)?, REPORT)?;
    ensure!(answer.starts_with(ANSWER), "the node of the image answered {answer:?}");
    let probe = in_root(root, &["probe", "--alive", &address("admin")?.to_string()]).output()?;
    ensure!(probe.status.success(), "the probe failed: {}", String::from_utf8_lossy(&probe.stderr));
    Ok(())
}

/// A command that runs the program of the image in a namespace, without any environment.
fn in_root(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.args(["--map-root-user", "--mount", "sh", "-c", ENTER]).arg(root).arg("/herd").args(args);
    command
}
